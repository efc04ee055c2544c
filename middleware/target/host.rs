//! Names of hosts, and which of them a request is for.

use std::cmp::Ordering;

use http::header::HOST;
use http::{HeaderMap, Request, Uri};

/// A host's name in lower case, or the names under one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct HostName {
    /// Without the `*`: `.example.com` for `*.example.com`.
    name: Box<str>,
}

impl HostName {
    /// Reads `example.com`, `*.example.com`, `192.0.2.1` or `[::1]`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let name = text.strip_prefix('*').unwrap_or(text);
        let labels = match name.strip_prefix('.') {
            Some(labels) if name.len() < text.len() => labels,
            _ => text,
        };
        let label = |label: &str| {
            let mut bytes = label.bytes();
            !label.is_empty() && bytes.all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        };
        let is_address = || labels == text && is_ipv6(text);
        if !is_address() && !labels.split('.').all(label) {
            return None;
        }
        let name = if labels == text { text } else { name };
        Some(Self {
            name: name.to_ascii_lowercase().into(),
        })
    }

    /// As it was written, in lower case.
    pub(crate) fn text(&self) -> String {
        let star = if self.is_wild() { "*" } else { "" };
        [star, &self.name].concat()
    }

    fn is_wild(&self) -> bool {
        self.name.starts_with('.')
    }

    /// Whether `host` is this one or, of `*.`, any number of labels under it.
    pub(crate) fn matches(&self, host: &str) -> bool {
        let (name, host) = (self.name.as_bytes(), host.as_bytes());
        if !self.is_wild() {
            return host.eq_ignore_ascii_case(name);
        }
        let end = host.len().checked_sub(name.len());
        let end = end.filter(|&at| at > 0).and_then(|at| host.get(at..));
        end.is_some_and(|end| end.eq_ignore_ascii_case(name))
    }

    /// Which of two is tried first: whole names, then the longer.
    pub(crate) fn precedence(&self, other: &Self) -> Ordering {
        let key = |host: &Self| (host.is_wild(), std::cmp::Reverse(host.name.len()));
        key(self).cmp(&key(other))
    }
}

/// The host that a request is for: the target's, or else the `Host` field's (RFC 9110,
/// section 7.2), without a port or the dot of the root.
pub(crate) fn of<B>(req: &Request<B>) -> Option<&str> {
    named(req.uri(), req.headers())
}

/// The same of a request's parts.
pub(crate) fn named<'r>(uri: &'r Uri, headers: &'r HeaderMap) -> Option<&'r str> {
    let host = match uri.host() {
        Some(host) => host,
        None => without_port(headers.get(HOST)?.to_str().ok()?),
    };
    Some(host.strip_suffix('.').unwrap_or(host))
}

fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    }
}

fn is_ipv6(text: &str) -> bool {
    let inside = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
    inside.is_some_and(|t| t.parse::<std::net::Ipv6Addr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(name: &str, host: &str) -> bool {
        HostName::parse(name).unwrap().matches(host)
    }

    #[test]
    fn names_match_in_any_case() {
        assert!(matches("Example.com", "eXample.COM"));
        assert!(!matches("example.com", "www.example.com"));
        assert!(matches("[::1]", "[::1]"));
    }

    #[test]
    fn a_star_is_one_label_or_more() {
        assert!(matches("*.example.com", "a.Example.com"));
        assert!(matches("*.example.com", "a.b.example.com"));
        assert!(!matches("*.example.com", "example.com"));
        assert!(!matches("*.example.com", ".example.com"));
        assert!(!matches("*.example.com", "badexample.com"));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for bad in [
            "", "*", "*.", ".a", "a..b", "a:80", "a.*.b", "a b", "*a.b", "[::1]:80", "*.[::1]",
            "[x]",
        ] {
            assert!(HostName::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn the_target_goes_before_the_field_and_ports_are_ignored() {
        let host = |target: &str, field: &str| {
            let req = Request::builder().uri(target).header(HOST, field);
            of(&req.body(()).unwrap()).map(str::to_owned)
        };
        assert_eq!(host("/", "a.test:80").unwrap(), "a.test");
        assert_eq!(host("/", "a.test.").unwrap(), "a.test");
        assert_eq!(host("/", "[::1]:80").unwrap(), "[::1]");
        assert_eq!(host("/", "[::1]").unwrap(), "[::1]");
        assert_eq!(host("http://b.test:1/", "a.test").unwrap(), "b.test");
        assert_eq!(of(&Request::new(())), None);
    }
}
