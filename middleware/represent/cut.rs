//! Cuts a response to the ranges that are answered: RFC 9110, sections 15.3.7 and 15.5.17.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use http_body::{Frame, SizeHint};

use super::multipart::{self, Boundary};
use super::ranges::{Parts, Ranges};
use super::{failed, fields};
use crate::body::{Body, Error, FileRegion};
use crate::header::content_range::ContentRange;

/// How much of a stream is thrown away for a part of it, unless somebody says otherwise.
pub(crate) const SKIP: u64 = 1024 * 1024;

/// How many frames of a stream are thrown away before others get their turn.
const FRAMES: usize = 32;

/// Answers `ranges` of a 200 whose body is `len` bytes long.
///
/// The body of a 206 stays what it was: bytes are shared and a region of a file stays one. From
/// a stream one part can be taken, by throwing away what stands before it; several cannot, and
/// neither can several of a coded representation, since `Content-Encoding` would then be said of
/// the multipart as well: everything is sent, as to a request without `Range`.
///
/// A part of a stream that begins after its first `skip` bytes is not worth the reading either.
pub(crate) fn answer(res: Response<Body>, ranges: &Ranges, len: u64, skip: u64) -> Response<Body> {
    match ranges {
        Ranges::Parts(parts) => cut(res, parts, len, skip),
        Ranges::Unsatisfiable => unsatisfiable(res, len),
        Ranges::Whole => res,
    }
}

fn unsatisfiable(mut res: Response<Body>, len: u64) -> Response<Body> {
    *res.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
    *res.body_mut() = Body::empty();
    let headers = res.headers_mut();
    failed(headers);
    let range = ContentRange { part: None, len };
    headers.insert(CONTENT_RANGE, range.into());
    res
}

fn cut(res: Response<Body>, parts: &Parts, len: u64, skip: u64) -> Response<Body> {
    let (mut head, body) = res.into_parts();
    let (body, length) = match (parts.only(), Source::of(body)) {
        (Some((start, _)), Err(stream)) if start > skip => {
            return Response::from_parts(head, stream);
        }
        (Some((start, part)), source) => {
            let part_of = ContentRange {
                part: Some((start, part)),
                len,
            };
            head.headers.insert(CONTENT_RANGE, part_of.into());
            let body = match source {
                Ok(source) => source.part(start, part),
                Err(stream) => Body::new(Skip {
                    body: stream,
                    skip: start,
                    left: part,
                }),
            };
            (body, part)
        }
        (None, Ok(source)) if !head.headers.contains_key(CONTENT_ENCODING) => {
            let boundary = Boundary::random();
            let media_type = head.headers.get(CONTENT_TYPE);
            let made = multipart::body(&source, parts, media_type, len, &boundary);
            head.headers.insert(CONTENT_TYPE, boundary.content_type());
            made
        }
        (None, source) => {
            let body = source.map_or_else(|stream| stream, |source| source.part(0, len));
            return Response::from_parts(head, body);
        }
    };
    head.status = StatusCode::PARTIAL_CONTENT;
    head.headers
        .insert(CONTENT_LENGTH, HeaderValue::from(length));
    fields::remove(&mut head.headers, &fields::CONTENT_DIGESTS);
    Response::from_parts(head, body)
}

/// A body of which any part can be had without reading the others.
#[derive(Debug)]
pub(super) enum Source {
    Bytes(Bytes),
    File(FileRegion),
}

impl Source {
    /// A stream comes back as it was.
    fn of(body: Body) -> Result<Self, Body> {
        if let Some(region) = body.as_file() {
            return Ok(Self::File(region.part(0, region.len())));
        }
        body.try_into_bytes().map(Self::Bytes)
    }

    pub(super) fn part(&self, start: u64, len: u64) -> Body {
        match self {
            Self::Bytes(bytes) => Body::from(slice(bytes, start, len)),
            Self::File(region) => Body::file(region.part(start, len)),
        }
    }
}

/// `len` bytes from `start` on, no more than there are.
fn slice(bytes: &Bytes, start: u64, len: u64) -> Bytes {
    let within = |at: u64| usize::try_from(at).map_or(bytes.len(), |at| at.min(bytes.len()));
    bytes.slice(within(start)..within(start.saturating_add(len)))
}

/// One part of a stream. What stands before it is read and thrown away; what stands after it is
/// not read, its trailers neither.
struct Skip {
    body: Body,
    skip: u64,
    left: u64,
}

impl Skip {
    fn end(&mut self) {
        self.left = 0;
        self.body = Body::empty();
    }

    /// What is wanted of `data`, if anything is.
    fn take(&mut self, mut data: Bytes) -> Option<Bytes> {
        let skipped = usize::try_from(self.skip).map_or(data.len(), |skip| skip.min(data.len()));
        data.advance(skipped);
        self.skip = self.skip.saturating_sub(skipped as u64);
        data.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.left = self.left.saturating_sub(data.len() as u64);
        (!data.is_empty()).then_some(data)
    }
}

impl http_body::Body for Skip {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        for _ in 0..FRAMES {
            let error = match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => {
                    let Some(data) = frame.into_data().ok().and_then(|data| self.take(data)) else {
                        continue;
                    };
                    if self.left == 0 {
                        self.end();
                    }
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Some(Err(error)) => error,
                None => Error::from(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "the body ended before its announced length",
                )),
            };
            self.end();
            return Poll::Ready(Some(Err(error)));
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::VecDeque;
    use std::task::Waker;

    use http_body::Body as _;
    use proptest::prelude::*;

    use super::*;

    /// A stream that is ready every other time it is asked.
    struct Hesitant {
        frames: VecDeque<Bytes>,
        ready: bool,
    }

    impl http_body::Body for Hesitant {
        type Data = Bytes;
        type Error = Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
            self.ready = !self.ready;
            if self.ready {
                return Poll::Ready(self.frames.pop_front().map(|data| Ok(Frame::data(data))));
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    }

    /// All that a body sends; checks before each frame that the body knows what is left.
    pub(in crate::represent) fn read<B>(mut body: B) -> Vec<u8>
    where
        B: http_body::Body<Data = Bytes, Error = Error> + Unpin,
    {
        let len = usize::try_from(body.size_hint().exact().unwrap()).unwrap();
        let mut cx = Context::from_waker(Waker::noop());
        let mut all = Vec::new();
        loop {
            let left = body.size_hint().exact().unwrap();
            assert_eq!(left, (len - all.len()) as u64);
            assert_eq!(body.is_end_stream(), left == 0);
            match Pin::new(&mut body).poll_frame(&mut cx) {
                Poll::Ready(Some(frame)) => {
                    all.extend_from_slice(frame.unwrap().data_ref().unwrap());
                }
                Poll::Ready(None) => return all,
                Poll::Pending => {}
            }
        }
    }

    proptest! {
        #[test]
        fn a_part_of_a_stream_is_the_part_of_its_bytes(
            frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..9), 0..90),
            start: prop::sample::Index,
            end: prop::sample::Index,
        ) {
            let bytes = frames.concat();
            let (start, end) = (start.index(bytes.len() + 1), end.index(bytes.len() + 1));
            let (start, end) = (start.min(end), start.max(end));
            let frames = frames.into_iter().map(Bytes::from).collect();
            let part = Skip {
                body: Body::new(Hesitant { frames, ready: false }),
                skip: start as u64,
                left: (end - start) as u64,
            };
            prop_assert_eq!(read(part), &bytes[start..end]);
        }

        #[test]
        fn a_slice_is_within_the_bytes(bytes: Vec<u8>, start: u64, len: u64) {
            let all = Bytes::from(bytes);
            prop_assert!(slice(&all, start, len).len() <= all.len());
            prop_assert_eq!(slice(&all, 0, u64::MAX), all);
        }
    }

    #[test]
    fn a_stream_is_let_go_with_the_last_byte_of_the_part() {
        let frames = ["ab", "cd"].map(Bytes::from).into();
        let mut part = Skip {
            body: Body::new(Hesitant {
                frames,
                ready: true,
            }),
            skip: 1,
            left: 1,
        };
        let mut cx = Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut part).poll_frame(&mut cx).is_pending());
        assert!(Pin::new(&mut part).poll_frame(&mut cx).is_ready());
        assert_eq!(part.body.size_hint().exact(), Some(0));
    }
}
