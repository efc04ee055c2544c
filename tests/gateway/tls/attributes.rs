//! What applications are told of a connection, and which HTTP is spoken on it.

use http_body_util::BodyExt as _;
use rustls::version::{TLS12, TLS13};
use tokio::io::AsyncWriteExt as _;

use super::support::{Ca, ask, client, dial, get, speaking, teller};
use crate::support;

#[tokio::test]
async fn an_application_knows_how_its_connection_is_secured() {
    let ca = Ca::new("ca");
    let tls = ca.server(&["a.example"]).tls();
    for (versions, told) in [(&TLS12, "TLSv1.2"), (&TLS13, "TLSv1.3")] {
        let config = speaking(&ca, &[versions], None, &["http/1.1"]);
        let mut io = dial(teller(), &tls, config, "a.example").await.unwrap();
        let answer = ask(&mut io, &get("a.example")).await.unwrap();
        let told = format!("https {told} a.example http/1.1 0");
        assert!(answer.ends_with(&told), "{answer}");
    }
    assert_eq!(tls.stats().completed, 2);
    assert_eq!(tls.stats().resumed, 0);
}

#[tokio::test]
async fn http_2_is_agreed_on_and_its_scheme_is_not_believed() {
    let ca = Ca::new("ca");
    let tls = ca.server(&["a.example"]).tls();
    let config = client(&ca, &["http/1.1", "h2"]);
    let io = dial(teller(), &tls, config, "a.example").await.unwrap();
    assert_eq!(io.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let mut client = support::http2(io).await;
    for scheme in ["https", "http"] {
        let req = support::ask(&format!("{scheme}://a.example/"));
        let res = client.send_request(req).await.unwrap();
        let body = res.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, "https TLSv1.3 a.example h2 0");
    }
}

#[tokio::test]
async fn without_alpn_the_preface_tells() {
    let ca = Ca::new("ca");
    let tls = ca.server(&["a.example"]).tls();
    let io = dial(teller(), &tls, client(&ca, &[]), "a.example").await;
    let mut http2 = support::http2(io.unwrap()).await;
    let res = http2.send_request(support::ask("https://a.example/")).await;
    assert_eq!(res.unwrap().status(), 200);
    let io = dial(teller(), &tls, client(&ca, &[]), "a.example").await;
    let answer = ask(&mut io.unwrap(), &get("a.example")).await.unwrap();
    assert!(answer.ends_with("https TLSv1.3 a.example - 0"), "{answer}");
}

#[tokio::test]
async fn what_was_agreed_on_is_spoken() {
    let ca = Ca::new("ca");
    let tls = ca.server(&["a.example"]).tls();
    let config = client(&ca, &["h2"]);
    let mut io = dial(teller(), &tls, config, "a.example").await.unwrap();
    let answer = ask(&mut io, &get("a.example")).await.unwrap_or_default();
    assert_eq!(answer, "");
    let config = client(&ca, &["http/1.1"]);
    let mut io = dial(teller(), &tls, config, "a.example").await.unwrap();
    let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let answer = ask(&mut io, preface).await.unwrap_or_default();
    assert_eq!(answer, "");
}

#[tokio::test]
async fn the_protocols_can_be_chosen() {
    let ca = Ca::new("ca");
    let tls = ca.server(&["a.example"]).tls().alpn(["http/1.1"]);
    let config = client(&ca, &["h2", "http/1.1"]);
    let io = dial(teller(), &tls, config, "a.example").await.unwrap();
    assert_eq!(io.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let failed = dial(teller(), &tls, client(&ca, &["h2"]), "a.example").await;
    assert!(
        failed
            .unwrap_err()
            .to_string()
            .contains("NoApplicationProtocol")
    );
    let io = dial(
        teller(),
        &tls.clone().alpn([]),
        client(&ca, &["h2"]),
        "a.example",
    )
    .await;
    let mut io = io.unwrap();
    assert_eq!(io.get_ref().1.alpn_protocol(), None);
    io.shutdown().await.unwrap();
    assert_eq!(tls.stats().incompatible, 1);
}
