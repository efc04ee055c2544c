//! The body of an upload, verified while it is read.

use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{CONTENT_RANGE, TRAILER};
use http::{HeaderMap, StatusCode};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::algorithm::{Algorithm, Hasher};
use crate::header::digests::{CONTENT_DIGEST, REPR_DIGEST};
use crate::header::{list, structured};
use crate::verdict::Verdict;

/// What an upload must come to.
#[derive(Debug)]
pub(super) struct Check {
    hashers: Vec<Hasher>,
    wanted: Vec<(Algorithm, Vec<u8>)>,
    /// Whether it is a part that is sent, whose representation has another digest.
    part: bool,
}

impl Check {
    /// Of the fields of a request; none if there is nothing to verify.
    pub(super) fn of(headers: &HeaderMap) -> Option<Box<Self>> {
        let said = headers.contains_key(CONTENT_DIGEST) || headers.contains_key(REPR_DIGEST);
        if !said && !headers.contains_key(TRAILER) {
            return None;
        }
        let part = headers.contains_key(CONTENT_RANGE);
        let wanted = wanted(headers, part);
        let announced = announced(headers);
        let counts = |it: &Algorithm| announced || wanted.iter().any(|(one, _)| one == it);
        let all = Algorithm::ALL.into_iter().filter(counts);
        let hashers: Vec<_> = all.map(Hasher::new).collect();
        (!hashers.is_empty()).then(|| {
            Box::new(Self {
                hashers,
                wanted,
                part,
            })
        })
    }

    fn update(&mut self, bytes: &[u8]) {
        for hasher in &mut self.hashers {
            hasher.update(bytes);
        }
    }

    /// Whether all that was put in is what it must come to, by these trailers too.
    pub(super) fn ends(&mut self, trailers: Option<&HeaderMap>) -> bool {
        if let Some(trailers) = trailers {
            self.wanted.extend(wanted(trailers, self.part));
        }
        let wanted = std::mem::take(&mut self.wanted);
        self.hashers.drain(..).all(|hasher| {
            let algorithm = hasher.algorithm();
            let digest = hasher.digest();
            let mut its = wanted.iter().filter(|(one, _)| *one == algorithm);
            its.all(|(_, wanted)| *wanted == digest)
        })
    }
}

/// The digests that are said and that we can verify. Of a part, that of the representation is not its own.
fn wanted(headers: &HeaderMap, part: bool) -> Vec<(Algorithm, Vec<u8>)> {
    let content = structured::dictionary(headers, &CONTENT_DIGEST);
    let representation = if part {
        Vec::new()
    } else {
        structured::dictionary(headers, &REPR_DIGEST)
    };
    let all = content.into_iter().chain(representation);
    all.filter_map(|(key, value)| match value {
        structured::Value::Bytes(digest) => Some((Algorithm::named(&key)?, digest)),
        _ => None,
    })
    .collect()
}

/// Whether a digest is to come in the trailers (RFC 9110, section 6.6.2).
fn announced(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(TRAILER).into_iter();
    let mut names = lines.flat_map(|line| list::members(line.as_bytes()));
    names.any(|name| {
        [CONTENT_DIGEST, REPR_DIGEST]
            .iter()
            .any(|one| name.eq_ignore_ascii_case(one.as_str().as_bytes()))
    })
}

pin_project! {
    /// The body of a request that went through [`Digest`](super::Digest); empty by default.
    #[derive(Debug)]
    pub struct VerifiedBody<B> {
        // None after the end or an error.
        #[pin]
        body: Option<B>,
        // None if there is nothing to verify, or no more.
        check: Option<(Box<Check>, Verdict)>,
    }
}

impl<B> VerifiedBody<B> {
    pub(super) const fn new(body: B, check: Option<(Box<Check>, Verdict)>) -> Self {
        Self {
            body: Some(body),
            check,
        }
    }
}

impl<B> Default for VerifiedBody<B> {
    fn default() -> Self {
        Self {
            body: None,
            check: None,
        }
    }
}

impl<B> Body for VerifiedBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Error;

    #[inline]
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let mut this = self.project();
        let Some(mut body) = this.body.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        let next = match ready!(body.as_mut().poll_frame(cx)) {
            Some(Err(error)) => Some(Err(Error::Body(error.into()))),
            next => {
                let frame = next.and_then(Result::ok);
                // Who sees that a body has ended need not poll it again: this may be the last look.
                let ends = frame.as_ref().is_none_or(Frame::is_trailers) || body.is_end_stream();
                let right = match this.check {
                    Some((check, _)) => check.takes(frame.as_ref(), ends),
                    None => true,
                };
                if right {
                    if ends {
                        *this.check = None;
                    }
                    frame.map(Ok)
                } else {
                    if let Some((_, verdict)) = this.check {
                        verdict.is(StatusCode::BAD_REQUEST);
                    }
                    Some(Err(Error::Mismatch))
                }
            }
        };
        if !matches!(next, Some(Ok(_))) {
            this.body.set(None);
            *this.check = None;
        }
        Poll::Ready(next)
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        // The end may come between two looks, and would not be verified by who stops at it.
        self.check.is_none() && self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        match &self.body {
            Some(body) => body.size_hint(),
            None => SizeHint::with_exact(0),
        }
    }
}

impl Check {
    /// Takes a frame, or the end; false if it ends as something else than it must.
    fn takes(&mut self, frame: Option<&Frame<Bytes>>, ends: bool) -> bool {
        if let Some(data) = frame.and_then(Frame::data_ref) {
            self.update(data);
        }
        !ends || self.ends(frame.and_then(Frame::trailers_ref))
    }
}

/// Why a body that went through [`Digest`](super::Digest) broke off.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The inner body broke off.
    Body(Box<dyn StdError + Send + Sync>),
    /// It came to another digest than was said.
    Mismatch,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Body(_) => "the body to be verified broke off",
            Self::Mismatch => "the body has another digest than was said",
        })
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Body(error) => Some(&**error),
            Self::Mismatch => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;
    use std::task::Waker;

    use http::HeaderValue;

    use super::*;

    /// Gives its bytes, and says that it has ended when it is told that it has, as a stream of HTTP/2 does.
    struct Late(Option<Bytes>, Rc<Cell<bool>>);

    impl Body for Late {
        type Data = Bytes;
        type Error = Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
            Poll::Ready(self.0.take().map(|data| Ok(Frame::data(data))))
        }

        fn is_end_stream(&self) -> bool {
            self.1.get()
        }
    }

    #[test]
    fn an_end_that_comes_between_two_looks_is_verified_too() {
        let mut headers = HeaderMap::new();
        let other = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";
        headers.insert(CONTENT_DIGEST, HeaderValue::from_static(other));
        let check = Check::of(&headers).map(|check| (check, Verdict::default()));
        let ended = Rc::new(Cell::new(false));
        let late = Late(Some(Bytes::from("not nothing")), Rc::clone(&ended));
        let mut body = VerifiedBody::new(late, check);
        let mut cx = Context::from_waker(Waker::noop());
        let first = Pin::new(&mut body).poll_frame(&mut cx);
        assert!(matches!(first, Poll::Ready(Some(Ok(_)))));
        ended.set(true);
        assert!(!body.is_end_stream());
        let last = Pin::new(&mut body).poll_frame(&mut cx);
        assert!(matches!(last, Poll::Ready(Some(Err(Error::Mismatch)))));
        assert!(body.is_end_stream());
    }
}
