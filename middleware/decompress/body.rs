//! The body of requests that went through `decompress`.

use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::coding::{Next, Stage, Stop, feed, is_whole, next};
use crate::header::digests;
use crate::verdict::Verdict;

/// How much is taken and given before others get the thread.
const TURN: usize = 64 * 1024;

pin_project! {
    /// The body of a request that went through [`Decompress`](super::Decompress).
    ///
    /// As it was, or decoded as it comes; empty by default.
    #[derive(Debug)]
    pub struct DecompressBody<B> {
        // None after the end or an error.
        #[pin]
        body: Option<B>,
        // None if it is not coded.
        stream: Option<Box<Stream>>,
    }
}

/// What is between the coded body and the plain one.
#[derive(Debug)]
pub(super) struct Stream {
    /// In the order in which they are undone.
    stages: Vec<Stage>,
    verdict: Verdict,
    turn: usize,
    /// Whether inner has ended.
    ended: bool,
    trailers: Option<HeaderMap>,
}

impl Stream {
    pub(super) fn new(stages: Vec<Stage>, verdict: Verdict) -> Box<Self> {
        Box::new(Self {
            stages,
            verdict,
            turn: TURN,
            ended: false,
            trailers: None,
        })
    }

    #[cfg(all(test, feature = "gzip"))]
    pub(super) fn len(&self) -> usize {
        self.stages.len()
    }
}

impl<B> DecompressBody<B> {
    pub(super) const fn new(body: B, stream: Option<Box<Stream>>) -> Self {
        Self {
            body: Some(body),
            stream,
        }
    }
}

impl<B> Default for DecompressBody<B> {
    fn default() -> Self {
        Self {
            body: None,
            stream: None,
        }
    }
}

impl<B> Body for DecompressBody<B>
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
        let Some(body) = this.body.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        let polled = match this.stream {
            Some(stream) => stream.poll(body, cx),
            None => body
                .poll_frame(cx)
                .map(|next| next.map(|frame| frame.map_err(|error| Error::Body(error.into())))),
        };
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            this.body.set(None);
            *this.stream = None;
        }
        polled
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        match (&self.body, &self.stream) {
            (None, _) => true,
            (Some(_), Some(_)) => false,
            (Some(body), None) => body.is_end_stream(),
        }
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        match (&self.body, &self.stream) {
            (None, _) => SizeHint::with_exact(0),
            (Some(_), Some(stream)) => stream.size_hint(),
            (Some(body), None) => body.size_hint(),
        }
    }
}

impl Stream {
    /// The next plain frame, at the end the trailers.
    fn poll<B>(
        &mut self,
        mut body: Pin<&mut B>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        loop {
            if self.turn == 0 {
                self.turn = TURN;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            match next(&mut self.stages, &mut self.turn) {
                Ok(Next::Bytes(bytes)) => return Poll::Ready(Some(Ok(Frame::data(bytes)))),
                Ok(Next::More) => {}
                Ok(Next::Turn) => continue,
                Err(Stop::Corrupt) => return Poll::Ready(Some(Err(self.is(Error::Corrupt)))),
                Err(Stop::TooLong) => return Poll::Ready(Some(Err(self.is(Error::TooLong)))),
            }
            if self.ended {
                return Poll::Ready(self.trailers.take().map(|it| Ok(Frame::trailers(it))));
            }
            match body.as_mut().poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => {
                        // A frame costs something even if nothing comes of it.
                        self.take_turn(64 + data.len());
                        feed(&mut self.stages, data);
                        continue;
                    }
                    Err(frame) => {
                        let mut trailers = frame.into_trailers().unwrap_or_default();
                        digests::remove(&mut trailers);
                        self.trailers = Some(trailers);
                    }
                },
                Poll::Ready(Some(Err(error))) => {
                    return Poll::Ready(Some(Err(Error::Body(error.into()))));
                }
                Poll::Ready(None) => {}
                Poll::Pending => {
                    self.turn = TURN;
                    return Poll::Pending;
                }
            }
            self.ended = true;
            if !is_whole(&self.stages) {
                return Poll::Ready(Some(Err(self.is(Error::Truncated))));
            }
        }
    }

    fn take_turn(&mut self, cost: usize) {
        self.turn = self.turn.saturating_sub(cost);
    }

    /// Tells the way out what the client is to be told.
    fn is(&self, error: Error) -> Error {
        self.verdict.is(match error {
            Error::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
            _ => StatusCode::BAD_REQUEST,
        });
        error
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = SizeHint::new();
        if let Some(last) = self.stages.last() {
            hint.set_upper(last.left());
        }
        hint
    }
}

/// Why a body that went through [`Decompress`](super::Decompress) broke off.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The coded body broke off.
    Body(Box<dyn StdError + Send + Sync>),
    /// The bytes are not what their coding says, or go on after it.
    Corrupt,
    /// It decodes to more than it may.
    TooLong,
    /// It ended before its coding did.
    Truncated,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Body(_) => "the coded body broke off",
            Self::Corrupt => "the body is not what its coding says",
            Self::TooLong => "the body decodes to too much",
            Self::Truncated => "the body ended before its coding did",
        })
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Body(error) => Some(&**error),
            _ => None,
        }
    }
}
