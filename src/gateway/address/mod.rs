//! Where to listen.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use crate::Error;

/// Where to listen.
///
/// Made from text: `127.0.0.1:8000`, `[::]:8000`, `localhost:8000`, the same with `tcp:` in
/// front, or `unix:/path`. Port 0 takes a free one. A name is looked up when it is
/// bound, and the first address that can be bound is taken.
///
/// ```
/// use gopuram::gateway::Address;
///
/// assert_eq!(Address::from("tcp:[::1]:80").to_string(), "[::1]:80");
/// let socket = Address::unix("/run/app.sock").mode(0o660);
/// assert_eq!(socket.to_string(), "unix:/run/app.sock");
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Address(pub(super) Repr);

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Repr {
    Socket(SocketAddr),
    /// Text that is not a numeric address: a name and a port, or a mistake.
    Text(String),
    Unix {
        path: PathBuf,
        mode: Option<u32>,
    },
}

impl Address {
    /// A Unix socket at `path`.
    ///
    /// A socket file that nobody listens on any more is replaced; any other file is left
    /// alone and is an error. The file is removed when serving ends.
    pub fn unix(path: impl Into<PathBuf>) -> Self {
        Self(Repr::Unix {
            path: path.into(),
            mode: None,
        })
    }

    /// The permissions of the socket file; by default those that the umask leaves.
    ///
    /// They are set before the first client can connect. Does nothing for TCP.
    #[must_use]
    pub fn mode(mut self, bits: u32) -> Self {
        if let Repr::Unix { mode, .. } = &mut self.0 {
            *mode = Some(bits);
        }
        self
    }

    /// The address and port, if this is a numeric TCP address.
    pub const fn socket(&self) -> Option<SocketAddr> {
        match &self.0 {
            Repr::Socket(socket) => Some(*socket),
            Repr::Text(_) | Repr::Unix { .. } => None,
        }
    }

    /// The path of the socket file, if this is a Unix socket.
    pub fn path(&self) -> Option<&Path> {
        match &self.0 {
            Repr::Unix { path, .. } => Some(path),
            Repr::Socket(_) | Repr::Text(_) => None,
        }
    }
}

/// The name and the port in `text`.
pub(super) fn name_and_port(text: &str) -> Result<(&str, u16), Error> {
    let Some((name, port)) = text.rsplit_once(':') else {
        return Err(Error::address(text, "there is no port"));
    };
    if name.is_empty() || name.contains([':', '/', '[', ']']) {
        return Err(Error::address(text, "there is no host name"));
    }
    let port = port
        .parse()
        .map_err(|_| Error::address(text, "the port is not a number below 65536"))?;
    Ok((name, port))
}

impl From<&str> for Address {
    fn from(text: &str) -> Self {
        if let Some(path) = text.strip_prefix("unix:") {
            return Self::unix(path);
        }
        let text = text.strip_prefix("tcp:").unwrap_or(text);
        match text.parse() {
            Ok(socket) => Self(Repr::Socket(socket)),
            Err(_) => Self(Repr::Text(text.to_owned())),
        }
    }
}

impl From<String> for Address {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<&String> for Address {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<SocketAddr> for Address {
    fn from(socket: SocketAddr) -> Self {
        Self(Repr::Socket(socket))
    }
}

impl<I: Into<IpAddr>> From<(I, u16)> for Address {
    fn from(socket: (I, u16)) -> Self {
        Self(Repr::Socket(socket.into()))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Socket(socket) => socket.fmt(f),
            Repr::Text(text) => f.write_str(text),
            Repr::Unix { path, .. } => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_a_socket_a_path_or_a_name() {
        assert!(Address::from("0.0.0.0:80").socket().is_some());
        assert!(Address::from("tcp:[::]:0").socket().is_some());
        assert_eq!(
            Address::from("unix:relative.sock").path(),
            Some(Path::new("relative.sock"))
        );
        assert_eq!(
            name_and_port("localhost:8000").unwrap(),
            ("localhost", 8000)
        );
    }

    #[test]
    fn what_is_no_address_is_told_so() {
        for text in [
            "",
            "8000",
            ":8000",
            "localhost",
            "a:b",
            "a:70000",
            "::1:80",
            "http://a:80",
        ] {
            let error = name_and_port(text).unwrap_err();
            assert!(error.is_bind());
            assert!(error.to_string().contains(&format!("`{text}`")), "{error}");
        }
    }

    #[test]
    fn a_mode_is_only_for_files() {
        let tcp = Address::from("127.0.0.1:1");
        assert_eq!(tcp.clone().mode(0o600), tcp);
    }
}
