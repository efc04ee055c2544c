//! What can be wrong with a route.

use std::error::Error as StdError;
use std::fmt;

/// Why a route was not taken; the router is as it was.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// The name of a host is not one.
    BadHost {
        /// The name.
        host: String,
    },
    /// A pattern is not one.
    BadPattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Two routes match the same requests.
    Conflict {
        /// The route that was to be added, its method and pattern.
        new: String,
        /// The route that was there, its method and pattern.
        old: String,
    },
    /// Two routes have one name.
    NameTaken {
        /// The name.
        name: String,
        /// The pattern of the route that was to have it.
        new: String,
        /// The pattern of the route that has it.
        old: String,
    },
    /// A router that has hosts was put under another host.
    NestedHost {
        /// The host inside.
        inner: String,
        /// The host outside.
        outer: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadHost { host } => write!(
                f,
                "host `{host}` is not a name or `*.` and a name, without a port"
            ),
            Self::BadPattern { pattern, why } => write!(f, "pattern `{pattern}`: {why}"),
            Self::Conflict { new, old } => {
                write!(f, "route `{new}` matches the same requests as `{old}`")?;
                if new.ends_with(" /{*}") {
                    f.write_str(": there is one fallback, and a mount at `/` is one")?;
                }
                Ok(())
            }
            Self::NameTaken { name, new, old } => {
                write!(f, "the name `{name}` of `{new}` is that of `{old}`")
            }
            Self::NestedHost { inner, outer } => {
                write!(f, "host `{inner}` is inside of host `{outer}`")
            }
        }
    }
}

impl StdError for Error {}
