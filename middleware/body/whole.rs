//! Bodies that are there as a whole, whatever their type.

use std::error::Error as StdError;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};

use super::{Body, Error, downcast};

/// The bytes of a body of at most `most` that is there as a whole, without waiting.
///
/// A [`Body`] knows whether it is, and gives its bytes up. Any other is asked for its first frame if
/// it knows its length: one that is there as a whole gives all at once, which is what the
/// `Full` of http-body-util and the text and bytes of axum do.
///
/// # Errors
///
/// Anything else comes back as a body that gives the same frames: a region of a file as it was, a
/// stream too.
pub(crate) fn whole<C>(body: C, most: u64) -> Result<Bytes, Body>
where
    C: http_body::Body<Data = Bytes> + Send + 'static,
    C::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    let known = |exact: Option<u64>| exact.is_some_and(|exact| exact <= most);
    let exact = body.size_hint().exact();
    let body = match downcast(body) {
        Ok(body) if known(exact) => return body.try_into_bytes(),
        Ok(body) => return Err(body),
        Err(body) if body.is_end_stream() => return Ok(Bytes::new()),
        Err(body) if !known(exact) => return Err(Body::new(body)),
        Err(body) => body,
    };
    let mut rest = Box::pin(body);
    // Whoever polls next leaves a waker of its own.
    let first = rest
        .as_mut()
        .poll_frame(&mut Context::from_waker(Waker::noop()));
    let first = match first {
        Poll::Pending => return Err(Body::new(rest)),
        Poll::Ready(Some(Ok(frame))) if rest.is_end_stream() => match frame.into_data() {
            Ok(data) => return Ok(data),
            Err(frame) => Ok(frame),
        },
        Poll::Ready(Some(first)) => first.map_err(Error::new),
        // Not what it said: it must not pass for empty.
        Poll::Ready(None) => Err(Error::from(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the body ended before its announced length",
        ))),
    };
    Err(Body::new(Begun {
        first: Some(first),
        rest,
    }))
}

/// A body whose first frame was taken, and is put back.
struct Begun<C> {
    first: Option<Result<Frame<Bytes>, Error>>,
    rest: Pin<Box<C>>,
}

impl<C> http_body::Body for Begun<C>
where
    C: http_body::Body<Data = Bytes>,
    C::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(first));
        }
        let next = ready!(self.rest.as_mut().poll_frame(cx));
        Poll::Ready(next.map(|frame| frame.map_err(Error::new)))
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let first = match &self.first {
            Some(Ok(frame)) => frame.data_ref().map_or(0, |data| data.len() as u64),
            _ => 0,
        };
        let rest = self.rest.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(first));
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(first));
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// Frames that are all there, of a length that is known.
    struct Frames(VecDeque<Result<Bytes, io::Error>>, u64);

    impl http_body::Body for Frames {
        type Data = Bytes;
        type Error = io::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
            let next = self.0.pop_front();
            if let Some(Ok(data)) = &next {
                self.1 -= data.len() as u64;
            }
            Poll::Ready(next.map(|data| data.map(Frame::data)))
        }

        fn is_end_stream(&self) -> bool {
            self.0.is_empty()
        }

        fn size_hint(&self) -> SizeHint {
            SizeHint::with_exact(self.1)
        }
    }

    fn frames(frames: &[&'static str]) -> Frames {
        let length = frames.concat().len() as u64;
        let frames = frames
            .iter()
            .map(|text| Ok(Bytes::from_static(text.as_bytes())));
        Frames(frames.collect(), length)
    }

    fn read(mut body: Body) -> Result<Vec<u8>, Error> {
        let mut cx = Context::from_waker(Waker::noop());
        let mut all = Vec::new();
        while let Poll::Ready(Some(frame)) = Pin::new(&mut body).poll_frame(&mut cx) {
            all.extend(frame?.into_data().unwrap());
        }
        Ok(all)
    }

    #[test]
    fn what_is_there_at_once_is_whole_whatever_its_type() {
        assert_eq!(whole(Body::from("abc"), 3).unwrap(), "abc");
        assert_eq!(whole(frames(&["abc"]), 3).unwrap(), "abc");
        assert_eq!(whole(frames(&[]), 0).unwrap(), "");
        assert_eq!(whole("abc".to_owned(), 3).unwrap(), "abc");
    }

    #[test]
    fn what_comes_in_pieces_or_is_too_long_comes_back() {
        for (pieces, most) in [(&["ab", "c"][..], 3), (&["abc"], 2)] {
            let body = whole(frames(pieces), most).unwrap_err();
            assert_eq!(body.size_hint().exact(), Some(3));
            assert!(!body.is_end_stream());
            assert_eq!(read(body).unwrap(), b"abc");
        }
        assert!(
            whole(Body::from("abc"), 2)
                .unwrap_err()
                .try_into_bytes()
                .is_ok()
        );
    }

    #[test]
    fn a_body_that_fails_at_once_fails_later_too() {
        let broken = Frames([Err(io::Error::other("cut"))].into(), 3);
        assert!(read(whole(broken, 3).unwrap_err()).is_err());
    }

    /// Says three bytes and has none.
    struct Short;

    impl http_body::Body for Short {
        type Data = Bytes;
        type Error = io::Error;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
            Poll::Ready(None)
        }

        fn size_hint(&self) -> SizeHint {
            SizeHint::with_exact(3)
        }
    }

    #[test]
    fn a_body_that_is_not_what_it_said_does_not_pass_for_empty() {
        assert!(read(whole(Short, 3).unwrap_err()).is_err());
    }
}
