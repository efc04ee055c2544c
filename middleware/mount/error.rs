//! What can be wrong with a prefix or a host.

use std::error::Error as StdError;
use std::fmt;

/// Why an application was not taken; all is as it was.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// The name of a host is not one.
    BadHost {
        /// The name.
        host: String,
    },
    /// A prefix is not one.
    BadPrefix {
        /// The prefix.
        prefix: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A host has an application already.
    HostTaken {
        /// The host.
        host: String,
    },
    /// A prefix, or another that means the same, has an application already.
    PrefixTaken {
        /// The prefix.
        prefix: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadHost { host } => write!(
                f,
                "host `{host}` is not a name or `*.` and a name, without a port"
            ),
            Self::BadPrefix { prefix, why } => write!(f, "prefix `{prefix}`: {why}"),
            Self::HostTaken { host } => write!(f, "host `{host}` has an application already"),
            Self::PrefixTaken { prefix } => {
                write!(f, "prefix `{prefix}` has an application already")
            }
        }
    }
}

impl StdError for Error {}
