//! Text in PEM (RFC 7468), and where it came from.

use std::borrow::Cow;
use std::io;
use std::path::Path;

use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use rustls::{CertificateError, Error as TlsError};

use super::der::SEQUENCE;
use crate::{Error, regular};

/// How long a file may be, in MiB: lists of what was revoked have a million entries in it.
const LONGEST: u64 = 64;

/// Text in PEM, and where it came from.
pub(super) struct Pem<'a> {
    file: Option<&'a Path>,
    pub(super) text: Cow<'a, [u8]>,
}

impl<'a> Pem<'a> {
    pub(super) fn read(file: &'a Path) -> Result<Self, Error> {
        let text = regular::read(file, LONGEST).map_err(|error| {
            let why = match error.kind() {
                io::ErrorKind::NotFound => ": there is no such file".to_owned(),
                io::ErrorKind::PermissionDenied => ": permission denied".to_owned(),
                io::ErrorKind::FileTooLarge | io::ErrorKind::InvalidInput => format!(": {error}"),
                _ => String::new(),
            };
            Error::tls(format!("cannot read `{}`{why}", file.display()), error)
        })?;
        Ok(Self {
            file: Some(file),
            text: text.into(),
        })
    }

    pub(super) const fn given(text: &'a [u8]) -> Self {
        Self {
            file: None,
            text: Cow::Borrowed(text),
        }
    }

    /// How it is called in errors.
    pub(super) fn name(&self) -> Cow<'static, str> {
        match self.file {
            Some(file) => format!("`{}`", file.display()).into(),
            None => "the PEM given".into(),
        }
    }

    /// What is wrong with it, where its name stands for `{}`.
    pub(super) fn error(
        &self,
        problem: &str,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Error {
        let source = io::Error::new(io::ErrorKind::InvalidData, source);
        Error::tls(problem.replacen("{}", &self.name(), 1), source)
    }

    /// What of it cannot be used, as its name stands for `{}`, why, and what to do about it.
    pub(super) fn unusable(&self, what: &str, error: TlsError, advice: &str) -> Error {
        let why = match &error {
            // It is the peer's there, and here it is ours.
            TlsError::InvalidCertificate(CertificateError::Other(inner)) => inner.to_string(),
            TlsError::InvalidCertificate(inner) => inner.to_string(),
            TlsError::General(why) => why.clone(),
            other => other.to_string(),
        };
        self.error(&format!("{what} cannot be used: {why}{advice}"), error)
    }

    /// What is not in it, and what of `openssl` makes PEM of it if it is that in DER.
    pub(super) fn none(&self, what: &str, tool: &str, error: pem::Error) -> Error {
        // A sequence whose length has two bytes, as those of all certificates and keys of RSA have.
        let advice = if self.text.starts_with(&[SEQUENCE, 0x82]) {
            format!(
                "; what is there may be one in DER, of which `openssl {tool} -inform der` makes PEM"
            )
        } else {
            String::new()
        };
        self.error(&format!("there is no {what} in {{}}{advice}"), error)
    }

    /// The certificates in it, of which there is at least one.
    pub(super) fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, Error> {
        let certificates = CertificateDer::pem_slice_iter(&self.text)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| self.error("{} is not PEM", error))?;
        if certificates.is_empty() {
            let none = pem::Error::NoItemsFound;
            return Err(self.none("certificate", "x509", none));
        }
        Ok(certificates)
    }

    /// The lists of revoked certificates in it, of which there is at least one.
    pub(super) fn revoked(&self) -> Result<Vec<CertificateRevocationListDer<'static>>, Error> {
        let lists = CertificateRevocationListDer::pem_slice_iter(&self.text)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| self.error("{} is not PEM", error))?;
        if lists.is_empty() {
            let none = pem::Error::NoItemsFound;
            return Err(self.error("there is no list of revoked certificates in {}", none));
        }
        Ok(lists)
    }

    /// Whether there is a key in it that only a password opens.
    pub(super) fn is_encrypted(&self) -> bool {
        const MARKS: [&[u8]; 2] = [b"BEGIN ENCRYPTED PRIVATE KEY", b"Proc-Type: 4,ENCRYPTED"];
        let has = |mark: &[u8]| self.text.windows(mark.len()).any(|part| part == mark);
        MARKS.into_iter().any(has)
    }
}
