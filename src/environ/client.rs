//! The certificate of a client, as the variables of Apache's `mod_ssl` have it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Environ, name};
use crate::gateway::der::{EXPLICIT_0, INTEGER, SEQUENCE, expect, skip};
use crate::middleware::attributes::Tls;

/// Adds what is known of the client of a connection that was secured here.
pub(super) fn tell(tls: &Tls, environ: &mut Environ) {
    // There are none that were not verified.
    let Some(certificate) = tls.client_certificates.first() else {
        environ.push("SSL_CLIENT_VERIFY", "NONE");
        return;
    };
    environ.push("SSL_CLIENT_VERIFY", "SUCCESS");
    if let Some(said) = Said::of(certificate) {
        environ.push("SSL_CLIENT_M_SERIAL", hex(said.serial));
        // One that cannot be read is not there, rather than half of it.
        for (variable, name) in [
            ("SSL_CLIENT_S_DN", said.subject),
            ("SSL_CLIENT_I_DN", said.issuer),
        ] {
            if let Some(text) = name::text(name) {
                environ.push(variable, text);
            }
        }
    }
    environ.push("SSL_CLIENT_CERT", pem(certificate));
}

/// What a certificate says (RFC 5280, section 4.1).
struct Said<'a> {
    serial: &'a [u8],
    issuer: &'a [u8],
    subject: &'a [u8],
}

impl<'a> Said<'a> {
    fn of(certificate: &'a [u8]) -> Option<Self> {
        let (certificate, _) = expect(SEQUENCE, certificate)?;
        let (fields, _) = expect(SEQUENCE, certificate)?;
        // The version is not there if it is the first.
        let (serial, rest) = expect(INTEGER, skip(EXPLICIT_0, fields))?;
        let (_algorithm, rest) = expect(SEQUENCE, rest)?;
        let (issuer, rest) = expect(SEQUENCE, rest)?;
        let (_validity, rest) = expect(SEQUENCE, rest)?;
        let (subject, _) = expect(SEQUENCE, rest)?;
        Some(Self {
            serial,
            issuer,
            subject,
        })
    }
}

/// A number as OpenSSL writes it, without the zero that keeps it from being less than zero.
fn hex(number: &[u8]) -> String {
    let number = match number {
        [0, rest @ ..] if !rest.is_empty() => rest,
        number => number,
    };
    name::hex(number)
}

/// A certificate as text (RFC 7468).
fn pem(der: &[u8]) -> String {
    let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
    // As much as makes a line of 64.
    for line in der.chunks(48) {
        STANDARD.encode_string(line, &mut text);
        text.push('\n');
    }
    text.push_str("-----END CERTIFICATE-----\n");
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;

    use super::*;

    #[test]
    fn a_number_is_written_as_its_digits() {
        for (number, text) in [
            (&[1][..], "01"),
            (&[0, 0x80], "80"),
            (&[0], "00"),
            (&[0x0a, 0xbc], "0ABC"),
        ] {
            assert_eq!(hex(number), text);
        }
    }

    proptest! {
        #[test]
        fn a_certificate_as_text_is_read_as_the_same(der in prop::collection::vec(any::<u8>(), 0..200)) {
            let text = pem(&der);
            prop_assert!(text.lines().all(|line| line.len() <= 64));
            let read = CertificateDer::from_pem_slice(text.as_bytes()).unwrap();
            prop_assert_eq!(&*read, &*der);
        }

        #[test]
        fn any_bytes_are_told_or_not(der in prop::collection::vec(any::<u8>(), 0..200)) {
            Said::of(&der);
        }
    }
}
