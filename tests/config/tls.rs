//! A certificate in files, and clients over TLS and without.

use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::support::Directory;

/// Asks for `/hello`; the last line of the answer.
pub(crate) async fn hello(mut io: impl AsyncRead + AsyncWrite + Unpin) -> String {
    let req = b"GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    io.write_all(req).await.unwrap();
    let mut answer = String::new();
    io.read_to_string(&mut answer).await.unwrap();
    answer.rsplit("\r\n").next().unwrap_or_default().to_owned()
}

/// The same over TLS.
pub(crate) async fn hello_over_tls(connector: &TlsConnector, address: SocketAddr) -> String {
    let name = ServerName::try_from("localhost").unwrap();
    let io = TcpStream::connect(address).await.unwrap();
    hello(connector.connect(name, io).await.unwrap()).await
}

/// A certificate for `localhost`, in the directory; who trusts it.
pub(crate) fn certificate(directory: &Directory) -> TlsConnector {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    directory.write("site.pem", cert.pem());
    directory.write("site.key", signing_key.serialize_pem());
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}
