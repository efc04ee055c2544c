//! What a client is told before it is answered.

use std::error::Error as StdError;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;

use http::{HeaderMap, Request};

use super::Attributes;

/// Tells a client before the answer what it will need besides: 103, with `Link` fields as a rule (RFC 8297).
///
/// ```
/// use gopuram_middleware::attributes::EarlyHints;
/// use http::{HeaderMap, HeaderValue, header};
///
/// async fn page<B>(req: http::Request<B>) {
///     let mut hints = HeaderMap::new();
///     let style = HeaderValue::from_static("</style.css>; rel=preload; as=style");
///     hints.insert(header::LINK, style);
///     // Whether it is sent is known; the page is the same.
///     let _ = EarlyHints::of(&req).send(&hints);
///     // ... and what takes its time.
/// }
/// # drop(page(http::Request::new(())));
/// ```
///
/// Cheap to clone, and to be sent along to where the work is done. Some clients take an interim answer for the final
/// one (RFC 8297, section 3): to send any is the application's decision.
#[derive(Clone, Default)]
pub struct EarlyHints {
    gateway: Option<Arc<dyn Hints>>,
    request: Option<NonZeroU32>,
}

/// A gateway that sends early hints.
pub trait Hints: Send + Sync {
    /// Sends them for the request of that number, if it is not answered yet.
    ///
    /// # Errors
    ///
    /// If they will not be sent.
    fn send(&self, request: NonZeroU32, hints: &HeaderMap) -> Result<(), Unsent>;
}

/// Why early hints are not sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Unsent {
    /// The final answer is there, or there is no such request.
    Answered,
    /// A field says how a message is framed, or is for one connection only.
    Forbidden,
    /// More waits for the client already than may: the gateway's documentation says how much.
    Full,
    /// The client is gone: its connection is closed.
    Gone,
    /// The client speaks a version of HTTP, or the gateway serves it in a way, that has none.
    Unsupported,
}

impl EarlyHints {
    /// Of this request; where there is no gateway that sends any, all are [`Unsupported`](Unsent::Unsupported).
    pub fn of<B>(req: &Request<B>) -> Self {
        let Some(attributes) = Attributes::of(req) else {
            return Self::default();
        };
        let connection = attributes.connection();
        Self {
            gateway: connection.and_then(|connection| connection.hints.0.clone()),
            request: attributes.number,
        }
    }

    /// Sends them as soon as the client takes them, and before the answer. As often as there are new ones.
    ///
    /// That they are sent is not that they arrive: they wait for the client first, who may go away in the meantime.
    ///
    /// # Errors
    ///
    /// If they will not be sent; the client misses nothing but time.
    pub fn send(&self, hints: &HeaderMap) -> Result<(), Unsent> {
        match (&self.gateway, self.request) {
            (Some(gateway), Some(request)) => gateway.send(request, hints),
            _ => Err(Unsent::Unsupported),
        }
    }
}

impl fmt::Debug for EarlyHints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EarlyHints").field(&self.request).finish()
    }
}

impl fmt::Display for Unsent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Answered => "the request has been answered",
            Self::Forbidden => "a field of the connection or of framing is no hint",
            Self::Full => "too much waits for the client already",
            Self::Gone => "the client is gone",
            Self::Unsupported => "the client is not sent early hints",
        })
    }
}

impl StdError for Unsent {}

/// Who sends the hints of a connection's requests, if anybody does.
#[derive(Clone, Default)]
pub struct Sender(Option<Arc<dyn Hints>>);

impl Sender {
    pub(super) const NONE: Self = Self(None);

    /// This gateway.
    pub fn by(gateway: Arc<dyn Hints>) -> Self {
        Self(Some(gateway))
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sender").field(&self.0.is_some()).finish()
    }
}
