//! What is stapled to a certificate.

use std::fs;
use std::sync::{Arc, Mutex};

use gopuram::gateway::Tls;
use gopuram_tests::Log;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::support::{Ca, Dir, client, dial, teller};

/// Keeps what came with the certificate.
#[derive(Debug)]
struct Keeper {
    verifier: Arc<WebPkiServerVerifier>,
    stapled: Mutex<Vec<u8>>,
}

impl ServerCertVerifier for Keeper {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        *self.stapled.lock().unwrap() = ocsp_response.to_vec();
        self.verifier
            .verify_server_cert(end_entity, intermediates, server_name, &[], now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

/// What a client is shown besides the certificate.
async fn stapled(tls: &Tls, ca: &Ca) -> Vec<u8> {
    let mut roots = RootCertStore::empty();
    roots.add(ca.der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
    let keeper = Arc::new(Keeper {
        verifier: verifier.build().unwrap(),
        stapled: Mutex::default(),
    });
    let mut config = client(ca, &[]);
    let danger = Arc::clone(&keeper) as _;
    config.dangerous().set_certificate_verifier(danger);
    dial(teller(), tls, config, "a.example").await.unwrap();
    let stapled = keeper.stapled.lock().unwrap();
    stapled.clone()
}

/// An element of DER.
fn der(tag: u8, content: &[&[u8]]) -> Vec<u8> {
    let content = content.concat();
    let mut element = vec![tag, 0x82];
    element.extend(u16::try_from(content.len()).unwrap().to_be_bytes());
    element.extend(content);
    element
}

const SEQUENCE: u8 = 0x30;
const GOOD: &[u8] = &[0x80, 0];
const UNKNOWN: &[u8] = &[0x82, 0];
const REVOKED: &[u8] = b"\xa1\x11\x18\x0f20200101000000Z";

/// An answer about a certificate, good until that year (RFC 6960, section 4.2.1), signed by nobody.
fn answer(serial: u8, status: &[u8], until: &str) -> Vec<u8> {
    let time = |year: &str| der(0x18, &[year.as_bytes(), b"0101000000Z"]);
    let algorithm = der(SEQUENCE, &[&der(6, &[b"\x2b\x0e\x03\x02\x1a"])]);
    let hash = der(4, &[&[7; 20]]);
    let id = der(SEQUENCE, &[&algorithm, &hash, &hash, &[2, 1, serial]]);
    let next_update = der(0xa0, &[&time(until)]);
    let single = der(SEQUENCE, &[&id, status, &time("2020"), &next_update]);
    let responder = der(0xa2, &[&hash]);
    let data = [&responder[..], &time("2020"), &der(SEQUENCE, &[&single])];
    let basic = [&der(SEQUENCE, &data)[..], &algorithm, &der(3, &[b"\0x"])];
    let kind = der(6, &[b"\x2b\x06\x01\x05\x05\x07\x30\x01\x01"]);
    let bytes = der(SEQUENCE, &[&kind, &der(4, &[&der(SEQUENCE, &basic)])]);
    der(SEQUENCE, &[&[0x0a, 1, 0], &der(0xa0, &[&bytes])])
}

/// The number of the certificate that is served.
const NUMBER: u8 = 7;

/// What no client would take, and what is said of it.
fn useless() -> Vec<(Vec<u8>, &'static str)> {
    let good = answer(NUMBER, GOOD, "2999");
    let mut more = good.clone();
    more.push(0);
    vec![
        (Vec::new(), "no whole answer"),
        (b"-----BEGIN".to_vec(), "no whole answer"),
        (good[..good.len() - 1].to_vec(), "no whole answer"),
        (good[..good.len() / 2].to_vec(), "no whole answer"),
        (more, "no whole answer"),
        // Without what was answered.
        (vec![SEQUENCE, 3, 0x0a, 1, 0], "no whole answer"),
        (vec![SEQUENCE, 3, 0x0a, 1, 1], "malformedRequest"),
        (vec![SEQUENCE, 3, 0x0a, 1, 3], "tryLater"),
        (vec![SEQUENCE, 3, 0x0a, 1, 6], "unauthorized"),
        (answer(NUMBER + 1, GOOD, "2999"), "another certificate"),
        (answer(NUMBER, REVOKED, "2999"), "was revoked"),
        (answer(NUMBER, UNKNOWN, "2999"), "does not know"),
        (answer(NUMBER, GOOD, "2021"), "too old"),
    ]
}

#[tokio::test]
async fn what_is_stapled_is_shown_and_read_again() {
    let ca = Ca::new("ca");
    let certificate = ca.server_numbered("a.example", NUMBER).certificate();
    assert_eq!(stapled(&Tls::new(certificate.clone()), &ca).await, b"");
    let dir = Dir::new();
    let file = dir.path("ocsp.der");
    let (first, second) = (answer(NUMBER, GOOD, "2998"), answer(NUMBER, GOOD, "2999"));
    fs::write(&file, &first).unwrap();
    let tls = Tls::new(certificate.clone().stapled(&file).unwrap());
    assert_eq!(stapled(&tls, &ca).await, first);
    fs::write(&file, &second).unwrap();
    assert_eq!(stapled(&tls, &ca).await, first);
    tls.reload().unwrap();
    assert_eq!(stapled(&tls, &ca).await, second);
    assert!(certificate.stapled(dir.path("none")).is_err());
}

#[tokio::test]
async fn what_clients_would_refuse_is_not_stapled() {
    let ca = Ca::new("ca");
    let certificate = ca.server_numbered("a.example", NUMBER).certificate();
    let dir = Dir::new();
    let file = dir.path("ocsp.der");
    for (bytes, says) in useless() {
        fs::write(&file, bytes).unwrap();
        let (log, logged) = Log::new(tracing::Level::WARN);
        let guard = tracing::subscriber::set_default(log);
        let tls = Tls::new(certificate.clone().stapled(&file).unwrap());
        drop(guard);
        let said = logged();
        assert!(said.contains(says) && said.contains("ocsp.der"), "{said}");
        assert_eq!(stapled(&tls, &ca).await, b"", "{says}");
        // The next one is looked for where this one was.
        let good = answer(NUMBER, GOOD, "2999");
        fs::write(&file, &good).unwrap();
        tls.reload().unwrap();
        assert_eq!(stapled(&tls, &ca).await, good);
    }
}

#[tokio::test]
async fn a_reload_keeps_what_was_stapled_for_the_same_certificate_alone() {
    let (ca, dir) = (Ca::new("ca"), Dir::new());
    let file = dir.path("ocsp.der");
    let good = answer(NUMBER, GOOD, "2999");
    for (bytes, says) in useless() {
        ca.server_numbered("a.example", NUMBER).write(&dir);
        fs::write(&file, &good).unwrap();
        let tls = Tls::new(dir.certificate().stapled(&file).unwrap());
        let (log, logged) = Log::new(tracing::Level::WARN);
        let guard = tracing::subscriber::set_default(log);
        fs::write(&file, bytes).unwrap();
        tls.reload().unwrap();
        assert_eq!(stapled(&tls, &ca).await, good, "{says}");
        assert!(logged().contains(says), "{}", logged());
        // Another one, of the same number.
        ca.server_numbered("a.example", NUMBER).write(&dir);
        tls.reload().unwrap();
        assert_eq!(stapled(&tls, &ca).await, b"", "{says}");
        drop(guard);
    }
    // A file that is gone is no better.
    fs::write(&file, &good).unwrap();
    let tls = Tls::new(dir.certificate().stapled(&file).unwrap());
    fs::remove_file(&file).unwrap();
    tls.reload().unwrap();
    assert_eq!(stapled(&tls, &ca).await, good);
}
