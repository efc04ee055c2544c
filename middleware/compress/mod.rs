//! Codes answers with gzip, brotli or zstd, as the client prefers.
//!
//! ```
//! use gopuram_middleware::Compress;
//! # #[cfg(feature = "gzip")]
//! # fn app<S>(app: S) -> impl Sized {
//! # use tower_layer::Layer as _;
//! use gopuram_middleware::compress::Gzip;
//!
//! let app = Compress::with(Gzip::level(6)).min_size(512).layer(app);
//! # app
//! # }
//! ```
//!
//! The coding is the one that the client weighs highest in `Accept-Encoding`
//! ([RFC 9110, section 12.5.3]), the first that is offered among equals. A client that says
//! nothing gets plain bytes, and so does one that refuses them and all that is offered
//! (never 406). An answer is coded if all of this holds:
//!
//! - It has content that is a whole representation: not 1xx, 204, 205, 206, 304, nothing
//!   with `Content-Range`, no tunnel of `CONNECT`, no upgrade.
//! - It is not coded already (`Content-Encoding`), and `Cache-Control` does not say
//!   `no-transform`. That is the way to exempt an answer.
//! - It has a type that [shrinks](is_compressible), and [1 KiB](Compress::min_size) or
//!   more. What has no known length is coded.
//!
//! Its head then says what is true of the coded bytes. A strong `ETag` becomes one of its own
//! (`"abc"` is `"abc-gzip"`), and is mapped back in `If-None-Match` and `If-Match` on
//! the way in, so that inner sees the tag it made; a 304 carries the tag that the client holds. Not in
//! `If-Range`, nor in `If-Match` beside `Range`: ranges are of the plain bytes, and
//! pieces of two representations must not be put together. For that reason a `Range` under a date, in
//! `If-Range` or `If-Unmodified-Since`, is removed if the client accepts a coding that is offered: a
//! date is the same for all of them, and the client gets the whole. `Content-Length`,
//! `Accept-Ranges` and digests go; the layer `digest`, outside, says those of the coded bytes. `Vary` names `Accept-Encoding` on each answer that
//! another client could get coded, coded or not, 304 and 206 included. `HEAD` gets the head
//! that `GET` would, and never a body; only that a coded answer turns out larger, and is sent as it
//! was, cannot be known for it.
//!
//! # How it is coded
//!
//! A [`Body`](crate::Body) of up to 64 KiB that is all there is coded at once, and has an
//! exact length; if it would not shrink, it is sent as it was. Anything else is coded as it comes, and
//! other tasks get the thread every 64 KiB. When the inner body pauses, what it gave is
//! flushed, so that server-sent events arrive at once. Trailers follow the coded
//! bytes. If the inner body fails, so does the coded one, without an end that
//! would make it look complete.
//!
//! # Cost
//!
//! An answer that is not coded costs no allocation. The coder of a stream is held as long as the
//! stream is open: about 330 KiB for gzip, 1 to 2 MiB for the others by default; with
//! thousands of open event streams, exempt them. Idle coders are kept, as many as there are processors.
//!
//! # Security
//!
//! If one answer holds a secret and something that an attacker chooses, its coded length
//! tells how much they have in common ([BREACH]). Exempt such answers with `no-transform`, or mask
//! the secret.
//!
//! [BREACH]: https://www.breachattack.com
//! [RFC 9110, section 12.5.3]: https://www.rfc-editor.org/rfc/rfc9110#section-12.5.3

mod answer;
mod body;
#[cfg(feature = "br")]
mod brotli;
mod coding;
mod etag;
#[cfg(feature = "gzip")]
mod gzip;
mod kept;
mod media;
#[cfg(feature = "zstd")]
mod zstd;

use std::convert::Infallible;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use http::header::{
    ACCEPT_ENCODING, IF_MATCH, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE,
};
use http::{HeaderMap, HeaderValue, Method, Request};
use tower_layer::Layer;

use crate::header::accept_encoding::{AcceptEncoding, Coding};
use crate::place::{Code, Placed};
use crate::wrap::{OnRequest, Wrapped};

pub use answer::Choice;
pub use body::{CompressBody, Error};
#[cfg(feature = "br")]
pub use brotli::Brotli;
pub use coding::Codings;
#[cfg(feature = "gzip")]
pub use gzip::{Deflate, Gzip};
pub use media::is_compressible;
#[cfg(feature = "zstd")]
pub use zstd::Zstd;

use answer::{Asked, Held, Kind};
use coding::Offer;
use kept::Kept;

/// Codes answers with gzip, brotli or zstd, as the client prefers.
///
/// See the [module documentation](self) for an example.
#[derive(Clone, Debug)]
pub struct Compress {
    config: Arc<Config>,
}

#[derive(Clone)]
struct Config {
    offers: Arc<[Arc<Offer>]>,
    min_size: u64,
    /// Instead of the default rule.
    media_types: Option<Arc<dyn Fn(&str) -> bool + Send + Sync>>,
    kept: Option<Arc<Kept>>,
}

/// Less than this, with its head, is one packet either way: coding it saves nothing on the wire.
const MIN_SIZE: u64 = 1024;

impl Compress {
    /// Offers `codings`, the most preferred first.
    pub fn with(codings: impl Codings) -> Self {
        let mut offers = Vec::new();
        codings.offers(&mut offers);
        Self {
            config: Arc::new(Config {
                offers: offers.into_iter().map(Arc::new).collect(),
                min_size: MIN_SIZE,
                media_types: None,
                kept: None,
            }),
        }
    }

    /// Offers these as well, less preferred than those before.
    #[must_use]
    pub fn and(mut self, codings: impl Codings) -> Self {
        let config = self.change();
        let mut offers = Vec::new();
        codings.offers(&mut offers);
        let all = config.offers.iter().cloned();
        config.offers = all.chain(offers.into_iter().map(Arc::new)).collect();
        self
    }

    /// Leaves answers of less than `bytes` alone, as far as their length is known before.
    ///
    /// 1 KiB by default: less than that, with its head, is one packet either way.
    #[must_use]
    pub fn min_size(mut self, bytes: u64) -> Self {
        self.change().min_size = bytes;
        self
    }

    /// Codes answers of the media types for which `rule` holds, and no others.
    ///
    /// The rule sees the type without its parameters, in the case it was written in.
    /// [`is_compressible`] by default.
    ///
    /// ```
    /// # #[cfg(feature = "gzip")]
    /// # {
    /// use gopuram_middleware::compress::{Compress, is_compressible};
    ///
    /// let compress = Compress::default()
    ///     .media_types(|it| it == "model/gltf-binary" || is_compressible(it));
    /// # let _ = compress;
    /// # }
    /// ```
    #[must_use]
    pub fn media_types(mut self, rule: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        self.change().media_types = Some(Arc::new(rule));
        self
    }

    /// Keeps coded variants of answers that are sent again and again, `bytes` in all, plain and coded.
    ///
    /// Nothing is kept by default. What is kept are answers of up to 64 KiB, all there, with a strong
    /// `ETag`. The tag only finds a variant: it is sent if the plain bytes are the very ones that
    /// it was made from, so that a wrong tag makes nobody see what is not theirs.
    #[must_use]
    pub fn keep(mut self, bytes: usize) -> Self {
        self.change().kept = Some(Arc::new(Kept::new(bytes)));
        self
    }

    fn change(&mut self) -> &mut Config {
        Arc::make_mut(&mut self.config)
    }
}

#[diagnostic::do_not_recommend]
impl Placed for Compress {
    type Place = Code;
    const NAME: &'static str = "compress";

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, coding) in self.config.codings().enumerate() {
            let space = if at == 0 { "" } else { " " };
            write!(f, "{space}{}", coding.name())?;
        }
        Ok(())
    }
}

impl<S> Layer<S> for Compress {
    type Service = Wrapped<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        Wrapped::new(inner, self.clone())
    }
}

impl<B> OnRequest<B> for Compress {
    type Then = Choice;
    type Reply = Infallible;

    #[inline]
    fn on_request(&self, req: &mut Request<B>) -> ControlFlow<Infallible, Choice> {
        let asked = self.config.asked(req.headers());
        if req.headers().contains_key(RANGE) {
            self.config.unrange(req.headers_mut());
        }
        let held = self.config.uncode_tags(req);
        let method = match *req.method() {
            Method::CONNECT => Kind::Connect,
            Method::HEAD => Kind::Head,
            _ => Kind::Other,
        };
        ControlFlow::Continue(Choice {
            config: Arc::clone(&self.config),
            asked,
            method,
            held,
        })
    }
}

impl Config {
    fn codings(&self) -> impl Iterator<Item = Coding> + Clone {
        self.offers.iter().map(|offer| offer.coding)
    }

    /// Which offer the client prefers; none for plain bytes.
    fn choose(&self, accepted: AcceptEncoding) -> Option<usize> {
        let chosen = accepted.choose(self.codings());
        self.codings().position(|coding| coding == chosen)
    }

    #[inline]
    fn asked(&self, headers: &HeaderMap) -> Asked {
        let mut lines = headers.get_all(ACCEPT_ENCODING).into_iter();
        match (lines.next(), lines.next()) {
            (None, _) => Asked::Read(None),
            (Some(line), None) => Asked::Unread(line.clone()),
            _ => Asked::Read(self.choose(AcceptEncoding::of(headers))),
        }
    }

    /// Removes a `Range` that holds for a date. The date is the same for all codings, so that the
    /// client may have the rest of a coded representation: it gets the whole again.
    #[cold]
    fn unrange(&self, headers: &mut HeaderMap) {
        let tagged = |value: &HeaderValue| value.as_bytes().ends_with(b"\"");
        let dated = match headers.get(IF_RANGE) {
            Some(value) => !tagged(value),
            None => headers.contains_key(IF_UNMODIFIED_SINCE),
        };
        if dated && self.choose(AcceptEncoding::of(headers)).is_some() {
            headers.remove(RANGE);
            headers.remove(IF_RANGE);
        }
    }

    /// Lets inner see its own tags, and gives back those of `If-None-Match` if any was coded.
    #[inline]
    fn uncode_tags<B>(&self, req: &mut Request<B>) -> Held {
        let list = req.headers().get(IF_NONE_MATCH);
        let named = list.is_some_and(|list| list.as_bytes().trim_ascii() != b"*");
        if !named && !req.headers().contains_key(IF_MATCH) {
            return Held::Unnamed;
        }
        match self.uncode_found_tags(req) {
            Some(list) => Held::Coded(list),
            None if named => Held::Plain,
            None => Held::Unnamed,
        }
    }

    #[cold]
    fn uncode_found_tags<B>(&self, req: &mut Request<B>) -> Option<HeaderValue> {
        let reads = matches!(*req.method(), Method::GET | Method::HEAD);
        let headers = req.headers_mut();
        // A piece must be of the representation that the client holds the rest of.
        if !headers.contains_key(RANGE) {
            etag::uncode(headers, IF_MATCH, &self.codings());
        }
        if !reads {
            etag::uncode(headers, IF_NONE_MATCH, &self.codings());
            return None;
        }
        // What the client holds in another coding is not what it would get now.
        let offer = self.choose(AcceptEncoding::of(headers))?;
        let coding = self.offers.get(offer)?.coding;
        etag::uncode(headers, IF_NONE_MATCH, &std::iter::once(coding))
    }

    fn codes_type(&self, media_type: &str) -> bool {
        match &self.media_types {
            Some(rule) => rule(media_type),
            None => is_compressible(media_type),
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("offers", &self.offers)
            .field("min_size", &self.min_size)
            .field("kept", &self.kept)
            .finish_non_exhaustive()
    }
}
