//! Which certificate is shown to whom, and whose requests are misdirected.

use gopuram::gateway::Tls;
use http_body_util::BodyExt as _;
use rustls::pki_types::CertificateDer;
use tokio::io::DuplexStream;
use tokio_rustls::client::TlsStream;

use super::support::{Ca, Issued, ask, client, dial, get, teller};
use crate::support;

/// A default and two hosts, one of them an asterisk.
struct Hosts {
    ca: Ca,
    default: Issued,
    exact: Issued,
    below: Issued,
    tls: Tls,
}

impl Hosts {
    fn new() -> Self {
        let ca = Ca::new("ca");
        let default = ca.server(&["default.example", "other.example", "127.0.0.1"]);
        let exact = ca.server(&["a.example"]);
        let below = ca.server(&["a.example", "*.a.example"]);
        let tls = default
            .tls()
            .host("A.example", exact.certificate())
            .unwrap()
            .host("*.a.example", below.certificate())
            .unwrap();
        Self {
            ca,
            default,
            exact,
            below,
            tls,
        }
    }

    async fn dial(&self, tls: &Tls, name: &str) -> std::io::Result<TlsStream<DuplexStream>> {
        dial(teller(), tls, client(&self.ca, &[]), name).await
    }

    /// The status of a request for one host over the connection of another.
    async fn status(&self, tls: &Tls, name: &str, host: &str) -> String {
        let mut io = self.dial(tls, name).await.unwrap();
        let answer = ask(&mut io, &get(host)).await.unwrap();
        answer.split(' ').nth(1).unwrap().to_owned()
    }
}

fn shown(io: &TlsStream<DuplexStream>) -> CertificateDer<'static> {
    let shown = io.get_ref().1.peer_certificates().unwrap();
    shown[0].clone().into_owned()
}

#[tokio::test]
async fn each_name_has_its_certificate() {
    let hosts = Hosts::new();
    for (name, expected) in [
        ("a.example", &hosts.exact),
        ("A.EXAMPLE", &hosts.exact),
        ("b.a.example", &hosts.below),
        ("default.example", &hosts.default),
        ("127.0.0.1", &hosts.default),
    ] {
        let io = hosts.dial(&hosts.tls, name).await.unwrap();
        assert!(shown(&io) == expected.der(), "{name}");
    }
    // One label and no more, and of a name that nobody has the default.
    for name in ["c.b.a.example", "example", "unknown.example"] {
        let failed = hosts.dial(&hosts.tls, name).await.unwrap_err();
        assert!(
            failed.to_string().contains("not valid for name"),
            "{failed}"
        );
    }
}

#[tokio::test]
async fn unknown_names_can_be_refused() {
    let hosts = Hosts::new();
    let tls = hosts.tls.clone().refuse_unknown();
    for name in [
        "a.example",
        "b.a.example",
        "default.example",
        "other.example",
    ] {
        assert_eq!(hosts.status(&tls, name, name).await, "200", "{name}");
    }
    // With an address no name is sent.
    for name in ["unknown.example", "127.0.0.1"] {
        let failed = hosts.dial(&tls, name).await.unwrap_err();
        let failed = failed.to_string();
        assert!(
            failed.contains("UnrecognisedName") || failed.contains("UnrecognizedName"),
            "{failed}"
        );
    }
    assert_eq!(tls.stats().unknown_name, 2);
    assert_eq!(tls.stats().completed, 4);
}

#[tokio::test]
async fn a_request_for_a_host_with_another_certificate_is_misdirected() {
    let hosts = Hosts::new();
    let tls = &hosts.tls;
    for (name, host, status) in [
        ("a.example", "a.example", "200"),
        ("a.example", "A.Example.:8443", "200"),
        ("a.example", "b.a.example", "421"),
        ("b.a.example", "a.example", "200"),
        ("default.example", "a.example", "421"),
        // Those without one of their own are nobody else's.
        ("a.example", "127.0.0.1", "200"),
        ("a.example", "unknown.example", "200"),
        ("a.example", "default.example", "200"),
        ("a.example", "", "200"),
    ] {
        let found = hosts.status(tls, name, host).await;
        assert_eq!(found, status, "{host} over {name}");
    }
}

#[tokio::test]
async fn strictly_the_certificate_must_be_valid_for_the_host() {
    let hosts = Hosts::new();
    let tls = hosts.tls.clone().strict_authority();
    for (name, host, status) in [
        ("a.example", "a.example", "200"),
        ("a.example", "b.a.example", "421"),
        ("a.example", "127.0.0.1", "421"),
        ("default.example", "127.0.0.1:8443", "200"),
        ("default.example", "other.example", "200"),
        ("default.example", "unknown.example", "421"),
        ("default.example", "[::1]", "421"),
        ("a.example", "", "421"),
    ] {
        let found = hosts.status(&tls, name, host).await;
        assert_eq!(found, status, "{host} over {name}");
    }
    let mut io = hosts.dial(&tls, "a.example").await.unwrap();
    let answer = ask(&mut io, "GET / HTTP/1.0\r\n\r\n").await.unwrap();
    assert!(answer.starts_with("HTTP/1.0 200 "), "{answer}");
}

#[tokio::test]
async fn a_misdirected_stream_leaves_its_connection_alone() {
    let hosts = Hosts::new();
    let config = client(&hosts.ca, &["h2"]);
    let io = dial(teller(), &hosts.tls, config, "a.example")
        .await
        .unwrap();
    let mut client = support::http2(io).await;
    let res = client
        .send_request(support::ask("https://b.a.example/"))
        .await;
    let res = res.unwrap();
    assert_eq!(res.status(), 421);
    assert_eq!(res.headers()["content-type"], "text/plain; charset=utf-8");
    let body = res.into_body().collect().await.unwrap().to_bytes();
    assert!(body.starts_with(b"This connection is another host's"));
    let res = client
        .send_request(support::ask("https://a.example/"))
        .await;
    assert_eq!(res.unwrap().status(), 200);
}
