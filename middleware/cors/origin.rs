//! Which origins are allowed.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use http::HeaderValue;

use super::rules::ANY;

/// Which origins are allowed.
#[derive(Clone)]
pub(super) enum Origins {
    Any,
    By(Arc<dyn Fn(&str) -> bool + Send + Sync>),
    Known {
        /// In order, to be searched.
        exact: Vec<HeaderValue>,
        patterns: Vec<Pattern>,
    },
}

impl Origins {
    pub(super) fn by(allows: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Self::By(Arc::new(allows))
    }

    pub(super) fn parse<'a>(
        origins: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, InvalidOrigin> {
        let mut exact = Vec::new();
        let mut patterns = Vec::new();
        for origin in origins {
            let invalid = |reason| InvalidOrigin {
                value: origin.into(),
                reason,
            };
            let pattern = Pattern::parse(origin).map_err(invalid)?;
            match pattern.exact() {
                Some(one) => {
                    let value = HeaderValue::try_from(one);
                    exact.push(value.map_err(|_| invalid("not a field value"))?);
                }
                None => patterns.push(pattern),
            }
        }
        exact.sort_unstable();
        exact.dedup();
        Ok(Self::Known { exact, patterns })
    }

    /// What `Access-Control-Allow-Origin` says to `origin`.
    #[inline]
    pub(super) fn allowed(&self, origin: Option<&HeaderValue>) -> Option<HeaderValue> {
        match self {
            Self::Any => Some(ANY),
            Self::By(allows) => {
                let origin = origin?;
                allows(origin.to_str().ok()?).then(|| origin.clone())
            }
            Self::Known { exact, patterns } => {
                let origin = origin?;
                if let Some(ours) = exact.binary_search(origin).ok().and_then(|i| exact.get(i)) {
                    return Some(ours.clone());
                }
                if patterns.is_empty() {
                    return None;
                }
                let text = origin.to_str().ok()?;
                let allows = |pattern: &Pattern| pattern.allows(text);
                patterns.iter().any(allows).then(|| origin.clone())
            }
        }
    }
}

/// For the print of a stack.
impl fmt::Display for Origins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any origin"),
            Self::By(_) => f.write_str("origins by function"),
            Self::Known { exact, patterns } => match exact.len() + patterns.len() {
                1 => f.write_str("1 origin"),
                n => write!(f, "{n} origins"),
            },
        }
    }
}

impl fmt::Debug for Origins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("Any"),
            Self::By(_) => f.write_str("By"),
            Self::Known { exact, patterns } => f
                .debug_struct("Known")
                .field("exact", exact)
                .field("patterns", patterns)
                .finish(),
        }
    }
}

/// An origin, or several that differ in the start of the host or in the port.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    scheme: Box<str>,
    host: Host,
    port: Port,
}

#[derive(Clone, Debug)]
enum Host {
    /// The dot and what follows it.
    Below(Box<str>),
    Exact(Box<str>),
}

#[derive(Clone, Debug)]
enum Port {
    Any,
    Default,
    Exact(Box<str>),
}

impl Pattern {
    /// Reads a pattern; browsers send origins in lower case and without the scheme's own port
    /// (HTML, section 7.1.1), and so they are kept.
    fn parse(text: &str) -> Result<Self, &'static str> {
        match text {
            "*" => return Err("any origin is `Cors::any_origin()`"),
            "null" => return Err("`null` is the origin of sandboxed documents of anybody"),
            _ => {}
        }
        let text = text.to_ascii_lowercase();
        let (scheme, authority) = text.split_once("://").ok_or("there is no scheme")?;
        if !is_scheme(scheme) {
            return Err("the scheme is not one");
        }
        if authority.contains(['/', '?', '#', '@']) {
            return Err("there is more than scheme, host and port");
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !authority.ends_with(']') => (host, Some(port)),
            _ => (authority, None),
        };
        let host = match host.strip_prefix('*') {
            Some(below) if is_name(below.strip_prefix('.').unwrap_or_default()) => {
                Host::Below(below.into())
            }
            None if is_name(host) || is_bracketed(host) => Host::Exact(host.into()),
            _ => return Err("the host is not one"),
        };
        let port = match port {
            None => Port::Default,
            Some("*") => Port::Any,
            Some(port) if is_default(scheme, port) => Port::Default,
            Some(port) if port.parse::<u16>().is_ok_and(|n| n.to_string() == port) => {
                Port::Exact(port.into())
            }
            Some(_) => return Err("the port is not one"),
        };
        Ok(Self {
            scheme: scheme.into(),
            host,
            port,
        })
    }

    /// The one origin that this is, if it is one.
    fn exact(&self) -> Option<String> {
        match (&self.host, &self.port) {
            (Host::Exact(host), Port::Default) => Some([&self.scheme, "://", host].concat()),
            (Host::Exact(host), Port::Exact(port)) => {
                Some([&self.scheme, "://", host, ":", port].concat())
            }
            _ => None,
        }
    }

    fn allows(&self, origin: &str) -> bool {
        let Some((scheme, authority)) = origin.split_once("://") else {
            return false;
        };
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if is_number(port) => (host, Some(port)),
            _ => (authority, None),
        };
        let is_host = match &self.host {
            Host::Below(above) => host.strip_suffix(&**above).is_some_and(is_name),
            Host::Exact(ours) => host == &**ours,
        };
        let is_port = match &self.port {
            Port::Any => true,
            Port::Default => port.is_none(),
            Port::Exact(ours) => port == Some(ours),
        };
        scheme == &*self.scheme && is_host && is_port
    }
}

/// RFC 3986, section 3.1, in lower case.
fn is_scheme(text: &str) -> bool {
    let is_rest = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'+' | b'-' | b'.');
    text.starts_with(|c: char| c.is_ascii_lowercase()) && text.bytes().all(is_rest)
}

/// Labels with dots between, as browsers send them.
fn is_name(text: &str) -> bool {
    let is_part = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    let is_label = |label: &str| !label.is_empty() && label.bytes().all(is_part);
    text.split('.').all(is_label)
}

/// An IPv6 address in brackets.
fn is_bracketed(text: &str) -> bool {
    let address = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    address.is_some_and(|text| text.parse::<std::net::Ipv6Addr>().is_ok())
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_default(scheme: &str, port: &str) -> bool {
    matches!((scheme, port), ("http", "80") | ("https", "443"))
}

/// A text that was to be an origin and is none.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InvalidOrigin {
    value: Box<str>,
    reason: &'static str,
}

impl fmt::Display for InvalidOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no origin: {:?}: {}", self.value, self.reason)
    }
}

impl StdError for InvalidOrigin {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn allows(rule: &str, origin: &str) -> bool {
        let origins = Origins::parse([rule]).unwrap();
        let value = HeaderValue::from_str(origin).unwrap();
        let allowed = origins.allowed(Some(&value));
        assert!(allowed.as_ref().is_none_or(|allowed| *allowed == value));
        allowed.is_some()
    }

    #[test]
    fn an_exact_origin_is_itself_only() {
        let rule = "https://example.com";
        assert!(allows(rule, "https://example.com"));
        for other in [
            "http://example.com",
            "https://example.com:8443",
            "https://example.com.evil.test",
            "https://evilexample.com",
            "https://www.example.com",
            "https://EXAMPLE.com",
            "example.com",
            "null",
            "",
        ] {
            assert!(!allows(rule, other), "{other}");
        }
    }

    #[test]
    fn origins_are_kept_as_browsers_send_them() {
        assert!(allows("HTTPS://Example.COM:443", "https://example.com"));
        assert!(allows("http://localhost:80", "http://localhost"));
        assert!(allows("http://[::1]:3000", "http://[::1]:3000"));
        assert!(allows("http://[::1]", "http://[::1]"));
        assert!(allows("tauri://localhost", "tauri://localhost"));
    }

    #[test]
    fn a_star_is_for_whole_labels() {
        let rule = "https://*.example.com";
        assert!(allows(rule, "https://www.example.com"));
        assert!(allows(rule, "https://a.b.example.com"));
        for other in [
            "https://example.com",
            "https://.example.com",
            "https://evilexample.com",
            "https://a..example.com",
            "https://evil.test/.example.com",
            "https://evil.test:1.example.com",
            "https://user@www.example.com",
            "https://www.example.com:8443",
            "http://www.example.com",
        ] {
            assert!(!allows(rule, other), "{other}");
        }
    }

    #[test]
    fn a_star_for_the_port_is_for_any_and_none() {
        let rule = "http://localhost:*";
        assert!(allows(rule, "http://localhost:3000"));
        assert!(allows(rule, "http://localhost"));
        assert!(!allows(rule, "http://localhost:"));
        assert!(!allows(rule, "http://localhost:x"));
        assert!(allows("http://[::1]:*", "http://[::1]"));
        assert!(allows("http://[::1]:*", "http://[::1]:5173"));
    }

    #[test]
    fn what_is_no_origin_is_refused_by_name() {
        for text in [
            "*",
            "null",
            "",
            "example.com",
            "https://",
            "https://example.com/",
            "https://a@example.com",
            "https://*",
            "https://*example.com",
            "https://a.*.com",
            "https://*.",
            "https://example.com:",
            "https://example.com:080",
            "https://example.com:65536",
            "https://exämple.com",
            "https://[::1",
            "ht tp://a",
        ] {
            let error = Origins::parse([text]).unwrap_err();
            assert!(error.to_string().contains(&format!("{text:?}")), "{error}");
        }
    }

    proptest! {
        #[test]
        fn an_origin_that_is_read_allows_itself(
            name in "[a-z][a-z0-9-]{0,8}(\\.[a-z0-9]{1,5}){0,2}",
            port: Option<u16>,
        ) {
            let port = port.map(|port| format!(":{port}")).unwrap_or_default();
            let text = format!("custom://{name}{port}");
            prop_assert!(allows(&text, &text));
            let below = format!("custom://*.{name}{port}");
            let sub = format!("custom://sub.{name}{port}");
            prop_assert!(allows(&below, &sub));
            prop_assert!(!allows(&below, &text));
        }

        #[test]
        fn any_text_is_read_or_refused(rule: String, origin: String) {
            if let Ok(origins) = Origins::parse([&*rule])
                && let Ok(value) = HeaderValue::from_str(&origin)
            {
                drop(origins.allowed(Some(&value)));
            }
        }
    }
}
