//! Why serving failed.

use std::error::Error as StdError;
use std::{fmt, io};

/// Why serving failed.
///
/// The message says what was tried, why it failed and what can be done about it; the
/// cause itself is in [`source`](StdError::source).
pub struct Error {
    kind: Kind,
    source: io::Error,
}

enum Kind {
    Address(Box<str>, &'static str),
    Bind(Box<str>),
    Cores,
    Nothing,
    Signals,
    Tls(Box<str>),
}

impl Error {
    /// Whether an address could not be understood or listened on.
    pub const fn is_bind(&self) -> bool {
        !matches!(self.kind, Kind::Cores | Kind::Signals | Kind::Tls(_))
    }

    /// Whether a certificate, its key or an authority could not be used.
    pub const fn is_tls(&self) -> bool {
        matches!(self.kind, Kind::Tls(_))
    }

    pub(crate) fn address(text: &str, problem: &'static str) -> Self {
        Self {
            kind: Kind::Address(text.into(), problem),
            source: io::ErrorKind::InvalidInput.into(),
        }
    }

    pub(crate) fn bind(address: &impl fmt::Display, source: io::Error) -> Self {
        Self {
            kind: Kind::Bind(address.to_string().into()),
            source,
        }
    }

    pub(crate) const fn cores(source: io::Error) -> Self {
        Self {
            kind: Kind::Cores,
            source,
        }
    }

    pub(crate) fn nothing_bound() -> Self {
        Self {
            kind: Kind::Nothing,
            source: io::ErrorKind::InvalidInput.into(),
        }
    }

    #[cfg_attr(
        not(feature = "tls"),
        expect(dead_code, reason = "without TLS nothing of it fails")
    )]
    pub(crate) fn tls(problem: impl Into<Box<str>>, source: io::Error) -> Self {
        Self {
            kind: Kind::Tls(problem.into()),
            source,
        }
    }

    pub(crate) const fn signals(source: io::Error) -> Self {
        Self {
            kind: Kind::Signals,
            source,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Address(text, problem) => write!(
                f,
                "cannot understand the address `{text}`: {problem}; \
                 it is written `127.0.0.1:8000`, `[::]:8000`, `name:8000` or `unix:/path`"
            ),
            Kind::Bind(address) => {
                write!(f, "cannot listen on `{address}`{}", advice(&self.source))?;
                // What is known besides the kind.
                match self.source.get_ref() {
                    Some(known) => write!(f, ": {known}"),
                    None => Ok(()),
                }
            }
            Kind::Cores => f.write_str("cannot start a runtime for each core"),
            Kind::Nothing => f.write_str("nothing to listen on; name an address with `bind`"),
            Kind::Signals => f.write_str("cannot wait for signals"),
            Kind::Tls(problem) => f.write_str(problem),
        }
    }
}

/// What went wrong and what can be done about it, where that is known.
fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            ": the address is in use; stop who listens there or take another"
        }
        io::ErrorKind::AddrNotAvailable => {
            ": this machine has no such address; `0.0.0.0` and `[::]` stand for all it has"
        }
        io::ErrorKind::PermissionDenied => {
            ": permission denied; a port below 1024 needs CAP_NET_BIND_SERVICE or \
             net.ipv4.ip_unprivileged_port_start lowered, a socket file needs a directory one may write"
        }
        io::ErrorKind::NotFound => ": the directory of the socket file does not exist",
        io::ErrorKind::AlreadyExists => ": there is a file that is not a socket; it was left alone",
        _ => "",
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `fn main() -> Result<(), Error>` prints this, so it is made to be read.
        match self.source.raw_os_error() {
            Some(_) => write!(f, "{self} ({})", self.source),
            None => write!(f, "{self}"),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.source)
    }
}

/// For a `main` that returns [`io::Result`]; the kind stays.
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        Self::new(error.source.kind(), error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_the_address_and_the_way_out() {
        let denied = Error::bind(&"0.0.0.0:80", io::ErrorKind::PermissionDenied.into());
        assert!(denied.is_bind());
        assert!(
            denied
                .to_string()
                .contains("cannot listen on `0.0.0.0:80`: ")
        );
        assert!(denied.to_string().contains("CAP_NET_BIND_SERVICE"));
        assert_eq!(
            io::Error::from(denied).kind(),
            io::ErrorKind::PermissionDenied
        );
    }

    #[test]
    fn failed_signals_are_no_failed_bind() {
        assert!(!Error::signals(io::ErrorKind::Other.into()).is_bind());
    }
}
