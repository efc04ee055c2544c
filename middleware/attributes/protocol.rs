//! What a stream is to become.

use std::fmt;
use std::sync::Arc;

use http::Request;

/// What a stream of HTTP/2 is to become: the `:protocol` of an extended `CONNECT` (RFC 8441), an extension of the request.
///
/// It is to HTTP/2 what `Upgrade` is to HTTP/1. `websocket` is the one in use; there `CONNECT` stands for `GET`, 200 for
/// 101, and `Sec-WebSocket-Key` and `-Accept` are left out (section 5).
///
/// ```
/// use gopuram_middleware::attributes::Protocol;
/// use http::{Method, Request, header};
///
/// fn wants_websocket<B>(req: &Request<B>) -> bool {
///     match *req.method() {
///         Method::CONNECT => Protocol::of(req).is_some_and(|protocol| protocol.is("websocket")),
///         _ => req.headers().get(header::UPGRADE).is_some_and(|to| to == "websocket"),
///     }
/// }
/// # assert!(!wants_websocket(&Request::new(())));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Protocol(Arc<str>);

impl Protocol {
    /// A protocol by its name in the registry of upgrade tokens.
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// That of `req`, if it is an extended `CONNECT`.
    pub fn of<B>(req: &Request<B>) -> Option<&Self> {
        req.extensions().get()
    }

    /// Whether it is this one; case does not matter, as in `Upgrade` (RFC 9110, section 7.8).
    pub fn is(&self, name: &str) -> bool {
        self.0.eq_ignore_ascii_case(name)
    }

    /// Its name as it was sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
