//! Takes or mints an id for every request.
//!
//! ```
//! # #[cfg(feature = "uuid")] {
//! use gopuram_middleware::RequestId;
//! # use tower_layer::Layer as _;
//! # let app = ();
//!
//! let app = RequestId::default()
//!     .trust_inbound_if(|attributes| {
//!         let peer = attributes.connection().and_then(|connection| connection.peer);
//!         peer.is_some_and(|peer| peer.ip().is_loopback())
//!     })
//!     .layer(app);
//! # let _ = app;
//! # }
//! ```
//!
//! The id is put in three places: the request's [attributes], where
//! the access log finds it, a field of the request, for whatever the application passes it on
//! to, and the same field of the response. Where the field was there already, it
//! is replaced, all its lines: after this layer there is one id.
//!
//! By default no client is believed and every request gets a new id. An id that comes from a
//! peer that is trusted is kept if there is one line of it, and it is 1 to 128 letters, digits
//! and any of `-._:+/=@`, the first of them a letter or a digit: nothing that would need quoting in a
//! log, a URL or a shell, nor be taken for an option there. All else is replaced, never refused.
//!
//! # Tracing
//!
//! This crate does not depend on `tracing`; a span takes the id from the attributes:
//!
//! ```
//! use gopuram_middleware::attributes::Attributes;
//!
//! fn id<B>(req: &http::Request<B>) -> &str {
//!     let id = Attributes::of(req).and_then(Attributes::request_id);
//!     id.map_or("-", |id| id.as_str())
//! }
//! // TraceLayer::new_for_http().make_span_with(|req: &Request<_>| info_span!("request", id = id(req)))
//! # assert_eq!(id(&http::Request::new(())), "-");
//! ```
//!
//! # Security
//!
//! An id says nothing of who asks, even if it cannot be guessed: do not let anybody in by it. A
//! client that may choose its id can make two requests look like one in the log.
//!
//! # Cost
//!
//! One allocation for an id that is minted, shared by the three places; none for one that is
//! taken. Ids are UUIDs of version 7 ([RFC 9562, section 5.7]): sorted by time, the
//! counter in them monotonic in this process, with 32 random bits that are new each time.
//!
//! [RFC 9562, section 5.7]: https://www.rfc-editor.org/rfc/rfc9562#section-5.7

use std::convert::Infallible;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use tower_layer::Layer;

use crate::attributes::{self, Attributes};
use crate::place::{Identify, Placed};
use crate::wrap::{OnRequest, OnResponse, Wrapped};

/// How long an id from outside may be, if nothing else is said.
const MAX_LEN: usize = 128;

/// Takes or mints an id for every request.
///
/// See the [module documentation](self) for an example.
#[derive(Clone)]
pub struct RequestId {
    header: HeaderName,
    max_len: usize,
    mint: Arc<dyn Fn() -> HeaderValue + Send + Sync>,
    trust: Trust,
}

#[derive(Clone)]
enum Trust {
    Everybody,
    If(Arc<dyn Fn(&Attributes) -> bool + Send + Sync>),
    Nobody,
}

impl RequestId {
    /// Mints ids by calling `mint`; trusts nobody.
    ///
    /// It must not give the same id twice, and should keep to visible ASCII: what is
    /// not can be a field value, but not read as text.
    pub fn minted_by(mint: impl Fn() -> HeaderValue + Send + Sync + 'static) -> Self {
        Self {
            header: HeaderName::from_static("x-request-id"),
            max_len: MAX_LEN,
            mint: Arc::new(mint),
            trust: Trust::Nobody,
        }
    }

    /// Sets the field that carries the id; `x-request-id` by default.
    #[must_use]
    pub fn header(mut self, name: HeaderName) -> Self {
        self.header = name;
        self
    }

    /// Sets how many bytes an id from outside may have; 128 by default, with room for what tracers send.
    #[must_use]
    pub const fn max_len(mut self, bytes: usize) -> Self {
        self.max_len = bytes;
        self
    }

    /// Takes well-formed ids from everybody.
    ///
    /// # Security
    ///
    /// Right only if clients cannot reach this server but through a proxy that
    /// sets the field itself.
    #[must_use]
    pub fn trust_inbound(mut self) -> Self {
        self.trust = Trust::Everybody;
        self
    }

    /// Takes well-formed ids from requests for whose attributes `trusted` holds.
    ///
    /// Asked only if there is an id. A request without attributes is not trusted. Look
    /// at the connection's peer, as in the [example](self): the client
    /// that a proxy speaks for is not the one who wrote the field.
    #[must_use]
    pub fn trust_inbound_if(
        mut self,
        trusted: impl Fn(&Attributes) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.trust = Trust::If(Arc::new(trusted));
        self
    }

    /// The id that came with the request, if it may be kept.
    fn inbound<B>(&self, req: &Request<B>) -> Option<HeaderValue> {
        if matches!(self.trust, Trust::Nobody) {
            return None;
        }
        let id = single(req.headers(), &self.header)?;
        let trusted = match &self.trust {
            Trust::Everybody => true,
            Trust::If(trusted) => Attributes::of(req).is_some_and(|attributes| trusted(attributes)),
            Trust::Nobody => false,
        };
        (trusted && is_well_formed(id.as_bytes(), self.max_len)).then(|| id.clone())
    }
}

/// Mints UUIDs of version 7; trusts nobody.
#[cfg(feature = "uuid")]
impl Default for RequestId {
    fn default() -> Self {
        Self::minted_by(uuid_v7::mint)
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestId")
            .field("header", &self.header)
            .field("max_len", &self.max_len)
            .field("trust", &self.trust)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Everybody => "Everybody",
            Self::If(_) => "If(..)",
            Self::Nobody => "Nobody",
        })
    }
}

#[diagnostic::do_not_recommend]
impl Placed for RequestId {
    type Place = Identify;
    const NAME: &'static str = "request_id";

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.header.as_str())?;
        f.write_str(match self.trust {
            Trust::Everybody => ", trusting",
            Trust::If(_) => ", trusting some",
            Trust::Nobody => "",
        })
    }
}

impl<S> Layer<S> for RequestId {
    type Service = Wrapped<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        Wrapped::new(inner, self.clone())
    }
}

impl<B> OnRequest<B> for RequestId {
    type Then = Echo;
    type Reply = Infallible;

    #[inline]
    fn on_request(&self, req: &mut Request<B>) -> ControlFlow<Infallible, Echo> {
        let id = self.inbound(req).unwrap_or_else(|| {
            let id = (self.mint)();
            req.headers_mut().insert(&self.header, id.clone());
            id
        });
        Attributes::of_mut(req).set_request_id(attributes::RequestId::new(id.clone()));
        let header = self.header.clone();
        ControlFlow::Continue(Echo { header, id })
    }
}

/// The id that waits for the response.
#[derive(Debug)]
pub struct Echo {
    header: HeaderName,
    id: HeaderValue,
}

impl<C> OnResponse<C> for Echo {
    type Body = C;

    #[inline]
    fn on_response(self, mut res: Response<C>) -> Response<C> {
        res.headers_mut().insert(self.header, self.id);
        res
    }
}

/// The value of a field that has one line.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    values.next().is_none().then_some(first)
}

/// Whether an id is short and safe in logs, URLs and shells.
fn is_well_formed(id: &[u8], max_len: usize) -> bool {
    id.first().is_some_and(u8::is_ascii_alphanumeric)
        && id.len() <= max_len
        && id
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || b"-._:+/=@".contains(b))
}

/// UUIDs of version 7, lower-case with hyphens.
#[cfg(feature = "uuid")]
mod uuid_v7 {
    use bytes::Bytes;
    use http::HeaderValue;
    use uuid::Uuid;

    #[expect(clippy::expect_used, reason = "hexadecimal digits and hyphens")]
    pub(super) fn mint() -> HeaderValue {
        let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
        Uuid::now_v7().hyphenated().encode_lower(&mut text);
        // An owner is one allocation, clones included; a copied slice is two.
        HeaderValue::from_maybe_shared(Bytes::from_owner(text)).expect("a UUID is a field value")
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::sync::Arc;

    use crate::attributes::{Connection, Scheme};

    use super::*;

    const OURS: &str = "ours-1";

    fn minting() -> RequestId {
        RequestId::minted_by(|| HeaderValue::from_static(OURS))
    }

    /// The id of a request whose field has these lines, the same in all three places.
    fn id_of(layer: &RequestId, lines: &[&[u8]], attributes: Option<Attributes>) -> String {
        let mut req = Request::new(());
        for line in lines {
            let value = HeaderValue::from_bytes(line).unwrap();
            req.headers_mut().append(&layer.header, value);
        }
        if let Some(attributes) = attributes {
            req.extensions_mut().insert(attributes);
        }
        let ControlFlow::Continue(echo) = layer.on_request(&mut req);
        let mut res = Response::new(());
        res.headers_mut()
            .append(&layer.header, HeaderValue::from_static("inner"));
        let res = echo.on_response(res);
        let inner = Attributes::of(&req).unwrap().request_id().unwrap();
        for headers in [req.headers(), res.headers()] {
            assert_eq!(single(headers, &layer.header), Some(inner.as_header()));
        }
        inner.as_str().to_owned()
    }

    fn from_peer(ip: &str) -> Attributes {
        let peer = (ip.parse::<IpAddr>().unwrap(), 5000).into();
        Attributes::new(Arc::new(Connection::new(None, Some(peer), Scheme::Http)))
    }

    #[test]
    fn nobody_is_trusted_by_default() {
        assert_eq!(id_of(&minting(), &[b"theirs"], None), OURS);
        assert_eq!(
            id_of(&minting(), &[b"theirs"], Some(from_peer("127.0.0.1"))),
            OURS
        );
        assert_eq!(id_of(&minting(), &[], None), OURS);
    }

    #[test]
    fn a_trusted_id_is_kept() {
        let layer = minting().trust_inbound();
        for id in ["theirs", "A-1_b.:+/=@", &"x".repeat(128)] {
            assert_eq!(id_of(&layer, &[id.as_bytes()], None), id);
        }
    }

    #[test]
    fn an_id_that_is_not_well_formed_is_replaced() {
        let layer = minting().trust_inbound();
        let long = "x".repeat(129);
        let bad: [&[u8]; 12] = [
            b"",
            b"a b",
            b"a\tb",
            b"\"a\"",
            b"a\\b",
            b"a,b",
            b"~root",
            b"a~b",
            b"-rf",
            b"=cmd",
            b"caf\xe9",
            long.as_bytes(),
        ];
        for id in bad {
            assert_eq!(id_of(&layer, &[id], None), OURS, "{id:?}");
        }
        assert_eq!(id_of(&layer.max_len(3), &[b"four"], None), OURS);
    }

    #[test]
    fn two_lines_are_no_id() {
        let layer = minting().trust_inbound();
        assert_eq!(id_of(&layer, &[b"a", b"a"], None), OURS);
    }

    #[test]
    fn a_predicate_decides_by_the_peer() {
        let layer = minting().trust_inbound_if(|attributes| {
            let peer = attributes.connection().and_then(|c| c.peer);
            peer.is_some_and(|peer| peer.ip().is_loopback())
        });
        assert_eq!(
            id_of(&layer, &[b"theirs"], Some(from_peer("127.0.0.1"))),
            "theirs"
        );
        assert_eq!(
            id_of(&layer, &[b"theirs"], Some(from_peer("192.0.2.1"))),
            OURS
        );
        assert_eq!(id_of(&layer, &[b"theirs"], None), OURS);
    }

    #[test]
    fn the_field_may_have_another_name() {
        let layer = minting()
            .header(HeaderName::from_static("x-correlation-id"))
            .trust_inbound();
        assert_eq!(id_of(&layer, &[b"theirs"], None), "theirs");
    }

    #[cfg(feature = "uuid")]
    #[test]
    fn a_minted_id_is_a_uuid_of_version_7_and_later_ones_sort_after_it() {
        let ids: Vec<_> = (0..1000)
            .map(|_| id_of(&RequestId::default(), &[], None))
            .collect();
        for id in &ids {
            let id = uuid::Uuid::parse_str(id).unwrap();
            assert_eq!(id.get_version_num(), 7);
        }
        assert!(ids.is_sorted());
    }
}
