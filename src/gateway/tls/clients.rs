//! Who may vouch for clients.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;

use super::config::provider;
use super::pem::Pem;
use crate::Error;

/// Who may vouch for clients: the certificates of authorities.
///
/// Whom one of them has signed, or one that they have signed, is a client with a certificate, if it is
/// for clients (RFC 5280, section 4.2.1.12) and its time has come and not passed. Lists of certificates
/// revoked are not looked at: give certificates that do not live long.
#[derive(Clone, Debug)]
pub struct Authorities {
    /// Where they came from, if they can be read again.
    file: Option<PathBuf>,
    roots: Arc<RootCertStore>,
}

impl Authorities {
    /// Those in a file in PEM, one or many.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or has something in it that is no certificate, or none.
    pub fn pem_file(file: impl AsRef<Path>) -> Result<Self, Error> {
        let file = file.as_ref();
        Ok(Self {
            file: Some(file.to_owned()),
            roots: load(&Pem::read(file)?)?,
        })
    }

    /// Those in some text in PEM.
    ///
    /// # Errors
    ///
    /// If something in it is no certificate, or there is none.
    pub fn pem(text: impl AsRef<[u8]>) -> Result<Self, Error> {
        Ok(Self {
            file: None,
            roots: load(&Pem::given(text.as_ref()))?,
        })
    }

    fn read_again(&self) -> Result<Self, Error> {
        match &self.file {
            Some(file) => Self::pem_file(file),
            None => Ok(self.clone()),
        }
    }
}

fn load(pem: &Pem<'_>) -> Result<Arc<RootCertStore>, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in pem.certificates()? {
        roots
            .add(certificate)
            .map_err(|error| pem.error("a certificate in {} cannot be used", error))?;
    }
    Ok(Arc::new(roots))
}

/// Whether clients are asked for a certificate.
#[derive(Clone, Debug)]
pub(super) enum Clients {
    Unasked,
    Optional(Authorities),
    Required(Authorities),
}

impl Clients {
    pub(super) fn read_again(&self) -> Result<Self, Error> {
        Ok(match self {
            Self::Unasked => Self::Unasked,
            Self::Optional(authorities) => Self::Optional(authorities.read_again()?),
            Self::Required(authorities) => Self::Required(authorities.read_again()?),
        })
    }

    pub(super) fn verifier(&self) -> Result<Arc<dyn ClientCertVerifier>, Error> {
        let builder = |authorities: &Authorities| {
            let roots = Arc::clone(&authorities.roots);
            WebPkiClientVerifier::builder_with_provider(roots, provider())
        };
        let verifier = match self {
            Self::Unasked => return Ok(WebPkiClientVerifier::no_client_auth()),
            Self::Optional(authorities) => builder(authorities).allow_unauthenticated(),
            Self::Required(authorities) => builder(authorities),
        };
        verifier
            .build()
            .map_err(|error| Error::tls("cannot verify clients", std::io::Error::other(error)))
    }
}
