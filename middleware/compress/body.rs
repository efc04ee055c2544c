//! The body of answers that went through `compress`.

use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::coding::{Broken, Coder, Then};
use crate::header::digests;

/// How much is coded at once.
const SLICE: usize = 16 * 1024;

/// How much is coded before others get the thread: about a millisecond of gzip at level 6.
const TURN: usize = 64 * 1024;

/// How much is gathered before it is passed on, unless inner pauses.
const GATHER: usize = 16 * 1024;

pin_project! {
    /// The body of an answer that went through [`Compress`](super::Compress).
    ///
    /// As it was, or coded: as a whole, or as it comes. Empty by default.
    pub struct CompressBody<C> {
        #[pin]
        state: State<C>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<C> {
        // As it was.
        Plain { #[pin] inner: C },
        // All there, or no more to come.
        Whole { bytes: Bytes },
        // Coded as it comes.
        Coded { #[pin] inner: C, stream: Box<Stream> },
    }
}

/// What is between the inner body and the coded one.
struct Stream {
    coder: Coder,
    /// What is still to be coded of the last frame.
    input: Bytes,
    /// How much may be coded before others get the thread.
    turn: usize,
    /// Whether something was coded that the client cannot see yet.
    unseen: bool,
    /// Whether inner has ended, and the coder is finished.
    ended: bool,
    trailers: Option<HeaderMap>,
}

impl<C> CompressBody<C> {
    pub(super) const fn plain(inner: C) -> Self {
        let state = State::Plain { inner };
        Self { state }
    }

    pub(super) const fn whole(bytes: Bytes) -> Self {
        let state = State::Whole { bytes };
        Self { state }
    }

    pub(super) fn coded(inner: C, coder: Coder) -> Self {
        let stream = Box::new(Stream {
            coder,
            input: Bytes::new(),
            turn: TURN,
            unseen: false,
            ended: false,
            trailers: None,
        });
        let state = State::Coded { inner, stream };
        Self { state }
    }
}

impl<C> Default for CompressBody<C> {
    fn default() -> Self {
        Self::whole(Bytes::new())
    }
}

/// The body of a reply from a layer further in.
impl<C: From<crate::Body>> From<crate::Body> for CompressBody<C> {
    fn from(body: crate::Body) -> Self {
        Self::plain(body.into())
    }
}

impl<C> fmt::Debug for CompressBody<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.state {
            State::Plain { .. } => "CompressBody(plain)",
            State::Whole { .. } => "CompressBody(whole)",
            State::Coded { .. } => "CompressBody(coded)",
        })
    }
}

impl<C> Body for CompressBody<C>
where
    C: Body<Data = Bytes>,
    C::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Error;

    #[inline]
    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.as_mut().project().state.project() {
            StateProj::Plain { inner } => inner
                .poll_frame(cx)
                .map(|next| next.map(|frame| frame.map_err(|error| Error::Body(error.into())))),
            StateProj::Whole { bytes } => Poll::Ready(if bytes.is_empty() {
                None
            } else {
                Some(Ok(Frame::data(std::mem::take(bytes))))
            }),
            StateProj::Coded { inner, stream } => {
                let next = ready!(stream.poll(inner, cx));
                if stream.is_done() || !matches!(next, Some(Ok(_))) {
                    // No more is asked of inner, and the coder is free for others.
                    self.project().state.set(State::Whole {
                        bytes: Bytes::new(),
                    });
                }
                Poll::Ready(next)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.state {
            State::Plain { inner } => inner.is_end_stream(),
            State::Whole { bytes } => bytes.is_empty(),
            State::Coded { .. } => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.state {
            State::Plain { inner } => inner.size_hint(),
            State::Whole { bytes } => SizeHint::with_exact(bytes.len() as u64),
            // What it shrinks to is not known before.
            State::Coded { .. } => SizeHint::default(),
        }
    }
}

impl Stream {
    /// The next coded frame, at the end the trailers.
    fn poll<C>(
        &mut self,
        mut inner: Pin<&mut C>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>>
    where
        C: Body<Data = Bytes>,
        C::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        loop {
            if self.ended || self.coder.ready() >= GATHER {
                return Poll::Ready(self.next().map(Ok));
            }
            if self.turn == 0 {
                self.turn = TURN;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            if !self.input.is_empty() {
                let slice = self.input.split_to(SLICE.min(self.input.len()));
                self.take_turn(slice.len());
                self.unseen = true;
                self.coder.push(&slice, Then::More)?;
                continue;
            }
            match inner.as_mut().poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    // A frame costs something even if there is nothing in it.
                    self.take_turn(64);
                    match frame.into_data() {
                        Ok(data) => self.input = data,
                        Err(frame) => {
                            self.trailers = frame.into_trailers().ok().map(without_digests);
                            self.finish()?;
                        }
                    }
                }
                Poll::Ready(None) => self.finish()?,
                // What is coded already may stay unseen: the end is missing either way.
                Poll::Ready(Some(Err(error))) => {
                    return Poll::Ready(Some(Err(Error::Body(error.into()))));
                }
                Poll::Pending => {
                    self.turn = TURN;
                    if !self.unseen {
                        return Poll::Pending;
                    }
                    self.unseen = false;
                    self.coder.push(&[], Then::Pause)?;
                    if self.coder.ready() == 0 {
                        return Poll::Pending;
                    }
                    return Poll::Ready(self.next().map(Ok));
                }
            }
        }
    }

    /// What is coded, else the trailers, else the end.
    fn next(&mut self) -> Option<Frame<Bytes>> {
        if self.coder.ready() > 0 {
            return Some(Frame::data(self.coder.take()));
        }
        self.trailers.take().map(Frame::trailers)
    }

    fn is_done(&self) -> bool {
        self.ended && self.coder.ready() == 0 && self.trailers.is_none()
    }

    fn take_turn(&mut self, cost: usize) {
        self.turn = self.turn.saturating_sub(cost);
    }

    fn finish(&mut self) -> Result<(), Broken> {
        self.ended = true;
        self.coder.push(&[], Then::End)
    }
}

/// Trailers that are true of the coded bytes too.
fn without_digests(mut trailers: HeaderMap) -> HeaderMap {
    digests::remove(&mut trailers);
    trailers
}

/// Why a body that went through [`Compress`](super::Compress) broke off.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The inner body broke off.
    Body(Box<dyn StdError + Send + Sync>),
    /// The coder gave up, for want of memory.
    Coder,
}

impl From<Broken> for Error {
    fn from(Broken: Broken) -> Self {
        Self::Coder
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Body(_) => "the body to be coded broke off",
            Self::Coder => "the coder gave up",
        })
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Body(error) => Some(&**error),
            Self::Coder => None,
        }
    }
}
