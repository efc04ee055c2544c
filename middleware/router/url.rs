//! URLs of routes by name.

use std::error::Error as StdError;
use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::Router;
use super::pattern::{Part, Pattern};

/// What is encoded in a segment: all but unreserved characters, sub-delimiters, `:` and `@`
/// (RFC 3986, section 3.3).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');

/// What is encoded in the rest of a path, where slashes part segments.
const REST: &AsciiSet = &SEGMENT.remove(b'/');

impl<E> Router<E> {
    /// The path of the route called `name`, with these values for its parameters.
    ///
    /// ```
    /// # use gopuram_middleware::Router;
    /// let router = Router::new()
    ///     .get("/users/{id}", async |_| "a user").named("user")
    ///     .get("/files/{*path}", async |_| "a file").named("file");
    /// assert_eq!(router.url("user", [("id", "7 / 8")]).unwrap(), "/users/7%20%2F%208");
    /// assert_eq!(router.url("file", [("path", "a b/c")]).unwrap(), "/files/a%20b/c");
    /// ```
    ///
    /// Values are given as they are meant and encoded here. The prefixes of routers that this one
    /// is nested in are part of the path; the prefix that it is mounted at is not, since it may be
    /// mounted at several: write [`Mount::prefix`](crate::attributes::Mount::prefix) before it.
    ///
    /// # Errors
    ///
    /// If there is no such route or parameter, a parameter has no value, or its value would not
    /// come back as it is: an empty one, or a segment that is `.` or `..`, which clients resolve.
    pub fn url<'a>(
        &self,
        name: &str,
        params: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<String, UrlError> {
        let pattern = self.table.names.get(name);
        let pattern = pattern.ok_or_else(|| UrlError::NoRoute(name.to_owned()))?;
        let params: Vec<_> = params.into_iter().collect();
        let is_there = |name: &str| pattern.names.iter().any(|n| **n == *name);
        if let Some((name, _)) = params.iter().find(|(name, _)| !is_there(name)) {
            return Err(UrlError::NoParam((*name).to_owned()));
        }
        build(pattern, &params)
    }
}

fn build(pattern: &Pattern, params: &[(&str, &str)]) -> Result<String, UrlError> {
    let mut url = String::new();
    let mut names = pattern.names.iter();
    for part in &pattern.parts {
        let set = match part {
            Part::Literal(text) => {
                url.push_str(text);
                continue;
            }
            Part::Param { .. } => SEGMENT,
            Part::Rest => REST,
        };
        let name = names.next().map(|name| &**name).unwrap_or_default();
        match params.iter().find(|(n, _)| *n == name) {
            Some((_, "")) => return Err(UrlError::Empty(name.to_owned())),
            Some((_, value)) => url.extend(utf8_percent_encode(value, set)),
            None => return Err(UrlError::NoValue(name.to_owned())),
        }
    }
    if url.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Err(UrlError::DotSegment(url));
    }
    Ok(url)
}

/// Why there is no URL.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum UrlError {
    /// A segment of the path would be `.` or `..`, which clients resolve.
    DotSegment(String),
    /// The value of this parameter is empty, which no pattern matches.
    Empty(String),
    /// The route has no parameter of this name.
    NoParam(String),
    /// There is no route of this name.
    NoRoute(String),
    /// There is no value for this parameter.
    NoValue(String),
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DotSegment(url) => write!(f, "clients resolve the dots of `{url}`"),
            Self::Empty(name) => write!(f, "the value of the parameter `{name}` is empty"),
            Self::NoParam(name) => write!(f, "the route has no parameter `{name}`"),
            Self::NoRoute(name) => write!(f, "no route is called `{name}`"),
            Self::NoValue(name) => write!(f, "the parameter `{name}` has no value"),
        }
    }
}

impl StdError for UrlError {}
