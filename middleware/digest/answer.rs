//! The way out: which digests are said, in the head or after the body.

use std::error::Error as StdError;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, TRAILER};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body::{Frame, SizeHint};

use super::algorithm::{Algorithm, Hasher};
use super::body::Check;
use crate::body::{self, Body, whole};
use crate::header::digests::{CONTENT_DIGEST, REPR_DIGEST};
use crate::header::send_file;
use crate::verdict::Verdict;
use crate::wrap::OnResponse;

/// What was asked for, and what an upload has to say, waiting for the answer.
#[derive(Debug)]
pub struct Pending {
    pub(super) wanted: Wanted,
    pub(super) max_size: u64,
    pub(super) kind: Kind,
    /// Whether the client takes trailers.
    pub(super) trailers: bool,
    /// Whether trailers can follow a body whose length was said.
    pub(super) framed: bool,
    pub(super) check: Option<Box<Check>>,
    pub(super) verdict: Option<Verdict>,
}

/// The digests to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) repr: Option<Algorithm>,
    pub(super) content: Option<Algorithm>,
}

/// What the method does to an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Turns the connection into a tunnel if it succeeds.
    Connect,
    /// Says all of an answer but its body.
    Head,
    Other,
}

impl Wanted {
    /// What is left to be said of an answer with this head.
    fn of(self, status: StatusCode, headers: &HeaderMap) -> Self {
        // A part says nothing of the whole.
        let part = status == StatusCode::PARTIAL_CONTENT || headers.contains_key(CONTENT_RANGE);
        let said = |name| headers.contains_key::<HeaderName>(name);
        Self {
            repr: self.repr.filter(|_| !part && !said(REPR_DIGEST)),
            content: self.content.filter(|_| !said(CONTENT_DIGEST)),
        }
    }

    /// The fields to say, each with its algorithm.
    fn fields(self) -> impl Iterator<Item = (HeaderName, Algorithm)> {
        let fields = [(CONTENT_DIGEST, self.content), (REPR_DIGEST, self.repr)];
        let wanted = |(name, algorithm): (_, Option<_>)| Some((name, algorithm?));
        fields.into_iter().filter_map(wanted)
    }
}

impl<C> OnResponse<C> for Pending
where
    C: http_body::Body<Data = Bytes> + Send + 'static,
    C::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type Body = Body;

    fn on_response(mut self, res: Response<C>) -> Response<Body> {
        match self.verdict.take() {
            Some(verdict) => self.say(verdict.over(res.map(Body::new))),
            None => self.say(res),
        }
    }
}

impl Pending {
    fn say<C>(&self, res: Response<C>) -> Response<Body>
    where
        C: http_body::Body<Data = Bytes> + Send + 'static,
        C::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        let status = res.status();
        let wanted = self.wanted.of(status, res.headers());
        let tunnel = self.kind == Kind::Connect && status.is_success();
        let elsewhere = send_file::is_elsewhere(res.headers());
        if tunnel || elsewhere || is_without_content(status) || wanted.fields().next().is_none() {
            return res.map(Body::new);
        }
        let (mut head, body) = res.into_parts();
        let body = match whole(body, self.max_size) {
            // Nothing may be all that is sent to a HEAD, and not all there is.
            Ok(bytes) if bytes.is_empty() && self.kind == Kind::Head => Body::empty(),
            Ok(bytes) => {
                for (name, algorithm) in wanted.fields() {
                    let mut hasher = Hasher::new(algorithm);
                    hasher.update(&bytes);
                    if let Some(value) = hasher.field() {
                        head.headers.insert(name, value);
                    }
                }
                Body::from(bytes)
            }
            Err(body) if self.can_follow(&head.headers, &body) => {
                for (name, _) in wanted.fields() {
                    let name = HeaderValue::from_str(name.as_str());
                    head.headers.extend(name.ok().map(|name| (TRAILER, name)));
                }
                Body::new(Hashed::new(body, wanted))
            }
            Err(body) => body,
        };
        Response::from_parts(head, body)
    }

    /// Whether trailers reach the client. In HTTP/1.1 only after chunks, which a body of known length is
    /// not sent in (RFC 9112, section 7.1.2).
    fn can_follow(&self, headers: &HeaderMap, body: &Body) -> bool {
        let length = http_body::Body::size_hint(body).exact().is_some()
            || headers.contains_key(CONTENT_LENGTH);
        self.trailers && self.kind == Kind::Other && (self.framed || !length)
    }
}

/// 1xx, 101 among them, and what has no content by definition.
fn is_without_content(status: StatusCode) -> bool {
    status.is_informational()
        || matches!(
            status,
            StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED
        )
}

/// A body whose digests follow it.
struct Hashed {
    body: Body,
    /// None once the trailers are sent, or inner has failed.
    hashers: Option<Vec<(HeaderName, Hasher)>>,
}

impl Hashed {
    fn new(body: Body, wanted: Wanted) -> Self {
        let hashers = wanted.fields().map(|(name, it)| (name, Hasher::new(it)));
        Self {
            body,
            hashers: Some(hashers.collect()),
        }
    }

    fn trailers(&mut self, mut trailers: HeaderMap) -> Option<Frame<Bytes>> {
        for (name, hasher) in self.hashers.take()? {
            if let Some(value) = hasher.field() {
                trailers.insert(name, value);
            }
        }
        Some(Frame::trailers(trailers))
    }
}

impl http_body::Body for Hashed {
    type Data = Bytes;
    type Error = body::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, body::Error>>> {
        if self.hashers.is_none() {
            return Poll::Ready(None);
        }
        let frame = match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => {
                self.hashers = None;
                return Poll::Ready(Some(Err(error)));
            }
            None => return Poll::Ready(self.trailers(HeaderMap::new()).map(Ok)),
        };
        Poll::Ready(match frame.into_data() {
            Ok(data) => {
                for (_, hasher) in self.hashers.iter_mut().flatten() {
                    hasher.update(&data);
                }
                Some(Ok(Frame::data(data)))
            }
            Err(frame) => {
                let trailers = frame.into_trailers().unwrap_or_default();
                self.trailers(trailers).map(Ok)
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.hashers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match self.hashers {
            Some(_) => self.body.size_hint(),
            None => SizeHint::with_exact(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_says_nothing_of_the_whole_and_nothing_is_said_twice() {
        let all = Wanted {
            repr: Some(Algorithm::Sha256),
            content: Some(Algorithm::Sha512),
        };
        let mut headers = HeaderMap::new();
        let of = |status, headers: &HeaderMap| all.of(status, headers);
        assert_eq!(of(StatusCode::OK, &headers), all);
        let part = of(StatusCode::PARTIAL_CONTENT, &headers);
        assert_eq!((part.repr, part.content), (None, all.content));
        headers.insert(CONTENT_DIGEST, HeaderValue::from_static("sha-256=:AAAA:"));
        let rest = of(StatusCode::OK, &headers);
        assert_eq!((rest.repr, rest.content), (all.repr, None));
    }
}
