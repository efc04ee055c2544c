//! How a connection is secured.

use bytes::Bytes;

/// How a connection is secured, the same for all requests over it.
///
/// ```
/// use gopuram_middleware::attributes::{Tls, TlsVersion};
///
/// let mut tls = Tls::new(TlsVersion::V1_3, "TLS_AES_256_GCM_SHA384");
/// tls.server_name = Some("example.com".into());
/// assert_eq!(tls.version.as_str(), "TLSv1.3");
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Tls {
    /// The version of the protocol.
    pub version: TlsVersion,
    /// The cipher suite, by the name that IANA has registered.
    pub cipher: &'static str,
    /// Whom the client asked for in the handshake (SNI), in lower case; not there where it named nobody.
    pub server_name: Option<Box<str>>,
    /// The protocol agreed on in the handshake (ALPN), such as `h2`.
    pub alpn: Option<Bytes>,
    /// The client's certificates in DER, its own first. They have been verified; there are none where
    /// none were asked for, or none were given.
    pub client_certificates: Vec<Bytes>,
    /// Whether it goes on with an earlier session, so that there was no full handshake.
    pub resumed: bool,
}

impl Tls {
    /// A connection of that version with that cipher suite, and nothing else known of it.
    pub const fn new(version: TlsVersion, cipher: &'static str) -> Self {
        Self {
            version,
            cipher,
            server_name: None,
            alpn: None,
            client_certificates: Vec::new(),
            resumed: false,
        }
    }
}

/// A version of TLS; older ones are not spoken (RFC 8996).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum TlsVersion {
    /// RFC 5246.
    V1_2,
    /// RFC 8446.
    V1_3,
}

impl TlsVersion {
    /// `TLSv1.2` or `TLSv1.3`, as OpenSSL, nginx and Apache write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V1_2 => "TLSv1.2",
            Self::V1_3 => "TLSv1.3",
        }
    }
}
