//! R, S and T over TLS.

use std::sync::Arc;

use gopuram::gateway::{Certificate, Tls};
use gopuram::middleware::attributes::Attributes;
use http::Response;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsConnector;

use crate::support::{App, Count, answers, counts};

fn issue(roots: &mut RootCertStore, name: &str) -> Certificate {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed([name.to_owned()]).unwrap();
    roots.add(cert.der().clone()).unwrap();
    Certificate::pem(cert.pem(), signing_key.serialize_pem()).unwrap()
}

/// Asks for `/` of a host over a connection that was made to `a.example`; `b.example` is served too.
async fn ask(app: App, host: &str) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    let tls = Tls::new(issue(&mut roots, "a.example"))
        .host("b.example", issue(&mut roots, "b.example"))
        .unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let (client, io) = tokio::io::duplex(64 * 1024);
    tokio::spawn(gopuram::serve(app).over_tls(io, tls));
    let name = ServerName::try_from("a.example").unwrap();
    let mut client = TlsConnector::from(Arc::new(config))
        .connect(name, client)
        .await?;
    let request = format!("GET / HTTP/1.0\r\nHost: {host}\r\n\r\n");
    client.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    client.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::test]
async fn r9_a_request_over_another_hosts_connection_is_misdirected() {
    let count = Count::default();
    let answer = ask(counts(&count), "b.example").await.unwrap();
    assert!(answer.starts_with("HTTP/1.0 421 "), "{answer}");
    assert_eq!(count.get(), 0);
    let answer = ask(counts(&count), "a.example").await.unwrap();
    assert!(answer.starts_with("HTTP/1.0 200 "), "{answer}");
    assert_eq!(count.get(), 1);
}

#[tokio::test]
async fn s3_the_end_of_an_answer_that_broke_off_is_not_said() {
    let whole = answers(|_| Response::new("hello"));
    assert!(ask(whole, "a.example").await.unwrap().ends_with("hello"));
    let broken = answers(|_| {
        let frames = [Ok(http_body::Frame::data("hel".into())), Err("it broke")];
        let body = http_body_util::StreamBody::new(futures_util::stream::iter(frames));
        Response::new(gopuram::Body::new(body))
    });
    let error = ask(broken, "a.example").await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
}

#[tokio::test]
async fn t1_the_attributes_say_how_a_connection_is_secured() {
    let says = answers(|req| {
        let attributes = Attributes::of(&req).unwrap();
        let tls = attributes.connection().unwrap().tls.as_ref().unwrap();
        let name = tls.server_name.as_deref().unwrap();
        let scheme = attributes.scheme().as_str();
        Response::new(format!("<{scheme} {} {name}>", tls.version.as_str()))
    });
    let answer = ask(says, "a.example").await.unwrap();
    assert!(answer.ends_with("<https TLSv1.3 a.example>"), "{answer}");
}
