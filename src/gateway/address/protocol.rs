//! What is spoken at an address.

use std::fmt;

/// What is spoken at an address.
///
/// By all of them the same application is served, by the same rules. All but HTTP are spoken by front servers, which say who the
/// client is: see [`Address::fronts`](super::Address::fronts) for which of them are believed.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Protocol {
    /// FastCGI 1.0: `fastcgi:127.0.0.1:9000`.
    FastCgi,
    /// HTTP/1.1 and HTTP/2: `127.0.0.1:8000`.
    #[default]
    Http,
    /// SCGI: `scgi:127.0.0.1:9001`.
    Scgi,
    /// uwsgi: `uwsgi:127.0.0.1:9002`.
    Uwsgi,
}

impl Protocol {
    /// The protocol that an address begins with, and the rest of it.
    pub(super) fn before(text: &str) -> (Self, &str) {
        for protocol in [Self::FastCgi, Self::Scgi, Self::Uwsgi] {
            if let Some(rest) = text.strip_prefix(protocol.prefix()) {
                return (protocol, rest);
            }
        }
        (Self::Http, text)
    }

    const fn prefix(self) -> &'static str {
        match self {
            Self::FastCgi => "fastcgi:",
            Self::Http => "",
            Self::Scgi => "scgi:",
            Self::Uwsgi => "uwsgi:",
        }
    }
}

/// As an address begins with it: with a colon, or nothing for HTTP.
impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.prefix())
    }
}
