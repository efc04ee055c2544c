//! Who may vouch for clients.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::CertificateRevocationListDer;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;

use super::config::provider;
use super::pem::Pem;
use crate::Error;

/// Who may vouch for clients: the certificates of authorities.
///
/// Whom one of them has signed, or one that they have signed, is a client with a certificate, if it is
/// for clients (RFC 5280, section 4.2.1.12) and its time has come and not passed, and if it is on none of the
/// [lists](Self::revoked) of what was revoked.
#[derive(Clone, Debug)]
pub struct Authorities {
    /// Where they came from, if they can be read again.
    file: Option<PathBuf>,
    roots: Arc<RootCertStore>,
    revoked: Option<Revoked>,
}

/// Lists of what was revoked.
#[derive(Clone, Debug)]
struct Revoked {
    file: Option<PathBuf>,
    lists: Vec<CertificateRevocationListDer<'static>>,
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
            revoked: None,
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
            revoked: None,
        })
    }

    /// The same, but nobody is a client whose certificate is on a list in the file (RFC 5280, section 5): PEM, a list or
    /// more of each authority that signs clients, or others that sign them.
    ///
    /// A certificate for which there is no list is refused, since it is not known whether it was revoked; so is
    /// every one of an authority whose list is too old, by its `nextUpdate`: a list that is not
    /// renewed would else hide what was revoked since. So renew it in time, and [reload](super::Tls::reload).
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or has something in it that is no list, or none.
    pub fn revoked(self, file: impl AsRef<Path>) -> Result<Self, Error> {
        let file = file.as_ref();
        let lists = Pem::read(file)?.revoked()?;
        Ok(self.without(Some(file.to_owned()), lists))
    }

    /// As [`revoked`](Self::revoked), of lists in some text in PEM.
    ///
    /// # Errors
    ///
    /// If something in it is no list, or there is none.
    pub fn revoked_pem(self, text: impl AsRef<[u8]>) -> Result<Self, Error> {
        let lists = Pem::given(text.as_ref()).revoked()?;
        Ok(self.without(None, lists))
    }

    fn without(
        self,
        file: Option<PathBuf>,
        lists: Vec<CertificateRevocationListDer<'static>>,
    ) -> Self {
        let revoked = Some(Revoked { file, lists });
        Self { revoked, ..self }
    }

    fn read_again(&self) -> Result<Self, Error> {
        let fresh = match &self.file {
            Some(file) => Self::pem_file(file)?,
            None => self.clone(),
        };
        match &self.revoked {
            Some(Revoked {
                file: Some(file), ..
            }) => fresh.revoked(file),
            revoked => Ok(Self {
                revoked: revoked.clone(),
                ..fresh
            }),
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
            let builder = WebPkiClientVerifier::builder_with_provider(roots, provider());
            match &authorities.revoked {
                Some(revoked) => builder
                    .with_crls(revoked.lists.clone())
                    .enforce_revocation_expiration(),
                None => builder,
            }
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
