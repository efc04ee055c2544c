//! Decodes request bodies within limits: gzip, brotli, zstd.
//!
//! ```
//! use gopuram_middleware::Decompress;
//! # #[cfg(feature = "gzip")]
//! # fn app<S>(app: S) -> impl Sized {
//! # use tower_layer::Layer as _;
//! use gopuram_middleware::decompress::{Deflate, Gzip};
//!
//! let app = Decompress::with((Gzip, Deflate))
//!     .limit(8 * 1024 * 1024)
//!     .layer(app);
//! # app
//! # }
//! ```
//!
//! A request with `Content-Encoding` reaches the application decoded, as if it had been sent so: without
//! that field, `Content-Length` and digests, which are of the coded bytes. Several codings are
//! undone in the reverse of the order in which they were applied ([RFC 9110, section 8.4]), up to
//! three. `x-gzip` is `gzip`, and `identity` is nothing.
//!
//! # What is answered
//!
//! - `415 Unsupported Media Type` at once to a coding that is not one of [these](Decompress::with), or to more
//!   than three, with those that are in `Accept-Encoding` (sections 12.5.3 and 15.5.16).
//! - `413 Content Too Large` to a body that decodes to more than the [`limit`](Decompress::limit), or to too
//!   much for its [`ratio`](Decompress::ratio).
//! - `400 Bad Request` to one that is not what its coding says, that ends before its coding does, or that goes on
//!   after it.
//!
//! The last two are found while the body is read. Inner is told by an [`Error`] of the body, and most
//! applications make some 400 or 500 of it: if the response is one of an error (4xx or 5xx), it is
//! replaced by the one above; an application that copes and answers otherwise is
//! believed. What was decoded until then was passed on: only the end of the body says that all of it was right.
//!
//! A body that has ended from the start is left alone with its fields: there is nothing to
//! decode. `gzip` may have several members (RFC 1952, section 2.2), up to 1024, and `zstd` several frames;
//! `deflate` is the zlib format, as section 8.4.1.2 has it: the raw one, which some clients of old
//! sent by this name, is answered 400. Trailers pass.
//!
//! # Where it stands
//!
//! It is of the same place as [`Compress`](crate::Compress); either may be outside. [`BodyLimit`](crate::BodyLimit),
//! outside, bounds the bytes that are sent, and this layer those that they stand for. A digest of an
//! upload is of the coded bytes (RFC 9530, section 3) and is verified outside of this layer.
//! Responses are left as they are: to decode one for a client that cannot is another matter.
//!
//! # Cost
//!
//! No allocation for a request that is not coded. One that is has a decoder as long as its body is
//! read: for each coding about 50 KiB for gzip, up to 17 MiB for brotli and 9 MiB for zstd if the client says that
//! it needs them, and 16 KiB. Nothing is decoded that is not asked for, and other tasks get the thread every 64 KiB that
//! come in and out, of each coding, but that a piece that came in may come to nothing as a whole first.
//!
//! # Security
//!
//! A kilobyte may stand for a megabyte in gzip, and for far more in the others. Each step of several codings is
//! held to both limits, so that neither memory nor work grows beyond them.
//!
//! [RFC 9110, section 8.4]: https://www.rfc-editor.org/rfc/rfc9110#section-8.4

mod body;
#[cfg(feature = "br")]
mod brotli;
mod coding;
#[cfg(feature = "gzip")]
mod gzip;
#[cfg(feature = "zstd")]
mod zstd;

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body::Body;
use tower_layer::Layer;

use crate::header::{digests, list};
use crate::place::{Code, Placed};
use crate::verdict::Verdict;
use crate::wrap::{OnBody, OnRequest, OnResponse, WrappedBody};

pub use body::{DecompressBody, Error};
#[cfg(feature = "br")]
pub use brotli::Brotli;
pub use coding::Codings;
#[cfg(feature = "gzip")]
pub use gzip::{Deflate, Gzip};
#[cfg(feature = "zstd")]
pub use zstd::Zstd;

use body::Stream;
use coding::{Limits, Offer, Stage};

/// Decodes request bodies within limits: gzip, brotli, zstd.
///
/// See the [module documentation](self) for an example.
#[derive(Clone, Debug)]
pub struct Decompress {
    offers: Arc<[Offer]>,
    /// Their names, as a client is told them.
    names: HeaderValue,
    limits: Limits,
}

/// How many codings of one body are undone. One is what clients send, and each is work.
const MOST: usize = 3;

impl Decompress {
    /// Decodes these codings.
    pub fn with(codings: impl Codings) -> Self {
        let mut offers = Vec::new();
        codings.offers(&mut offers);
        Self {
            names: names(&offers),
            offers: offers.into(),
            limits: Limits {
                size: 1024 * 1024,
                ratio: 200,
            },
        }
    }

    /// Decodes these as well.
    #[must_use]
    pub fn and(mut self, codings: impl Codings) -> Self {
        let mut offers = self.offers.to_vec();
        codings.offers(&mut offers);
        self.names = names(&offers);
        self.offers = offers.into();
        self
    }

    /// Lets bodies decode to up to `bytes` bytes.
    ///
    /// 1 MiB by default, as [`BodyLimit`](crate::BodyLimit) has it: little enough to be held in memory for each
    /// connection. `u64::MAX` leaves only the ratio.
    #[must_use]
    pub const fn limit(mut self, bytes: u64) -> Self {
        self.limits.size = bytes;
        self
    }

    /// Lets bodies decode to up to `times` their size, counted from their first 64 KiB on.
    ///
    /// 200 by default, as Apache does: text comes to 3 to 20 times its size, what repeats itself to 100. It
    /// matters for a high limit, where a small body must not be worth much work.
    #[must_use]
    pub const fn ratio(mut self, times: u32) -> Self {
        self.limits.ratio = times;
        self
    }

    /// The codings to undo, the last that was applied first; none if one is not ours.
    fn stages(&self, headers: &HeaderMap) -> Option<Vec<Stage>> {
        let mut stages = Vec::new();
        let lines = headers.get_all(CONTENT_ENCODING).into_iter();
        for name in lines.flat_map(|line| list::members(line.as_bytes())) {
            if name.eq_ignore_ascii_case(b"identity") {
                continue;
            }
            let offer = self.offers.iter().find(|offer| offer.is_called(name))?;
            if stages.len() == MOST {
                return None;
            }
            stages.push(Stage::new(offer, self.limits));
        }
        stages.reverse();
        Some(stages)
    }
}

/// The names of codings, as a client is told them.
fn names(offers: &[Offer]) -> HeaderValue {
    let names: Vec<_> = offers.iter().map(|offer| offer.name).collect();
    let names = HeaderValue::try_from(names.join(", ")).ok();
    let names = names.filter(|names| !names.is_empty());
    names.unwrap_or(const { HeaderValue::from_static("identity") })
}

#[diagnostic::do_not_recommend]
impl Placed for Decompress {
    type Place = Code;
    const NAME: &'static str = "decompress";

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.names.to_str().unwrap_or_default())
    }
}

impl<S> Layer<S> for Decompress {
    type Service = WrappedBody<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        WrappedBody::new(inner, self.clone())
    }
}

impl<B: Body> OnRequest<B> for Decompress {
    type Then = Pending;
    type Reply = Response<()>;

    #[inline]
    fn on_request(&self, req: &mut Request<B>) -> ControlFlow<Response<()>, Pending> {
        let coded = req.headers().contains_key(CONTENT_ENCODING);
        // A part is of coded bytes, and cannot be decoded without the others.
        let part = req.headers().contains_key(CONTENT_RANGE);
        if !coded || part || req.body().is_end_stream() {
            return ControlFlow::Continue(Pending::default());
        }
        let Some(stages) = self.stages(req.headers()) else {
            return ControlFlow::Break(self.unsupported());
        };
        let headers = req.headers_mut();
        headers.remove(CONTENT_ENCODING);
        if stages.is_empty() {
            return ControlFlow::Continue(Pending::default());
        }
        headers.remove(CONTENT_LENGTH);
        digests::remove(headers);
        let verdict = Verdict::default();
        ControlFlow::Continue(Pending {
            stream: Some(Stream::new(stages, verdict.clone())),
            verdict: Some(verdict),
        })
    }
}

impl<B: Body<Data = Bytes>> OnBody<B> for Decompress {
    type Body = DecompressBody<B>;

    #[inline]
    fn on_body(&self, body: B, then: &mut Pending) -> DecompressBody<B> {
        DecompressBody::new(body, then.stream.take())
    }
}

/// What decodes the body, and what it has to say of it.
#[derive(Debug, Default)]
pub struct Pending {
    stream: Option<Box<Stream>>,
    verdict: Option<Verdict>,
}

impl<C: Default> OnResponse<C> for Pending {
    type Body = C;

    #[inline]
    fn on_response(self, res: Response<C>) -> Response<C> {
        match self.verdict {
            Some(verdict) => verdict.over(res),
            None => res,
        }
    }
}

impl Decompress {
    #[cold]
    fn unsupported(&self) -> Response<()> {
        let mut res = Response::new(());
        *res.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        res.headers_mut()
            .insert(ACCEPT_ENCODING, self.names.clone());
        res
    }
}

#[cfg(test)]
#[cfg(feature = "gzip")]
mod tests {
    use super::*;

    /// How many codings are undone of a body with these fields; none if it is refused.
    fn undone(lines: &[&str]) -> Option<usize> {
        let mut req = Request::post("/");
        for line in lines {
            req = req.header(CONTENT_ENCODING, *line);
        }
        let req = req.header(CONTENT_LENGTH, "7");
        let mut req = req.body("content".to_owned()).unwrap();
        match Decompress::with((Gzip, Deflate)).on_request(&mut req) {
            ControlFlow::Continue(then) => {
                let stages = then.stream.map_or(0, |stream| stream.len());
                assert_eq!(req.headers().contains_key(CONTENT_LENGTH), stages == 0);
                assert!(!req.headers().contains_key(CONTENT_ENCODING));
                Some(stages)
            }
            ControlFlow::Break(res) => {
                assert_eq!(res.status(), 415);
                assert_eq!(res.headers()[ACCEPT_ENCODING], "gzip, deflate");
                None
            }
        }
    }

    #[test]
    fn codings_are_known_by_their_names() {
        assert_eq!(undone(&[]), Some(0));
        assert_eq!(undone(&["gzip"]), Some(1));
        assert_eq!(undone(&["X-GZip"]), Some(1));
        assert_eq!(undone(&["identity", ""]), Some(0));
        assert_eq!(undone(&["gzip, identity,", "deflate"]), Some(2));
        assert_eq!(undone(&["gzip,gzip,gzip"]), Some(3));
        assert_eq!(undone(&["gzip,gzip,gzip,gzip"]), None);
        assert_eq!(undone(&["gzip, br"]), None);
        assert_eq!(undone(&["gzip;q=1"]), None);
    }

    #[test]
    fn nothing_is_left_alone() {
        let req = Request::post("/").header(CONTENT_ENCODING, "unknown");
        let mut req = req.body(String::new()).unwrap();
        assert!(Decompress::default().on_request(&mut req).is_continue());
        assert!(req.headers().contains_key(CONTENT_ENCODING));
    }
}
