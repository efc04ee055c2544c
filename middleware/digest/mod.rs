//! Digests of answers as they are asked for, and of uploads verified.
//!
//! ```
//! use gopuram_middleware::Digest;
//! # use tower_layer::Layer as _;
//! # let app = ();
//!
//! let app = Digest::default().layer(app);
//! # let _ = app;
//! ```
//!
//! # Answers
//!
//! `Want-Repr-Digest` and `Want-Content-Digest` ([RFC 9530, section 4]) ask for `Repr-Digest` and
//! `Content-Digest`. Of `sha-256` and `sha-512` the one with the higher weight is said, `sha-256` among equals
//! and of [all answers](Digest::always) if nothing is asked. Both digests are of the bytes as they
//! are sent here, coded if they are coded; that of a representation is not known of a part of it, so that a 206 has
//! only the other.
//!
//! An answer of up to [1 MiB](Digest::max_size) that is there as a whole says it in its head. Of any other it
//! is known only at the end: it comes in a trailer field, announced in `Trailer`, if the client takes these
//! (`TE: trailers`) and a trailer can be sent: in HTTP/1.1 only after a body of unknown length. Otherwise nothing is
//! said. A digest of inner's stays, and the same one is not said again. Answers without content have none: 1xx, 204, 205,
//! 304, success of `CONNECT`, an empty answer to `HEAD`.
//!
//! # Uploads
//!
//! The content of a request is compared with its `Content-Digest` and `Repr-Digest`, in its head, or in its
//! trailers if `Trailer` announces them there. If it is another, its body ends with [`Error::Mismatch`]
//! instead of its last frame. Inner must not act before the end, and most applications make some 400 or 500 of an
//! error: if the response is one of an error (4xx or 5xx), it is replaced by `400 Bad Request`; an
//! application that copes and answers otherwise is believed.
//!
//! Other algorithms are ignored, as if they were not there: MD5 and SHA-1 among them, which prove
//! nothing (section 5), and so is a field that is malformed (RFC 9651, section 4.2). `Repr-Digest` of a request with
//! `Content-Range` is not of its content and not verified. A request without any of them passes: a digest guards against
//! accidents, and who wants to make the client send one must ask for it.
//!
//! # Where it stands
//!
//! Outside of what codes and cuts, since `Content-Digest` is of what is sent and an upload's of what was
//! sent: [`Compress`](crate::Compress) and [`Range`](crate::Range) stand further in, and take away a digest of inner's that
//! they make untrue. [`Head`](crate::Head) stands outside, so that a `HEAD` says what a `GET` does.
//!
//! # Cost
//!
//! Without digests, six look-ups. Where the processor has instructions for it, 1 MiB takes SHA-256 half a
//! millisecond, else some three, and SHA-512 about one; a client can ask for both. A body of another type than
//! [`Body`](crate::Body) is boxed.
//!
//! [RFC 9530, section 4]: https://www.rfc-editor.org/rfc/rfc9530#section-4

mod algorithm;
mod answer;
mod body;

use std::fmt;
use std::ops::ControlFlow;

use bytes::Bytes;
use http::header::TE;
use http::{HeaderMap, HeaderName, Method, Request, StatusCode, Version};
use http_body::Body;
use tower_layer::Layer;

use crate::header::{list, structured};
use crate::place::{self, Placed};
use crate::verdict::Verdict;
use crate::wrap::{OnBody, OnRequest, WrappedBody};

pub use algorithm::Algorithm;
pub use answer::Pending;
pub use body::{Error, VerifiedBody};

use answer::{Kind, Wanted};
use body::Check;

/// Digests of answers as they are asked for, and of uploads verified.
///
/// See the [module documentation](self) for an example.
#[derive(Clone, Copy, Debug)]
pub struct Digest {
    always: Option<Algorithm>,
    max_size: u64,
}

const WANT_REPR_DIGEST: HeaderName = HeaderName::from_static("want-repr-digest");
const WANT_CONTENT_DIGEST: HeaderName = HeaderName::from_static("want-content-digest");

impl Digest {
    /// Says the digests that are asked for.
    pub const fn new() -> Self {
        Self {
            always: None,
            // What is hashed at once keeps others waiting.
            max_size: 1024 * 1024,
        }
    }

    /// Says `Repr-Digest` of every answer, by `algorithm` unless another is asked for.
    pub const fn always(algorithm: Algorithm) -> Self {
        let mut digest = Self::new();
        digest.always = Some(algorithm);
        digest
    }

    /// Says the digest of answers of up to `bytes` bytes in their head.
    ///
    /// 1 MiB by default, which takes about a millisecond: what is hashed at once keeps other tasks waiting. The
    /// digest of a longer one comes after it, as that of a stream.
    #[must_use]
    pub const fn max_size(mut self, bytes: u64) -> Self {
        self.max_size = bytes;
        self
    }
}

impl Default for Digest {
    fn default() -> Self {
        Self::new()
    }
}

#[diagnostic::do_not_recommend]
impl Placed for Digest {
    type Place = place::Digest;
    const NAME: &'static str = "digest";

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.always {
            Some(algorithm) => f.write_str(algorithm.name()),
            None => f.write_str("as asked"),
        }
    }
}

impl<S> Layer<S> for Digest {
    type Service = WrappedBody<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        WrappedBody::new(inner, *self)
    }
}

impl<B: Body> OnRequest<B> for Digest {
    type Then = Pending;
    type Reply = StatusCode;

    #[inline]
    fn on_request(&self, req: &mut Request<B>) -> ControlFlow<StatusCode, Pending> {
        let headers = req.headers();
        let mut check = Check::of(headers);
        // Nobody may ever poll a body that has ended.
        if req.body().is_end_stream()
            && let Some(mut check) = check.take()
            && !check.ends(None)
        {
            return ControlFlow::Break(StatusCode::BAD_REQUEST);
        }
        ControlFlow::Continue(Pending {
            wanted: Wanted {
                repr: wanted(headers, &WANT_REPR_DIGEST).or(self.always),
                content: wanted(headers, &WANT_CONTENT_DIGEST),
            },
            max_size: self.max_size,
            kind: match *req.method() {
                Method::CONNECT => Kind::Connect,
                Method::HEAD => Kind::Head,
                _ => Kind::Other,
            },
            trailers: req.version() >= Version::HTTP_11 && takes_trailers(headers),
            framed: req.version() >= Version::HTTP_2,
            verdict: check.as_ref().map(|_| Verdict::default()),
            check,
        })
    }
}

impl<B: Body<Data = Bytes>> OnBody<B> for Digest {
    type Body = VerifiedBody<B>;

    #[inline]
    fn on_body(&self, body: B, then: &mut Pending) -> VerifiedBody<B> {
        let check = then.check.take().zip(then.verdict.clone());
        VerifiedBody::new(body, check)
    }
}

/// The algorithm that a client prefers, of those that it does not refuse (RFC 9530, section 4).
fn wanted(headers: &HeaderMap, name: &HeaderName) -> Option<Algorithm> {
    if !headers.contains_key(name) {
        return None;
    }
    let mut best = None;
    for (key, value) in structured::dictionary(headers, name) {
        let algorithm = Algorithm::named(&key);
        if let (Some(algorithm), structured::Value::Integer(weight @ 1..=10)) = (algorithm, value) {
            // What is declared first is the cheaper and comes first among equals.
            best = best.max(Some((weight, std::cmp::Reverse(algorithm))));
        }
    }
    best.map(|(_, std::cmp::Reverse(algorithm))| algorithm)
}

/// Whether the client takes trailers (RFC 9110, section 10.1.4).
fn takes_trailers(headers: &HeaderMap) -> bool {
    let mut lines = headers.get_all(TE).iter();
    lines.any(|line| {
        let mut members = list::members(line.as_bytes());
        members.any(|one| one.eq_ignore_ascii_case(b"trailers"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want(lines: &[&str]) -> Option<&'static str> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(WANT_REPR_DIGEST, line.parse().unwrap());
        }
        wanted(&headers, &WANT_REPR_DIGEST).map(Algorithm::name)
    }

    #[test]
    fn the_highest_weight_wins_and_sha_256_among_equals() {
        assert_eq!(want(&["sha-512=3, sha-256=10, unixsum=0"]), Some("sha-256"));
        assert_eq!(want(&["sha-256=3", "sha-512=4"]), Some("sha-512"));
        assert_eq!(want(&["sha-512=1, sha-256=1"]), Some("sha-256"));
        assert_eq!(want(&["sha-512=1, sha-256=0"]), Some("sha-512"));
        assert_eq!(want(&["sha-256=0, md5=10"]), None);
    }

    #[test]
    fn what_makes_no_sense_asks_for_nothing() {
        for bad in [
            "",
            "sha-256",
            "sha-256=11",
            "sha-256=-1",
            "sha-256=1.0",
            "sha-256=1,",
            "SHA-256=1",
        ] {
            assert_eq!(want(&[bad]), None, "{bad}");
        }
    }

    #[test]
    fn a_body_that_is_not_there_is_verified_at_once() {
        // Of nothing (FIPS 180-4), and of something else.
        for (digest, right) in [
            (
                "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:",
                true,
            ),
            ("sha-256=:AAAA:", false),
            ("sha=:AAAA:", true),
        ] {
            let req = Request::post("/").header("content-digest", digest);
            let mut req = req.body(String::new()).unwrap();
            assert_eq!(Digest::default().on_request(&mut req).is_continue(), right);
        }
    }

    #[test]
    fn trailers_are_taken_by_who_says_so() {
        let te = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(TE, value.parse().unwrap());
            takes_trailers(&headers)
        };
        assert!(te("trailers") && te("gzip;q=0.5, Trailers"));
        assert!(!te("gzip") && !te("") && !takes_trailers(&HeaderMap::new()));
    }
}
