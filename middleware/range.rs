//! Single, multiple and suffix ranges: 206 and 416.
//!
//! ```
//! use gopuram_middleware::Range;
//! # use tower_layer::Layer as _;
//! # let app = ();
//!
//! let app = Range::default().layer(app);
//! # let _ = app;
//! ```
//!
//! A 200 answer to a `GET` whose length is known says `Accept-Ranges: bytes`, and if a `Range`
//! was asked for, it becomes 206 with the part, 206 `multipart/byteranges` with the parts, or
//! 416 with `Content-Range: bytes */length` if there are none ([RFC 9110, section 14]). The
//! other fields stay, but for `Content-Digest`, which is of the content as it is sent.
//!
//! # What can be cut
//!
//! A [`Body`] that is there as a whole gives up its parts without a copy, and a region of a file
//! stays one, so that only what is sent is read. Of any other body whose length is exactly
//! known, one part can be had, if it begins within the first [MiB](Range::skip): what stands before
//! it is read and thrown away, what stands after it is not read, and its trailers neither. A part
//! that begins later, several parts of such a body, and several of one with a `Content-Encoding`
//! are answered with everything.
//!
//! The parts are of the representation as it is inside of this layer, coded or not.
//! [`Conditional`](crate::Conditional) stands further in, since preconditions come before ranges
//! (section 13.2.2).
//!
//! # What is ignored
//!
//! `Range` on any method but `GET`; one that is there twice, that is not in bytes, or that has
//! an invalid range in it; all if `If-Range` is false: not the same strong entity tag, nor the
//! very date of `Last-Modified`, the second of which must be over, beside no weak tag (section
//! 8.8.2.2); more ranges than the [`limit`](Range::limit). Then everything is sent.
//!
//! Left alone are answers other than 200, of unknown length, those whose `Content-Length`
//! disagrees with their body, and those that say `Accept-Ranges: none`.
//!
//! # Security
//!
//! Ranges that overlap, or that have no more than 80 bytes between them, are sent as one
//! (section 15.3.7.2): an answer is never longer than the representation and one small head for
//! each of at most [`limit`](Range::limit) parts, 200 by default, in whatever order and however often a client asks for the same.
//!
//! # Cost
//!
//! Without `Range`, one look-up, and one field on the way out. A body of another type than
//! [`Body`] is boxed.
//!
//! [RFC 9110, section 14]: https://www.rfc-editor.org/rfc/rfc9110#section-14

use std::convert::Infallible;
use std::error::Error as StdError;
use std::fmt;
use std::ops::ControlFlow;
use std::time::SystemTime;

use bytes::Bytes;
use http::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, DATE, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body as _;
use tower_layer::Layer;

use crate::body::Body;
use crate::header::date;
use crate::header::entity_tag::single;
use crate::place::{Cut, Placed};
use crate::represent::{self, Ranges, Validators, Wanted};
use crate::wrap::{OnRequest, OnResponse, Wrapped};

/// Single, multiple and suffix ranges: 206 and 416.
///
/// See the [module documentation](self) for an example.
#[derive(Clone, Copy, Debug)]
pub struct Range {
    most: usize,
    skip: u64,
}

impl Range {
    /// At most 200 ranges of one request, and parts of streams within their first MiB.
    pub const fn new() -> Self {
        Self {
            most: represent::MOST,
            skip: represent::SKIP,
        }
    }

    /// Answers requests for more ranges than `most` with everything.
    ///
    /// 200 by default, as Apache's: readers of PDF ask for many at once. 1 makes every
    /// answer a single part; 0 ignores all ranges.
    #[must_use]
    pub const fn limit(mut self, most: usize) -> Self {
        self.most = most;
        self
    }

    /// Answers with everything if the part of a stream begins after its first `bytes` bytes.
    ///
    /// What stands before the part is produced, read and thrown away: a request of a few bytes
    /// can cost the whole of a stream. 1 MiB by default, which is little work; 0 cuts
    /// streams only at their end, `u64::MAX` anywhere. Bodies that are there as a whole and
    /// files are not concerned.
    #[must_use]
    pub const fn skip(mut self, bytes: u64) -> Self {
        self.skip = bytes;
        self
    }
}

impl Default for Range {
    fn default() -> Self {
        Self::new()
    }
}

#[diagnostic::do_not_recommend]
impl Placed for Range {
    type Place = Cut;
    const NAME: &'static str = "range";

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} parts", self.most)
    }
}

impl<S> Layer<S> for Range {
    type Service = Wrapped<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        Wrapped::new(inner, *self)
    }
}

impl<B> OnRequest<B> for Range {
    type Then = Pending;
    type Reply = Infallible;

    #[inline]
    fn on_request(&self, req: &mut Request<B>) -> ControlFlow<Infallible, Pending> {
        ControlFlow::Continue(Pending {
            method: Kind::of(req.method()),
            wanted: Wanted::of(req.method(), req.headers()),
            most: self.most,
            skip: self.skip,
        })
    }
}

/// The ranges that wait for the representation.
#[derive(Debug)]
pub struct Pending {
    method: Kind,
    wanted: Option<Wanted>,
    most: usize,
    skip: u64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Get,
    /// Has no ranges, but says what a `GET` has (RFC 9110, section 9.3.2).
    Head,
    Other,
}

impl Kind {
    fn of(method: &Method) -> Self {
        match *method {
            Method::GET => Self::Get,
            Method::HEAD => Self::Head,
            _ => Self::Other,
        }
    }
}

impl<C> OnResponse<C> for Pending
where
    C: http_body::Body<Data = Bytes> + Send + 'static,
    C::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type Body = Body;

    fn on_response(self, res: Response<C>) -> Response<Body> {
        let mut res = res.map(Body::new);
        if self.method == Kind::Other || res.status() != StatusCode::OK {
            return res;
        }
        let len = match self.method {
            Kind::Head => announced(&res).or_else(|| length(&res).filter(|len| *len > 0)),
            _ => length(&res),
        };
        let Some(len) = len else {
            return res;
        };
        let headers = res.headers_mut();
        let accepts = headers
            .entry(ACCEPT_RANGES)
            .or_insert(const { HeaderValue::from_static("bytes") });
        if accepts.as_bytes().eq_ignore_ascii_case(b"none") {
            return res;
        }
        let Some(wanted) = self.wanted else {
            return res;
        };
        let headers = res.headers();
        let ranges = wanted.resolve(
            || Validators::of(headers).telling_codings_apart(headers),
            || made(headers),
            len,
            self.most,
        );
        match ranges {
            Ranges::Whole => res,
            ranges => represent::answer(res, &ranges, len, self.skip),
        }
    }
}

/// How long a `GET` of the representation would be, if the answer to a `HEAD` says so.
fn announced(res: &Response<Body>) -> Option<u64> {
    let headers = res.headers();
    let said = headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok();
    said.filter(|_| !headers.contains_key(CONTENT_RANGE))
}

/// How long the representation is, if body and fields agree on it.
fn length(res: &Response<Body>) -> Option<u64> {
    let len = res.body().size_hint().exact()?;
    let headers = res.headers();
    let agreed = match headers.get(CONTENT_LENGTH) {
        Some(said) => said.to_str().ok()?.parse() == Ok(len),
        None => !headers.contains_key(TRANSFER_ENCODING),
    };
    (agreed && !headers.contains_key(CONTENT_RANGE)).then_some(len)
}

/// When the answer was made: what its `Date` says, or else now.
fn made(headers: &HeaderMap) -> SystemTime {
    single(headers, &DATE)
        .and_then(date::parse)
        .unwrap_or_else(SystemTime::now)
}
