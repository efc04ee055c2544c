//! Adds an entity tag to answers that are there as a whole.
//!
//! ```
//! use gopuram_middleware::{Conditional, Etag, Range};
//! # use tower_layer::Layer as _;
//! # let app = ();
//!
//! // What is generated can be asked for again with `If-None-Match`, and in ranges.
//! let app = Etag::default().layer(app);
//! let app = Conditional::default().layer(app);
//! let app = Range::default().layer(app);
//! # let _ = app;
//! ```
//!
//! A 200 answer to `GET` gets an `ETag` that is made of its content ([RFC 9110, section 8.8.3]): the
//! same bytes have the same tag in every process and on every machine. This layer only says the
//! tag; [`Conditional`](crate::Conditional) compares it. The application still does all of
//! its work; what is saved is sending the answer.
//!
//! # What gets one
//!
//! Answers of up to [1 MiB](Etag::max_size) that are there as a whole: a [`Body`] that is, and
//! any other body that knows its length and gives all of it at once. Not: a stream, which
//! would have to be held back to its end; a region of a file, which gets the validators of the file from
//! [`StaticFiles`](crate::StaticFiles); any status but 200, any method but `GET` and `HEAD`; what has
//! an `ETag` already, whatever it says; what nobody may keep (`Cache-Control: no-store`), for which
//! a validator is of no use. `no-transform` is no reason: the content stays as it is.
//!
//! A `HEAD` that reaches the application gets a tag only if the answer brings the content that a
//! `GET` would; an empty one says nothing of it. With [`Head`](crate::Head) outside, both are the same.
//!
//! # What it is made of
//!
//! The bytes, and `Content-Type`, `Content-Encoding` and `Content-Language`, since a 304 would leave a
//! client with the old ones of these. The tag is strong: it says that the bytes are the same, coded
//! ones if there is a `Content-Encoding` already. So it does for `If-Range`. [`Compress`](crate::Compress), outside,
//! makes it one of its own for each coding. [`Etag::weak`] is for a layer or a proxy further out that
//! changes bytes and not tags.
//!
//! # Cost
//!
//! Hashing, which takes 20 microseconds for 1 MiB, and the allocation of the field. A body of another type than
//! [`Body`] is boxed unless it is whole, and several chunks are copied together.
//!
//! # Security
//!
//! The hash (XXH3, 128 bits) is quick and not a cryptographic one: who chooses the content of two versions
//! of an answer can give both the same tag, and so make clients keep the first. Tags are compared
//! within one target, so that no answer is taken for another's. A tag says no more than its
//! content does, but says it in a 304 and to a `HEAD` too.
//!
//! [RFC 9110, section 8.8.3]: https://www.rfc-editor.org/rfc/rfc9110#section-8.8.3

use std::convert::Infallible;
use std::error::Error as StdError;
use std::fmt;
use std::ops::ControlFlow;

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_RANGE, CONTENT_TYPE, ETAG,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use tower_layer::Layer;
use twox_hash::{XxHash3_64, XxHash3_128};

use crate::body::{Body, whole};
use crate::header::list;
use crate::place::{Placed, Validate};
use crate::wrap::{OnRequest, OnResponse, Wrapped};

/// Adds an entity tag to answers that are there as a whole.
///
/// See the [module documentation](self) for an example.
#[derive(Clone, Copy, Debug)]
pub struct Etag {
    max_size: u64,
    weak: bool,
}

impl Etag {
    /// Strong tags, for answers of up to 1 MiB.
    pub const fn new() -> Self {
        Self {
            max_size: 1024 * 1024,
            weak: false,
        }
    }

    /// Leaves answers of more than `bytes` bytes alone.
    ///
    /// 1 MiB by default, which takes 20 microseconds: other tasks of the thread do not notice. Whoever
    /// holds larger answers in memory can have them tagged too.
    #[must_use]
    pub const fn max_size(mut self, bytes: u64) -> Self {
        self.max_size = bytes;
        self
    }

    /// Makes weak tags, which say that answers are as good as each other.
    ///
    /// Strong by default. For stacks behind something that changes the bytes of an answer and leaves
    /// its tag; ranges and `If-Match` cannot be had with weak tags.
    #[must_use]
    pub const fn weak(mut self) -> Self {
        self.weak = true;
        self
    }
}

impl Default for Etag {
    fn default() -> Self {
        Self::new()
    }
}

#[diagnostic::do_not_recommend]
impl Placed for Etag {
    type Place = Validate;
    const NAME: &'static str = "etag";

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.weak { "weak" } else { "strong" })
    }
}

impl<S> Layer<S> for Etag {
    type Service = Wrapped<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        Wrapped::new(inner, *self)
    }
}

impl<B> OnRequest<B> for Etag {
    type Then = Pending;
    type Reply = Infallible;

    #[inline]
    fn on_request(&self, req: &mut Request<B>) -> ControlFlow<Infallible, Pending> {
        ControlFlow::Continue(Pending {
            etag: *self,
            asks: match *req.method() {
                Method::GET => Asks::Get,
                Method::HEAD => Asks::Head,
                _ => Asks::Other,
            },
        })
    }
}

/// What waits for the answer.
#[derive(Debug)]
pub struct Pending {
    etag: Etag,
    asks: Asks,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asks {
    Get,
    Head,
    Other,
}

impl<C> OnResponse<C> for Pending
where
    C: http_body::Body<Data = Bytes> + Send + 'static,
    C::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type Body = Body;

    fn on_response(self, res: Response<C>) -> Response<Body> {
        if self.asks == Asks::Other || res.status() != StatusCode::OK || is_settled(res.headers()) {
            return res.map(Body::new);
        }
        let (mut head, body) = res.into_parts();
        let body = match whole(body, self.etag.max_size) {
            // Nothing may be all that is sent to a HEAD, and not all there is.
            Ok(bytes) if bytes.is_empty() && self.asks == Asks::Head => Body::empty(),
            Ok(bytes) => {
                if let Some(tag) = self.etag.of(&head.headers, &bytes) {
                    head.headers.insert(ETAG, tag);
                }
                Body::from(bytes)
            }
            Err(body) => body,
        };
        Response::from_parts(head, body)
    }
}

impl Etag {
    fn of(self, headers: &HeaderMap, content: &[u8]) -> Option<HeaderValue> {
        let seed = [CONTENT_TYPE, CONTENT_ENCODING, CONTENT_LANGUAGE]
            .iter()
            .map(|name| headers.get(name).map_or(&b""[..], HeaderValue::as_bytes))
            .fold(0, XxHash3_64::oneshot_with_seed);
        let hash = XxHash3_128::oneshot_with_seed(seed, content);
        let mark = if self.weak { "W/" } else { "" };
        HeaderValue::try_from(format!("{mark}\"{hash:032x}\"")).ok()
    }
}

/// Whether there is a tag, or nothing that one could be of or for.
fn is_settled(headers: &HeaderMap) -> bool {
    let no_store = || {
        let lines = headers.get_all(CACHE_CONTROL).into_iter();
        lines
            .flat_map(|line| list::members(line.as_bytes()))
            .any(|one| one.eq_ignore_ascii_case(b"no-store"))
    };
    headers.contains_key(ETAG) || headers.contains_key(CONTENT_RANGE) || no_store()
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use super::*;
    use crate::body::{FileRegion, Read, ReadAt};

    fn tag(etag: Etag, method: Method, res: Response<Body>) -> Option<String> {
        let mut req = Request::new(());
        *req.method_mut() = method;
        let ControlFlow::Continue(then) = etag.on_request(&mut req);
        let res = then.on_response(res);
        let tag = res.headers().get(ETAG)?;
        Some(tag.to_str().unwrap().to_owned())
    }

    fn of(text: &'static str) -> String {
        tag(Etag::new(), Method::GET, Response::new(Body::from(text))).unwrap()
    }

    #[test]
    fn the_same_bytes_have_the_same_tag_everywhere() {
        // Written down: another machine, or a later version, must say the same.
        assert_eq!(of("hello"), "\"706fc2272732a6960c8c172c6752e040\"");
        assert_ne!(of("hello"), of("hellp"));
        assert_eq!(of("hello").len(), 34);
    }

    #[test]
    fn what_a_304_would_not_tell_counts() {
        let typed = |value| {
            let res = Response::builder().header(CONTENT_TYPE, value);
            tag(Etag::new(), Method::GET, res.body(Body::from("a")).unwrap()).unwrap()
        };
        assert_ne!(typed("text/html"), typed("text/plain"));
        assert_ne!(typed("text/html"), of("a"));
    }

    #[test]
    fn only_a_200_of_get_and_head_has_one() {
        for status in [200, 201, 203, 206, 301, 404, 500] {
            let res = || Response::builder().status(status).body(Body::from("a"));
            let get = tag(Etag::new(), Method::GET, res().unwrap());
            assert_eq!(get.is_some(), status == 200, "{status}");
            assert_eq!(get, tag(Etag::new(), Method::HEAD, res().unwrap()));
            assert_eq!(tag(Etag::new(), Method::POST, res().unwrap()), None);
        }
    }

    #[test]
    fn what_is_settled_is_left() {
        for (name, value) in [
            ("etag", "W/\"theirs\""),
            ("cache-control", "private, No-Store"),
        ] {
            let res = Response::builder().header(name, value);
            let res = res.body(Body::from("a")).unwrap();
            let found = tag(Etag::new(), Method::GET, res);
            let theirs = (name == "etag").then(|| value.to_owned());
            assert_eq!(found, theirs);
        }
    }

    #[test]
    fn too_long_is_too_long_and_weak_is_weak() {
        let res = || Response::new(Body::from("abc"));
        assert_eq!(tag(Etag::new().max_size(2), Method::GET, res()), None);
        let weak = tag(Etag::new().weak(), Method::GET, res()).unwrap();
        assert_eq!(weak, format!("W/{}", of("abc")));
    }

    #[test]
    fn an_empty_head_says_nothing_of_the_content() {
        let empty = || Response::new(Body::empty());
        assert_eq!(tag(Etag::new(), Method::HEAD, empty()), None);
        assert!(tag(Etag::new(), Method::GET, empty()).is_some());
    }

    struct File;

    impl ReadAt for File {
        fn read_at(self: Arc<Self>, _: u64, _: usize) -> Read {
            Read::Now(Err(io::Error::other("read")))
        }
    }

    #[test]
    fn a_region_of_a_file_stays_one() {
        let region = FileRegion::new(Arc::new(File), 0, 3);
        let ControlFlow::Continue(then) = Etag::new().on_request(&mut Request::new(()));
        let res = then.on_response(Response::new(Body::file(region)));
        assert!(!res.headers().contains_key(ETAG));
        assert!(res.body().as_file().is_some());
    }
}
