//! Requests by their path, method and host.

use std::fmt;

use http::{Method, request};

use crate::pattern::{is_like, is_pattern};
use crate::target::host::{self, HostName};

/// Requests by their path, method and host: what [`When`](super::When) asks where a text has to say it.
///
/// Conditions of one kind are alternatives, two paths mean either, and all kinds that are there must hold.
///
/// ```
/// use gopuram_middleware::when::Requests;
/// use gopuram_middleware::{Head, When};
///
/// # fn main() -> Result<(), gopuram_middleware::when::NoPattern> {
/// let api = Requests::all().path("/api/**")?.host("*.example.com")?;
/// let layer = When::new(move |head| api.contains(head), Head::default());
/// # let _ = layer;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Requests {
    paths: Vec<Box<str>>,
    methods: Vec<Method>,
    hosts: Vec<HostName>,
}

impl Requests {
    /// All of them, until a condition is added.
    pub fn all() -> Self {
        Self::default()
    }

    /// Those with a path like `pattern`.
    ///
    /// `*` stands for any characters but `/`, `**` for any at all, `?` for one that is not `/`. A pattern
    /// without `/` is compared with the last segment (`*.css`), one with `/` with the whole path.
    ///
    /// # Errors
    ///
    /// If no path can be like it.
    pub fn path(mut self, pattern: &str) -> Result<Self, NoPattern> {
        if !is_pattern(pattern) {
            return Err(NoPattern(pattern.into()));
        }
        self.paths.push(pattern.into());
        Ok(self)
    }

    /// Those with this method.
    #[must_use]
    pub fn method(mut self, method: Method) -> Self {
        self.methods.push(method);
        self
    }

    /// Those for this host, `example.com`, or with `*.example.com` for any under it; in any case, whatever the port.
    ///
    /// # Errors
    ///
    /// If it is no name of a host.
    pub fn host(mut self, name: &str) -> Result<Self, NoPattern> {
        let host = HostName::parse(name).ok_or_else(|| NoPattern(name.into()))?;
        self.hosts.push(host);
        Ok(self)
    }

    /// Whether a request with this head is one of them.
    pub fn contains(&self, head: &request::Parts) -> bool {
        let of_method = self.methods.is_empty() || self.methods.contains(&head.method);
        let of_path = self.has_path(head.uri.path());
        of_method && of_path && (self.hosts.is_empty() || self.has_host_of(head))
    }

    /// Whether this path is one of theirs.
    pub fn has_path(&self, path: &str) -> bool {
        let path = path.strip_prefix('/').unwrap_or(path).as_bytes();
        self.paths.is_empty() || self.paths.iter().any(|pattern| is_like(pattern, path))
    }

    fn has_host_of(&self, head: &request::Parts) -> bool {
        let host = host::named(&head.uri, &head.headers);
        host.is_some_and(|host| self.hosts.iter().any(|name| name.matches(host)))
    }
}

/// A text that no path, or no host, can be like.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NoPattern(Box<str>);

impl fmt::Display for NoPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no request is like `{}`", self.0.escape_debug())
    }
}

impl std::error::Error for NoPattern {}

#[cfg(test)]
mod tests {
    use http::Request;
    use http::header::HOST;

    use super::*;

    fn contains(requests: &Requests, method: &str, target: &str, host: &str) -> bool {
        let req = Request::builder()
            .method(method)
            .uri(target)
            .header(HOST, host);
        requests.contains(&req.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn conditions_of_one_kind_are_alternatives() {
        let requests = Requests::all().path("/api/**").unwrap();
        let requests = requests.path("*.json").unwrap().method(Method::GET);
        let requests = requests.host("*.example.com").unwrap();
        let of = |method, target, host| contains(&requests, method, target, host);
        assert!(of("GET", "/api/a/b?c", "www.example.com"));
        assert!(of("GET", "/a/b.json", "www.EXAMPLE.com:8000"));
        assert!(!of("POST", "/api/a", "www.example.com"));
        assert!(!of("GET", "/apis", "www.example.com"));
        assert!(!of("GET", "/api/a", "example.com"));
        assert!(contains(&Requests::all(), "DELETE", "/", "b"));
    }

    #[test]
    fn what_nothing_is_like_is_refused() {
        for pattern in ["", "a b", "/#", "/***"] {
            assert!(Requests::all().path(pattern).is_err(), "{pattern}");
        }
        let error = Requests::all().host("a/b").unwrap_err();
        assert_eq!(error.to_string(), "no request is like `a/b`");
    }
}
