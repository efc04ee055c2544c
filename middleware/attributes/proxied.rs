//! What a proxy in front says of a connection.

use std::net::SocketAddr;

/// What a proxy in front says of a connection by the PROXY protocol, besides its addresses.
///
/// Those are the connection's own [`peer`](super::Connection::peer) and [`local`](super::Connection::local).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Proxied {
    /// The address of the proxy; one on a Unix socket has none.
    pub proxy: Option<SocketAddr>,
    /// The host that the client asked for: with TLS the server name of its greeting.
    pub authority: Option<Box<str>>,
    /// The protocol that was negotiated with the client (ALPN).
    pub alpn: Option<Box<[u8]>>,
    /// What identifies the connection across proxies, up to 128 bytes.
    pub unique_id: Option<Box<[u8]>>,
    /// How the client spoke TLS with the proxy, if it did.
    pub tls: Option<Box<ProxiedTls>>,
}

/// How a client spoke TLS with a proxy.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct ProxiedTls {
    /// The version, as in `TLSv1.3`.
    pub version: Option<Box<str>>,
    /// The cipher, by OpenSSL's name.
    pub cipher: Option<Box<str>>,
    /// The common name of the client's certificate.
    pub common_name: Option<Box<str>>,
    /// What the proxy's certificate is signed with.
    pub signature_algorithm: Option<Box<str>>,
    /// The kind of the proxy's key.
    pub key_algorithm: Option<Box<str>>,
    /// Whether the client gave a certificate, in this connection or in the session that it resumed, and the proxy
    /// found it valid.
    pub verified: bool,
}
