//! A certificate and its key.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use rustls::{Error as TlsError, InconsistentKeys};
use tracing::warn;

use super::config::provider;
use super::pem::Pem;
use super::staple;
use super::validity::{Validity, is_of_version_1};
use crate::Error;

/// A certificate, those that vouch for it, and its private key.
///
/// ```no_run
/// # fn main() -> Result<(), gopuram::Error> {
/// use gopuram::gateway::Certificate;
///
/// let certificate = Certificate::pem_files("fullchain.pem", "privkey.pem")?;
/// # let _ = certificate;
/// # Ok(())
/// # }
/// ```
///
/// The file of the certificate has the server's own first, and then each one that signed the one before, but
/// for the root (RFC 8446, section 4.4.2): what ACME clients call the full chain. The key is in PKCS #8,
/// PKCS #1 (RSA) or SEC 1 (EC), not encrypted; RSA from 2048 bits, ECDSA on P-256, P-384 and P-521,
/// or Ed25519.
///
/// One that has expired, or is not valid yet, is used and told of in the log: clients will refuse it, but a server that
/// does not start serves nobody.
#[derive(Clone)]
pub struct Certificate {
    /// Where it came from, if it can be read again.
    files: Option<Arc<(PathBuf, PathBuf)>>,
    /// Where what is stapled to it comes from.
    stapled: Option<Arc<Path>>,
    /// Until when that is good, if it says so.
    timely: Option<SystemTime>,
    key: Arc<CertifiedKey>,
}

impl Certificate {
    /// A certificate and its key from two files in PEM, which may be the same.
    ///
    /// They are read at once, and once more when they are [reloaded](super::Tls::reload); both are regular files, of 64 MiB at most.
    ///
    /// # Errors
    ///
    /// If a file cannot be read or has not in it what it should, or the two do not belong together.
    pub fn pem_files(chain: impl AsRef<Path>, key: impl AsRef<Path>) -> Result<Self, Error> {
        let (chain, key) = (chain.as_ref(), key.as_ref());
        Ok(Self {
            files: Some(Arc::new((chain.to_owned(), key.to_owned()))),
            stapled: None,
            timely: None,
            key: Arc::new(load(&Pem::read(chain)?, &Pem::read(key)?)?),
        })
    }

    /// A certificate and its key in PEM.
    ///
    /// # Errors
    ///
    /// If they are not what they should be, or do not belong together.
    pub fn pem(chain: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> Result<Self, Error> {
        let (chain, key) = (Pem::given(chain.as_ref()), Pem::given(key.as_ref()));
        Ok(Self {
            files: None,
            stapled: None,
            timely: None,
            key: Arc::new(load(&chain, &key)?),
        })
    }

    /// The same, shown along with an answer of its authority that it was not revoked (OCSP stapling, RFC 6066, section 8): a
    /// file in DER, as `openssl ocsp -respout` and the like write it.
    ///
    /// Only certificates that ask for it (`must-staple`, RFC 7633) need it. It lasts for days, so whoever fetches it anew
    /// [reloads](super::Tls::reload), and does so in time: how old it has become is looked at when it is read.
    ///
    /// What clients would refuse is not stapled, and the log says why: what is no whole answer, an error of the authority
    /// (`tryLater` and the like), an answer about another certificate, one that does not say `good`, one whose `nextUpdate` has
    /// passed. The certificate is shown without then, which most clients accept; on a reload the answer of before goes on as
    /// long as it lasts, if the certificate is the same. Nothing here fails a reload. The signature is for clients to verify.
    ///
    /// # Errors
    ///
    /// If the file cannot be read.
    pub fn stapled(self, file: impl AsRef<Path>) -> Result<Self, Error> {
        let file = file.as_ref();
        let answer = Pem::read(file)?.text.into_owned();
        let timely = staple::check(&answer, self.leaf(), SystemTime::now());
        Ok(match timely {
            Ok(timely) => self.with(file, Some(answer), timely),
            Err(problem) => {
                warn!(file = %file.display(), problem, "what is there is not stapled, nor is anything else");
                self.with(file, None, None)
            }
        })
    }

    /// The certificate as its files are now.
    pub(super) fn read_again(&self) -> Result<Self, Error> {
        let fresh = match &self.files {
            Some(files) => Self::pem_files(&files.0, &files.1)?,
            None => self.clone(),
        };
        Ok(match &self.stapled {
            Some(file) => fresh.stapled_again(file, self),
            None => fresh,
        })
    }

    /// The same with what is in the file now, or else with what was stapled to the certificate before if it is that one.
    fn stapled_again(self, file: &Path, before: &Self) -> Self {
        let now = SystemTime::now();
        let read = Pem::read(file).map_err(|error| error.to_string());
        let checked = read.and_then(|answer| {
            let timely = staple::check(&answer.text, self.leaf(), now)?;
            Ok((answer.text.into_owned(), timely))
        });
        let problem = match checked {
            Ok((answer, timely)) => return self.with(file, Some(answer), timely),
            Err(problem) => problem,
        };
        let lasts = before.timely.is_none_or(|timely| timely > now);
        match &before.key.ocsp {
            Some(answer) if lasts && self.leaf() == before.leaf() => {
                warn!(file = %file.display(), problem, "what is there is not stapled; the answer of before is");
                self.with(file, Some(answer.clone()), before.timely)
            }
            _ => {
                warn!(file = %file.display(), problem, "what is there is not stapled, nor is anything else");
                self.with(file, None, None)
            }
        }
    }

    /// The same with this answer stapled, or none.
    fn with(self, file: &Path, answer: Option<Vec<u8>>, timely: Option<SystemTime>) -> Self {
        let mut key = CertifiedKey::clone(&self.key);
        key.ocsp = answer;
        Self {
            stapled: Some(file.into()),
            timely,
            key: Arc::new(key),
            ..self
        }
    }

    /// The certificate itself, in DER.
    fn leaf(&self) -> &[u8] {
        self.key.cert.first().map_or(&[], AsRef::as_ref)
    }

    pub(super) const fn key(&self) -> &Arc<CertifiedKey> {
        &self.key
    }
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Certificate");
        if let Some(files) = &self.files {
            shown.field("chain", &files.0).field("key", &files.1);
        }
        shown.finish_non_exhaustive()
    }
}

fn load(chain: &Pem<'_>, key: &Pem<'_>) -> Result<CertifiedKey, Error> {
    let certificates = chain.certificates()?;
    if let Some(first) = certificates.first() {
        check(first, chain)?;
    }
    let private = PrivateKeyDer::from_pem_slice(&key.text).map_err(|error| {
        if key.is_encrypted() {
            let problem = "the private key in {} is encrypted; `openssl pkey` decrypts it";
            return key.error(problem, error);
        }
        key.none("private key", "pkey", error)
    })?;
    let signing = provider()
        .key_provider
        .load_private_key(private)
        .map_err(|error| key.unusable("the private key in {}", error, KEYS))?;
    let certified = CertifiedKey::new(certificates, signing);
    match certified.keys_match() {
        // That a key cannot tell is not a contradiction.
        Ok(()) | Err(TlsError::InconsistentKeys(InconsistentKeys::Unknown)) => {}
        Err(error @ TlsError::InconsistentKeys(_)) => {
            let problem = format!(
                "the private key in {} does not belong to the first certificate in {{}}",
                key.name()
            );
            return Err(chain.error(&problem, error));
        }
        Err(error) => return Err(chain.unusable("the certificate in {}", error, "")),
    }
    Ok(certified)
}

/// Sees that clients will understand the certificate, and warns of a date for which they will refuse it.
fn check(certificate: &CertificateDer<'_>, chain: &Pem<'_>) -> Result<(), Error> {
    ParsedCertificate::try_from(certificate)
        .map_err(|error| unusable(certificate, chain, error))?;
    let Some(validity) = Validity::of(certificate) else {
        return Ok(());
    };
    let name = chain.name();
    let now = SystemTime::now();
    if validity.not_after < now {
        warn!(certificate = %name, "the certificate has expired; clients will refuse it");
    } else if validity.not_before > now {
        warn!(certificate = %name, "the certificate is not valid yet; clients will refuse it");
    }
    Ok(())
}

/// Why a certificate cannot be used, and what to do about it where that is known.
fn unusable(certificate: &CertificateDer<'_>, chain: &Pem<'_>, error: TlsError) -> Error {
    let advice = if is_of_version_1(certificate) {
        VERSION_1
    } else {
        ""
    };
    chain.unusable("the certificate in {}", error, advice)
}

/// What is wrong with a certificate of version 1, as `openssl x509 -req` issues them unless it is told otherwise.
const VERSION_1: &str = "; it is of X.509 version 1, which has no place for the names of hosts: \
    issue it anew with `subjectAltName`, as `openssl x509 -req` does by `-extfile`";

/// Which keys can be used.
const KEYS: &str =
    "; it has to be RSA of 2048 bits or more, ECDSA on P-256, P-384 or P-521, or Ed25519";
