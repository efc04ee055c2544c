//! 413 for request bodies that are too long.
//!
//! ```
//! # use gopuram_middleware::BodyLimit;
//! # use tower_layer::Layer as _;
//! # let app = ();
//! let app = BodyLimit::new(64 * 1024)
//!     .at("/upload", 100 * 1024 * 1024)
//!     .layer(app);
//! # let _ = app;
//! ```
//!
//! A request that says itself that its body is too long, by `Content-Length` or because the
//! body is there already, is answered `413 Content Too Large` at once ([RFC 9110, section
//! 15.5.14]): inner is not called, and a client that waits for `100 Continue` sends
//! nothing. All other bodies are counted while they are read, and one that
//! grows too long ends with [`Error::TooLong`] before the frame that is too much.
//!
//! Inner reads that as an error of the body, and most applications make some 400 or 500 of it. If the
//! response is one of an error (4xx or 5xx), it is replaced by 413, so that clients are
//! told what was wrong; an application that copes and answers otherwise is believed.
//!
//! Only the content counts, not trailers or the framing; what a layer inside makes of it, by
//! decompressing, is that layer's to limit.
//!
//! # Security
//!
//! Paths are compared as they were sent. One spelled otherwise, `//upload` or `/uplo%61d`,
//! has the limit that all have: let that be the strict one and paths raise it.
//!
//! # Cost
//!
//! No allocation for a body that is known to fit, an empty one included; one for a body of unknown
//! length.
//!
//! [RFC 9110, section 15.5.14]: https://www.rfc-editor.org/rfc/rfc9110#section-15.5.14

mod body;

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Body;
use tower_layer::Layer;

use crate::place::{Contain, Placed};
use crate::verdict::Verdict;
use crate::wrap::{OnBody, OnRequest, OnResponse, WrappedBody};

pub use body::{Error, LimitedBody};

/// 413 for request bodies that are too long.
///
/// See the [module documentation](self) for an example. By default 1 MiB, as nginx does: enough for
/// forms and API calls, and little enough to be held in memory for each
/// connection.
#[derive(Clone, Debug)]
pub struct BodyLimit {
    limit: u64,
    /// Longest prefix first.
    paths: Option<Arc<[(Box<str>, u64)]>>,
}

impl BodyLimit {
    /// Allows request bodies of up to `bytes` bytes.
    pub const fn new(bytes: u64) -> Self {
        Self {
            limit: bytes,
            paths: None,
        }
    }

    /// Allows bodies of up to `bytes` bytes at the path `prefix` and below it, in place of the limit
    /// that all have.
    ///
    /// Whole segments are compared, so that `/upload` is not `/uploads`, and the longest
    /// prefix wins. A slash at its end makes no difference, nor does
    /// the lack of one at its start. `u64::MAX` is no limit.
    #[must_use]
    pub fn at(mut self, prefix: &str, bytes: u64) -> Self {
        let mut paths = self.paths.as_deref().unwrap_or_default().to_vec();
        let prefix = prefix.trim_matches('/').into();
        paths.retain(|(other, _)| *other != prefix);
        paths.push((prefix, bytes));
        paths.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        self.paths = Some(paths.into());
        self
    }

    /// The limit at `path`.
    #[inline]
    fn of(&self, path: &str) -> u64 {
        let Some(paths) = &self.paths else {
            return self.limit;
        };
        let found = paths.iter().find(|(prefix, _)| is_below(path, prefix));
        found.map_or(self.limit, |(_, limit)| *limit)
    }
}

impl Default for BodyLimit {
    fn default() -> Self {
        Self::new(1024 * 1024)
    }
}

#[diagnostic::do_not_recommend]
impl Placed for BodyLimit {
    type Place = Contain;
    const NAME: &'static str = "body_limit";

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.limit {
            u64::MAX => f.write_str("no limit")?,
            n if n > 0 && n.is_multiple_of(1 << 30) => write!(f, "{} GiB", n >> 30)?,
            n if n > 0 && n.is_multiple_of(1 << 20) => write!(f, "{} MiB", n >> 20)?,
            n if n > 0 && n.is_multiple_of(1 << 10) => write!(f, "{} KiB", n >> 10)?,
            n => write!(f, "{n} bytes")?,
        }
        match self.paths.as_deref().unwrap_or_default().len() {
            0 => Ok(()),
            n => write!(f, ", {n} by path"),
        }
    }
}

impl<S> Layer<S> for BodyLimit {
    type Service = WrappedBody<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        WrappedBody::new(inner, self.clone())
    }
}

impl<B: Body> OnRequest<B> for BodyLimit {
    type Then = Measure;
    type Reply = StatusCode;

    #[inline]
    fn on_request(&self, req: &mut Request<B>) -> ControlFlow<StatusCode, Measure> {
        let limit = self.of(req.uri().path());
        let hint = req.body().size_hint();
        let fits = match hint.upper() {
            Some(most) if most <= limit => true,
            _ => {
                let declared = declared(req.headers());
                if hint.lower() > limit || declared.is_some_and(|length| length > limit) {
                    return ControlFlow::Break(StatusCode::PAYLOAD_TOO_LARGE);
                }
                declared.is_some()
            }
        };
        ControlFlow::Continue(Measure {
            limit,
            watch: (!fits).then(Verdict::default),
        })
    }
}

impl<B: Body> OnBody<B> for BodyLimit {
    type Body = LimitedBody<B>;

    #[inline]
    fn on_body(&self, body: B, then: &mut Measure) -> LimitedBody<B> {
        LimitedBody::new(body, then.limit, then.watch.clone())
    }
}

/// How long a body may be, and whether it grew too long, told by the body to the way out.
#[derive(Debug)]
pub struct Measure {
    limit: u64,
    /// None where it is known from the start that it does not.
    watch: Option<Verdict>,
}

impl<C: Default> OnResponse<C> for Measure {
    type Body = C;

    fn on_response(self, res: Response<C>) -> Response<C> {
        match self.watch {
            Some(verdict) => verdict.over(res),
            None => res,
        }
    }
}

/// Whether `path` is `/prefix` or below it.
fn is_below(path: &str, prefix: &str) -> bool {
    let Some(path) = path.strip_prefix('/') else {
        return false;
    };
    let Some(rest) = path.strip_prefix(prefix) else {
        return false;
    };
    prefix.is_empty() || rest.is_empty() || rest.starts_with('/')
}

/// What `Content-Length` says, at most `u64::MAX`; `None` if it says no number (RFC 9110,
/// section 8.6), which is for the gateway to refuse and for the count to bound.
#[inline]
fn declared(headers: &HeaderMap) -> Option<u64> {
    let digits = headers.get(CONTENT_LENGTH)?.as_bytes();
    let add = |length: u64, digit: &u8| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        Some(length.saturating_mul(10).saturating_add(digit))
    };
    match digits {
        [] => None,
        _ => digits.iter().try_fold(0, add),
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use bytes::Bytes;
    use http::HeaderValue;
    use http_body::{Frame, SizeHint};
    use proptest::prelude::*;

    use super::*;

    /// A body of which nothing is known but what it says.
    struct Hint(SizeHint);

    impl Body for Hint {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Ready(None)
        }

        fn size_hint(&self) -> SizeHint {
            self.0
        }
    }

    /// Whether the way in passes a body on, and whether it then watches it.
    fn ask(limit: &BodyLimit, path: &'static str, body: SizeHint) -> Option<bool> {
        let mut req = Request::new(Hint(body));
        *req.uri_mut() = http::Uri::from_static(path);
        match limit.on_request(&mut req) {
            ControlFlow::Continue(measure) => Some(measure.watch.is_some()),
            ControlFlow::Break(status) => {
                assert_eq!(status, 413);
                None
            }
        }
    }

    #[test]
    fn only_a_body_of_unknown_length_is_watched() {
        let limit = BodyLimit::new(10);
        assert_eq!(ask(&limit, "/", SizeHint::with_exact(10)), Some(false));
        assert_eq!(ask(&limit, "/", SizeHint::with_exact(11)), None);
        assert_eq!(ask(&limit, "/", SizeHint::new()), Some(true));
    }

    #[test]
    fn the_longest_prefix_of_whole_segments_wins() {
        let limit = BodyLimit::new(1)
            .at("/up", 2)
            .at("up/big/", 3)
            .at("/up/big", 4);
        for (path, bytes) in [
            ("/", 1),
            ("/up", 2),
            ("/up/", 2),
            ("/up/bigger", 2),
            ("/up/big", 4),
            ("/up/big/x", 4),
            ("/upper", 1),
            ("//up", 1),
            ("*", 1),
        ] {
            assert_eq!(limit.of(path), bytes, "{path}");
        }
        assert_eq!(BodyLimit::new(1).at("/", 2).of("/any"), 2);
    }

    #[test]
    fn a_length_is_read_or_is_no_length() {
        for (text, length) in [
            ("0", Some(0)),
            ("007", Some(7)),
            ("18446744073709551615", Some(u64::MAX)),
            ("99999999999999999999999", Some(u64::MAX)),
            ("", None),
            ("+5", None),
            ("5, 5", None),
            ("0x5", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static(text));
            assert_eq!(declared(&headers), length, "{text}");
        }
        assert_eq!(declared(&HeaderMap::new()), None);
    }

    #[test]
    fn what_may_grow_too_long_does_not_look_complete() {
        for left in [0, 5] {
            let body = LimitedBody::new(Hint(SizeHint::new()), left, None);
            assert_eq!(body.size_hint().exact(), None);
            assert!(!body.is_end_stream());
        }
    }

    proptest! {
        #[test]
        fn any_number_is_read_as_it_was_written(n: u64) {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_LENGTH, n.into());
            prop_assert_eq!(declared(&headers), Some(n));
        }

        #[test]
        fn any_value_is_read_without_panic(bytes: Vec<u8>) {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                let mut headers = HeaderMap::new();
                headers.insert(CONTENT_LENGTH, value);
                let _ = declared(&headers);
            }
        }
    }
}
