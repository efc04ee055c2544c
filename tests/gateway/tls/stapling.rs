//! What is stapled to a certificate.

use std::fs;
use std::sync::{Arc, Mutex};

use gopuram::gateway::Tls;
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

#[tokio::test]
async fn what_is_stapled_is_shown_and_read_again() {
    let ca = Ca::new("ca");
    let certificate = ca.server(&["a.example"]).certificate();
    assert_eq!(stapled(&Tls::new(certificate.clone()), &ca).await, b"");
    let dir = Dir::new();
    let file = dir.path("ocsp.der");
    fs::write(&file, [0x30, 3, 0x0a, 1, 0]).unwrap();
    let tls = Tls::new(certificate.clone().stapled(&file).unwrap());
    assert_eq!(stapled(&tls, &ca).await, [0x30, 3, 0x0a, 1, 0]);
    fs::write(&file, [0x30, 3, 0x0a, 1, 1]).unwrap();
    assert_eq!(stapled(&tls, &ca).await, [0x30, 3, 0x0a, 1, 0]);
    tls.reload().unwrap();
    assert_eq!(stapled(&tls, &ca).await, [0x30, 3, 0x0a, 1, 1]);
    // Text is none, and leaves all as it was.
    fs::write(&file, "-----BEGIN").unwrap();
    let error = tls.reload().unwrap_err();
    assert!(error.to_string().contains("no answer of OCSP"), "{error}");
    assert_eq!(stapled(&tls, &ca).await, [0x30, 3, 0x0a, 1, 1]);
    assert!(certificate.stapled(dir.path("none")).is_err());
}
