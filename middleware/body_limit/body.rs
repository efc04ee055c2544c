//! A body that is counted while it is read.

use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use http::StatusCode;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::body::UntilEnd;
use crate::verdict::Verdict;

pin_project! {
    /// A request body that ends where it is too long; empty by default.
    #[derive(Debug)]
    pub struct LimitedBody<B> {
        #[pin]
        body: UntilEnd<B>,
        left: u64,
        watch: Option<Verdict>,
    }
}

impl<B> LimitedBody<B> {
    #[inline]
    pub(super) const fn new(body: B, limit: u64, watch: Option<Verdict>) -> Self {
        Self {
            body: UntilEnd::new(body),
            left: limit,
            watch,
        }
    }
}

impl<B> Default for LimitedBody<B> {
    fn default() -> Self {
        Self {
            body: UntilEnd::default(),
            left: 0,
            watch: None,
        }
    }
}

impl<B> Body for LimitedBody<B>
where
    B: Body,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type Data = B::Data;
    type Error = Error;

    #[inline]
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, Self::Error>>> {
        let mut this = self.project();
        let next = ready!(this.body.as_mut().poll_frame(cx));
        let next = next.map(|frame| frame.map_err(|error| Error::Body(error.into())));
        if let Some(Ok(frame)) = &next {
            let length = frame.data_ref().map_or(0, |data| data.remaining() as u64);
            let Some(left) = this.left.checked_sub(length) else {
                if let Some(watch) = this.watch {
                    watch.is(StatusCode::PAYLOAD_TOO_LARGE);
                }
                this.body.end();
                return Poll::Ready(Some(Err(Error::TooLong)));
            };
            *this.left = left;
        }
        Poll::Ready(next)
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    /// Inner's: what is left of the limit is no bound, or a body that is about to fail for its length
    /// would look complete.
    #[inline]
    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Why a request body broke off.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The inner body failed.
    Body(Box<dyn StdError + Send + Sync>),
    /// There was more than the limit allows.
    TooLong,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Body(_) => "the body failed",
            Self::TooLong => "the body is too long",
        })
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Body(error) => Some(&**error),
            Self::TooLong => None,
        }
    }
}
