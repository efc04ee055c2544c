//! Who may vouch for clients.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::RootCertStore;
use rustls::pki_types::CertificateRevocationListDer;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use tracing::warn;

use super::config::provider;
use super::pem::Pem;
use super::validity::next_update;
use crate::Error;

/// Who may vouch for clients: the certificates of authorities.
///
/// Whom one of them has signed, or one that they have signed and the client sends along, is a client with a certificate, if it is
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
    /// renewed would else hide what was revoked since. So renew it in time, and [reload](super::Tls::reload). One
    /// that is too old is told of in the log: when it is read, and at most once a minute when clients are refused for it.
    ///
    /// Of each authority one list is looked at, the first: where it publishes several that each have a part, join them.
    /// Lists that say only what has changed (delta CRLs) are not understood.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, has no list in it or one that cannot be used, or if there are lists already: all go into
    /// one file. On a reload such a file leaves all as it was, the lists of before among it, and the log says so.
    pub fn revoked(self, file: impl AsRef<Path>) -> Result<Self, Error> {
        let file = file.as_ref();
        self.without(Some(file.to_owned()), &Pem::read(file)?)
    }

    /// As [`revoked`](Self::revoked), of lists in some text in PEM.
    ///
    /// # Errors
    ///
    /// If there is no list in it or one that cannot be used, or there are lists already.
    pub fn revoked_pem(self, text: impl AsRef<[u8]>) -> Result<Self, Error> {
        self.without(None, &Pem::given(text.as_ref()))
    }

    /// Of two that were set one after the other the first would not be looked at.
    fn has_no_lists(&self) -> Result<(), Error> {
        if self.revoked.is_none() {
            return Ok(());
        }
        let why = "all lists of revoked certificates go into one file";
        Err(Error::tls(
            why,
            std::io::Error::other("there are lists already"),
        ))
    }

    fn without(self, file: Option<PathBuf>, pem: &Pem<'_>) -> Result<Self, Error> {
        self.has_no_lists()?;
        let lists = pem.revoked()?;
        for (list, number) in lists.iter().zip(1..) {
            self.check(list, number, pem)?;
        }
        let revoked = Some(Revoked { file, lists });
        Ok(Self { revoked, ..self })
    }

    /// Sees that a list will be understood, and warns of one for which all clients will be refused.
    fn check(
        &self,
        list: &CertificateRevocationListDer<'static>,
        number: u32,
        pem: &Pem<'_>,
    ) -> Result<(), Error> {
        // Who verifies by it reads it: there is no other way to ask.
        WebPkiClientVerifier::builder_with_provider(Arc::clone(&self.roots), provider())
            .with_crls([list.clone()])
            .build()
            .map_err(|error| {
                let problem =
                    format!("list {number} of revoked certificates in {{}} cannot be used");
                pem.error(&problem, error)
            })?;
        if next_update(list).is_some_and(|then| then <= SystemTime::now()) {
            let name = pem.name();
            warn!(lists = %name, number, "a list of revoked certificates is too old; all clients of its authority are refused");
        }
        Ok(())
    }

    fn read_again(&self) -> Result<Self, Error> {
        let fresh = match &self.file {
            Some(file) => Self::pem_file(file)?,
            None => self.clone(),
        };
        match &self.revoked {
            Some(Revoked {
                file: Some(file), ..
            }) => Self {
                revoked: None,
                ..fresh
            }
            .revoked(file),
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
            .map_err(|error| pem.unusable("a certificate in {}", error, ""))?;
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
