//! Who the client is and how it speaks.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::Tls;

use super::draining::Draining;
use super::early_hints::Sender;
use super::proxied::Proxied;

/// A connection, the same for all requests over it.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Connection {
    /// Our end of it; a Unix socket has no address.
    pub local: Option<SocketAddr>,
    /// Our port, where a front server names it and no address with it; see [`local_port`](Self::local_port).
    pub port: Option<u16>,
    /// Their end of it; a Unix socket has no address.
    pub peer: Option<SocketAddr>,
    /// How it is spoken on.
    pub scheme: Scheme,
    /// How it is secured, if that was done here: behind a proxy it is not known.
    pub tls: Option<Arc<Tls>>,
    /// What a proxy in front said of it, where the PROXY protocol is spoken.
    pub proxied: Option<Box<Proxied>>,
    /// Whether a front server names it, who speaks of its client by the variables of CGI: over FastCGI, SCGI and uwsgi.
    pub fronted: bool,
    /// Whether the gateway is about to end.
    pub draining: Draining,
    /// Who sends early hints to the client, if anybody does.
    pub hints: Sender,
}

impl Connection {
    /// A connection between two addresses.
    pub const fn new(local: Option<SocketAddr>, peer: Option<SocketAddr>, scheme: Scheme) -> Self {
        Self {
            local,
            port: None,
            peer,
            scheme,
            tls: None,
            proxied: None,
            fronted: false,
            draining: Draining::NEVER,
            hints: Sender::NONE,
        }
    }

    /// The port of our end of it, if there is one that is known.
    pub fn local_port(&self) -> Option<u16> {
        self.local.map(|local| local.port()).or(self.port)
    }

    /// Whether its addresses are those that a proxy has named, by the PROXY protocol or as a front server, and not those of
    /// who is connected.
    pub const fn is_named(&self) -> bool {
        self.fronted || self.proxied.is_some()
    }

    /// The same, secured: its scheme is `https`.
    #[must_use]
    pub fn secured(mut self, tls: Tls) -> Self {
        self.scheme = Scheme::Https;
        self.tls = Some(Arc::new(tls));
        self
    }
}

/// Who the client is: a numeric address, and a port where it is known.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct ClientAddr {
    /// The address, never a v4-mapped one.
    pub ip: IpAddr,
    /// The port, not known behind most proxies.
    pub port: Option<u16>,
}

impl ClientAddr {
    /// A client, with a v4-mapped address unmapped.
    pub fn new(ip: IpAddr, port: Option<u16>) -> Self {
        Self {
            ip: ip.to_canonical(),
            port,
        }
    }
}

impl From<SocketAddr> for ClientAddr {
    fn from(address: SocketAddr) -> Self {
        Self::new(address.ip(), Some(address.port()))
    }
}

/// How the client speaks.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "HTTP has these two")]
pub enum Scheme {
    /// Without TLS.
    #[default]
    Http,
    /// With TLS, here or at a trusted proxy.
    Https,
}

impl Scheme {
    /// `http` or `https`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}
