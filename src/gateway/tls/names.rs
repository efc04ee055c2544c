//! Which certificate is for which name.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use rustls::client::verify_server_name;
use rustls::pki_types::{DnsName, ServerName};
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::certificate::Certificate;

/// Which certificate is for which name.
#[derive(Debug)]
pub(super) struct Names {
    default: Arc<CertifiedKey>,
    exact: HashMap<Box<str>, Arc<CertifiedKey>>,
    /// By what follows the asterisk and the dot.
    below: HashMap<Box<str>, Arc<CertifiedKey>>,
    /// Whether who names nobody known is sent away.
    refuses: bool,
}

/// A name in lower case, or `*.` and one: the asterisk stands for one label (RFC 9525, section 6.3).
#[derive(Clone, Debug)]
pub(super) enum Pattern {
    Exact(Box<str>),
    Below(Box<str>),
}

impl Pattern {
    /// `None` if no certificate can be asked for by that name, as by an address (RFC 6066, section 3).
    pub(super) fn new(text: &str) -> Option<Self> {
        let lower = text.to_ascii_lowercase();
        let name = lower.strip_prefix("*.");
        let plain = name.unwrap_or(&lower);
        if plain.ends_with('.')
            || plain.parse::<IpAddr>().is_ok()
            || DnsName::try_from(plain).is_err()
        {
            return None;
        }
        Some(match name {
            Some(name) => Self::Below(name.into()),
            None => Self::Exact(lower.into()),
        })
    }
}

impl Names {
    pub(super) fn new(
        default: &Certificate,
        hosts: &[(Pattern, Certificate)],
        refuses: bool,
    ) -> Self {
        let (mut exact, mut below) = (HashMap::new(), HashMap::new());
        for (pattern, certificate) in hosts {
            let key = Arc::clone(certificate.key());
            match pattern {
                Pattern::Exact(name) => exact.insert(name.clone(), key),
                Pattern::Below(name) => below.insert(name.clone(), key),
            };
        }
        Self {
            default: Arc::clone(default.key()),
            exact,
            below,
            refuses,
        }
    }

    /// Whether there is but one certificate.
    pub(super) fn is_one(&self) -> bool {
        self.exact.is_empty() && self.below.is_empty()
    }

    /// The certificate of a host, if it has one of its own.
    pub(super) fn own(&self, host: &str) -> Option<&Arc<CertifiedKey>> {
        if self.is_one() {
            return None;
        }
        let host = host.strip_suffix('.').unwrap_or(host);
        let host = if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(host.to_ascii_lowercase())
        } else {
            Cow::Borrowed(host)
        };
        self.exact.get(&*host).or_else(|| {
            let (label, name) = host.split_once('.')?;
            (!label.is_empty()).then(|| self.below.get(name))?
        })
    }

    /// The certificate for a client that names this host, or none; `None` if it is sent away.
    pub(super) fn find(&self, host: Option<&str>) -> Option<&Arc<CertifiedKey>> {
        if let Some(own) = host.and_then(|host| self.own(host)) {
            return Some(own);
        }
        let known = !self.refuses || host.is_some_and(|host| covers(&self.default, host));
        known.then_some(&self.default)
    }
}

impl ResolvesServerCert for Names {
    fn resolve(&self, client_hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.find(client_hello.server_name()).cloned()
    }
}

/// Whether a certificate is valid for a host (RFC 9525, section 6), which may be an address.
pub(super) fn covers(certificate: &CertifiedKey, host: &str) -> bool {
    let literal = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let host = literal.unwrap_or(host);
    let host = host.strip_suffix('.').unwrap_or(host);
    let Ok(name) = ServerName::try_from(host) else {
        return false;
    };
    let parsed = certificate.cert.first().map(ParsedCertificate::try_from);
    let Some(Ok(parsed)) = parsed else {
        return false;
    };
    verify_server_name(&parsed, &name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_name_or_an_asterisk_before_one() {
        assert!(
            matches!(Pattern::new("A.example"), Some(Pattern::Exact(name)) if *name == *"a.example")
        );
        assert!(
            matches!(Pattern::new("*.Example"), Some(Pattern::Below(name)) if *name == *"example")
        );
        for wrong in [
            "",
            "*",
            "*.",
            "a.*.b",
            "*a.b",
            "192.0.2.1",
            "::1",
            "a.",
            "a b",
            "münchen.example",
            "a:1",
        ] {
            assert!(Pattern::new(wrong).is_none(), "{wrong}");
        }
    }
}
