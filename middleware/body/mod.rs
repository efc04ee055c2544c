//! The one concrete body, of requests and of responses made by hand.
//!
//! ```
//! use gopuram_middleware::Body;
//! use http_body::Body as _;
//!
//! let body = Body::from("hello");
//! assert_eq!(body.size_hint().exact(), Some(5));
//! assert_eq!(body.try_into_bytes().unwrap(), "hello");
//! ```
//!
//! A body that is there as a whole says its exact length and gives its bytes up
//! without being polled. A region of a file stays one ([`Body::file`]) as long as no
//! layer transforms it, so that a gateway can hand the file on. Anything else is a
//! stream, boxed once; making a `Body` of a `Body` costs nothing.
//!
//! `Body` is `Send` and `Sync`: a request may be borrowed across an `await`.

mod cause;
mod file;
mod mixed;
mod read;
mod received;
mod until_end;
#[cfg(any(feature = "digest", feature = "etag"))]
mod whole;

use std::any::Any;
use std::collections::VecDeque;
use std::error::Error as StdError;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::{fmt, io};

use bytes::{Buf, Bytes};
use http_body::{Frame, SizeHint};

pub use cause::Cause;
#[cfg(feature = "files")]
pub(crate) use file::STEP;
pub use file::{FileRegion, Read, ReadAt};
pub use mixed::Mixed;
pub use read::ReadError;
#[cfg(any(feature = "digest", feature = "etag"))]
pub(crate) use whole::whole;

pub(crate) use received::Received;
pub(crate) use until_end::UntilEnd;

/// The body of a request, and of a response made by hand.
///
/// See the [module documentation](self).
#[derive(Default)]
pub struct Body(Repr);

#[derive(Default)]
enum Repr {
    #[default]
    Empty,
    Whole(Bytes),
    Chunks(VecDeque<Bytes>),
    File(FileRegion),
    Stream(Stream),
}

/// The lock is never taken, only there to make the stream `Sync`: all access is
/// through `&mut`.
type Stream = Mutex<Pin<Box<dyn http_body::Body<Data = Bytes, Error = Error> + Send>>>;

impl Body {
    /// No bytes at all.
    pub const fn empty() -> Self {
        Self(Repr::Empty)
    }

    /// Any other body, polled frame by frame.
    ///
    /// A `Body` comes out as it went in, and a body that has already ended as
    /// an empty one; everything else is boxed.
    pub fn new<B>(body: B) -> Self
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        match downcast(body) {
            Ok(body) => body,
            Err(body) if body.is_end_stream() => Self::empty(),
            Err(body) => Self(Repr::Stream(Mutex::new(Box::pin(Erased { body })))),
        }
    }

    /// Pieces that are all there, sent one by one.
    pub fn chunks(chunks: impl IntoIterator<Item = Bytes>) -> Self {
        let chunks: VecDeque<_> = chunks.into_iter().filter(|c| !c.is_empty()).collect();
        Self(Repr::Chunks(chunks))
    }

    /// A region of a file.
    pub const fn file(region: FileRegion) -> Self {
        Self(Repr::File(region))
    }

    /// The region of a file that this body is, if it is one; what was read of it is not in it any more.
    pub const fn as_file(&self) -> Option<&FileRegion> {
        match &self.0 {
            Repr::File(region) => Some(region),
            _ => None,
        }
    }

    /// The bytes, if all are there, without polling.
    ///
    /// For layers. The body of a request that has one is a stream nearly always: an application that wants
    /// all of it reads it with [`into_bytes`](Self::into_bytes).
    ///
    /// Free but for [chunks](Self::chunks), which are copied together if there
    /// is more than one.
    ///
    /// # Errors
    ///
    /// A file region or a stream comes back as it was.
    pub fn try_into_bytes(self) -> Result<Bytes, Self> {
        match self.0 {
            Repr::Empty => Ok(Bytes::new()),
            Repr::Whole(bytes) => Ok(bytes),
            Repr::Chunks(mut chunks) => Ok(match chunks.len() {
                0 | 1 => chunks.pop_front().unwrap_or_default(),
                _ => chunks.iter().flatten().copied().collect(),
            }),
            Repr::File(_) | Repr::Stream(_) => Err(self),
        }
    }
}

/// `body` as a [`Body`] if that is what it is, without boxing.
///
/// For layers that work on any body and know more of this one.
///
/// # Errors
///
/// Any other body comes back as it was.
pub fn downcast<C: 'static>(body: C) -> Result<Body, C> {
    let mut slot = Some(body);
    if let Some(body) = (&mut slot as &mut dyn Any).downcast_mut::<Option<Body>>() {
        return Ok(body.take().unwrap_or_default());
    }
    // What is not a `Body` is still in the slot.
    match slot {
        Some(body) => Err(body),
        None => Ok(Body::empty()),
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Empty => f.write_str("Body(empty)"),
            Repr::Whole(bytes) => write!(f, "Body({} bytes)", bytes.len()),
            Repr::Chunks(chunks) => write!(f, "Body({} chunks)", chunks.len()),
            Repr::File(region) => write!(f, "Body(file, {} bytes)", region.len()),
            Repr::Stream(_) => f.write_str("Body(stream)"),
        }
    }
}

impl From<()> for Body {
    fn from((): ()) -> Self {
        Self::empty()
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        if bytes.is_empty() {
            Self::empty()
        } else {
            Self(Repr::Whole(bytes))
        }
    }
}

macro_rules! from_bytes {
    ($($from:ty: $bytes:expr,)*) => {
        $(impl From<$from> for Body {
            fn from(value: $from) -> Self {
                Self::from($bytes(value))
            }
        })*
    };
}

from_bytes! {
    &'static str: |text: &'static str| Bytes::from_static(text.as_bytes()),
    &'static [u8]: Bytes::from_static,
    String: Bytes::from,
    Vec<u8>: Bytes::from,
    Box<[u8]>: Bytes::from,
}

impl From<FileRegion> for Body {
    fn from(region: FileRegion) -> Self {
        Self::file(region)
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let next = match &mut self.0 {
            Repr::Empty => None,
            Repr::Whole(bytes) => Some(Ok(Frame::data(std::mem::take(bytes)))),
            Repr::Chunks(chunks) => match chunks.pop_front() {
                Some(chunk) => return Poll::Ready(Some(Ok(Frame::data(chunk)))),
                None => None,
            },
            Repr::File(region) => {
                let next = ready!(region.poll_read(cx));
                return Poll::Ready(next.map(|read| read.map(Frame::data).map_err(Error::from)));
            }
            Repr::Stream(stream) => {
                let stream = stream.get_mut().unwrap_or_else(PoisonError::into_inner);
                let next = ready!(stream.as_mut().poll_frame(cx));
                if let Some(Ok(_)) = next {
                    return Poll::Ready(next);
                }
                next
            }
        };
        // After the last frame nothing is polled again.
        self.0 = Repr::Empty;
        Poll::Ready(next)
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Repr::Empty => true,
            Repr::Whole(bytes) => bytes.is_empty(),
            Repr::Chunks(chunks) => chunks.is_empty(),
            Repr::File(region) => region.is_empty(),
            // The lock cannot be taken: nobody takes it, but `&self` may be shared.
            Repr::Stream(stream) => stream.try_lock().is_ok_and(|s| s.is_end_stream()),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Repr::Empty => SizeHint::with_exact(0),
            Repr::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Repr::Chunks(chunks) => {
                SizeHint::with_exact(chunks.iter().map(|c| c.remaining() as u64).sum())
            }
            Repr::File(region) => SizeHint::with_exact(region.len()),
            Repr::Stream(stream) => stream
                .try_lock()
                .map_or_else(|_| SizeHint::default(), |s| s.size_hint()),
        }
    }
}

pin_project_lite::pin_project! {
    /// A stream with its error made one of ours.
    struct Erased<B> {
        #[pin]
        body: B,
    }
}

impl<B> http_body::Body for Erased<B>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let next = ready!(self.project().body.poll_frame(cx));
        Poll::Ready(next.map(|frame| frame.map_err(Error::new)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Why a [`Body`] broke off.
///
/// What went wrong is in [`source`](StdError::source).
pub struct Error(Box<dyn StdError + Send + Sync>);

impl Error {
    /// Wraps any error; one of these comes out as it went in.
    pub fn new(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        match error.into().downcast::<Self>() {
            Ok(same) => *same,
            Err(error) => Self(error),
        }
    }

    /// The error that this one stands for.
    pub fn into_inner(self) -> Box<dyn StdError + Send + Sync> {
        self.0
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self(Box::new(error))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Error").field(&self.0).finish()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body broke off")
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http_body::Body as _;

    use super::*;

    fn next(body: &mut Body) -> Option<Bytes> {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        match Pin::new(body).poll_frame(&mut cx) {
            Poll::Ready(frame) => frame.map(|f| f.unwrap().into_data().unwrap()),
            Poll::Pending => panic!("a whole body is never pending"),
        }
    }

    /// One frame, of unknown length until it comes.
    struct Once(Option<Bytes>);

    impl http_body::Body for Once {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
        }
    }

    #[test]
    fn whole_bodies_know_their_length_and_end() {
        let mut body = Body::from("abc");
        assert_eq!(body.size_hint().exact(), Some(3));
        assert!(!body.is_end_stream());
        assert_eq!(next(&mut body).unwrap(), "abc");
        assert!(body.is_end_stream());
        assert_eq!(body.size_hint().exact(), Some(0));
        assert_eq!(next(&mut body), None);
    }

    #[test]
    fn chunks_come_one_by_one_and_join_without_polling() {
        let chunks = || Body::chunks(["ab", "", "c"].map(Bytes::from));
        let mut body = chunks();
        assert_eq!(body.size_hint().exact(), Some(3));
        assert_eq!(next(&mut body).unwrap(), "ab");
        assert_eq!(next(&mut body).unwrap(), "c");
        assert_eq!(next(&mut body), None);
        assert_eq!(chunks().try_into_bytes().unwrap(), "abc");
    }

    #[test]
    fn a_body_of_a_body_is_not_boxed() {
        let body = Body::new(Body::new(Body::from("x")));
        assert_eq!(body.try_into_bytes().unwrap(), "x");
    }

    #[test]
    fn a_stream_is_not_polled_after_its_end() {
        let mut body = Body::new(Once(Some(Bytes::from_static(b"x"))));
        assert_eq!(body.size_hint().exact(), None);
        assert_eq!(next(&mut body).unwrap(), "x");
        assert_eq!(next(&mut body), None);
        assert!(body.is_end_stream());
    }

    #[test]
    fn errors_are_wrapped_once() {
        let error = Error::new(Error::from(io::Error::other("cut")));
        assert_eq!(error.source().unwrap().to_string(), "cut");
    }

    #[test]
    fn a_request_may_be_borrowed_across_an_await() {
        fn shared<T: Send + Sync>() {}
        shared::<http::Request<Body>>();
    }
}
