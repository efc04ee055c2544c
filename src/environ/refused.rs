//! Why a request and its variables cannot be made of each other.

use std::error::Error as StdError;
use std::fmt;

use http::{HeaderValue, StatusCode};

/// Why a request and its variables cannot be made of each other.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refused(Kind);

#[derive(Clone, Debug, Eq, PartialEq)]
enum Kind {
    /// A variable whose value is not one.
    Malformed(String),
    /// The rest of the path is empty: where its slash is.
    NoRest(HeaderValue),
    /// There is no path at all.
    NoPath,
    /// The path has what it must not have by the mapping.
    Path,
    /// Something twice that may be there once.
    Repeated(String),
    /// A tunnel.
    Tunnel,
    /// A path that is not under the script's name.
    Elsewhere,
}

impl Refused {
    /// How the client is to be told.
    pub const fn status(&self) -> StatusCode {
        match self.0 {
            Kind::NoRest(_) => StatusCode::PERMANENT_REDIRECT,
            Kind::Elsewhere => StatusCode::NOT_FOUND,
            Kind::Tunnel => StatusCode::NOT_IMPLEMENTED,
            Kind::Malformed(_) | Kind::NoPath | Kind::Path | Kind::Repeated(_) => {
                StatusCode::BAD_REQUEST
            }
        }
    }

    /// Where else to ask, if that is known.
    pub const fn location(&self) -> Option<&HeaderValue> {
        match &self.0 {
            Kind::NoRest(location) => Some(location),
            _ => None,
        }
    }

    pub(super) fn malformed(name: impl AsRef<[u8]>) -> Self {
        Self(Kind::Malformed(shown(name.as_ref())))
    }

    pub(super) fn repeated(name: impl AsRef<[u8]>) -> Self {
        Self(Kind::Repeated(shown(name.as_ref())))
    }

    pub(super) const fn no_rest(slash: HeaderValue) -> Self {
        Self(Kind::NoRest(slash))
    }

    pub(super) const NO_PATH: Self = Self(Kind::NoPath);
    pub(super) const PATH: Self = Self(Kind::Path);
    pub(super) const TUNNEL: Self = Self(Kind::Tunnel);
    pub(super) const ELSEWHERE: Self = Self(Kind::Elsewhere);
}

/// A name as it may stand in a log.
fn shown(name: &[u8]) -> String {
    const MOST: usize = 64;
    name.get(..MOST).unwrap_or(name).escape_ascii().to_string()
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Malformed(name) => write!(f, "{name} is not what it must be"),
            Kind::NoRest(_) => f.write_str("there is no path behind the mount"),
            Kind::NoPath => f.write_str("there is no path"),
            Kind::Path => f.write_str("the path has an encoded slash, a backslash or a NUL"),
            Kind::Repeated(name) => write!(f, "{name} is there twice"),
            Kind::Tunnel => f.write_str("a tunnel has no variables"),
            Kind::Elsewhere => f.write_str("the path is not under the script's name"),
        }
    }
}

impl StdError for Refused {}
