//! Bodies by script and by hand, well behaved or not.
//!
//! ```
//! use gopuram::testing::{Client, app, body::Script};
//! use http::Response;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let broken = app::answer(|_| Response::new(Script::new().data("half").error("cut")));
//! let res = Client::new(broken).get("/").await;
//! assert!(res.error().is_some());
//! # }
//! ```

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};

use super::app::{DropGuard, Dropped};

/// A body that does what it is told, step by step.
///
/// It tells its length honestly only if it is told to say it: by default it says nothing
/// of its length and its end.
#[derive(Debug, Default)]
#[must_use = "it is a body"]
pub struct Script {
    steps: VecDeque<Step>,
    hint: SizeHint,
    counts_down: bool,
    ended: bool,
    guard: Option<DropGuard>,
}

#[derive(Debug)]
enum Step {
    Data(Bytes),
    End,
    Error(&'static str),
    Panic(&'static str),
    Pause,
    Stop,
    Trailers(HeaderMap),
}

impl Script {
    /// A body that ends at once.
    pub fn new() -> Self {
        Self::default()
    }

    /// Then a frame of data, which may be empty.
    pub fn data(self, data: impl Into<Bytes>) -> Self {
        self.step(Step::Data(data.into()))
    }

    /// Then not ready, once; the task is woken at once.
    pub fn pause(self) -> Self {
        self.step(Step::Pause)
    }

    /// Then not ready, for ever.
    pub fn stop(self) -> Self {
        self.step(Step::Stop)
    }

    /// Then trailers.
    pub fn trailers(self, trailers: HeaderMap) -> Self {
        self.step(Step::Trailers(trailers))
    }

    /// Then the end, before what follows.
    pub fn end(self) -> Self {
        self.step(Step::End)
    }

    /// Then an error with this text.
    pub fn error(self, text: &'static str) -> Self {
        self.step(Step::Error(text))
    }

    /// Then a panic with this text.
    pub fn panic(self, text: &'static str) -> Self {
        self.step(Step::Panic(text))
    }

    /// Says this of its length, from now on and whatever was taken: a lie, unless
    /// nothing is taken.
    pub fn claims_length(mut self, hint: SizeHint) -> Self {
        self.hint = hint;
        self
    }

    /// Says how many bytes are still to come, truly, and when none are.
    pub fn counts_down(mut self) -> Self {
        self.counts_down = true;
        self
    }

    /// Says that it has ended, from the start.
    pub fn claims_end(mut self) -> Self {
        self.ended = true;
        self
    }

    /// Counts this body when it is dropped, ended or not.
    pub fn counted(mut self, dropped: &Dropped) -> Self {
        self.guard = Some(dropped.guard());
        self
    }

    fn step(mut self, step: Step) -> Self {
        self.steps.push_back(step);
        self
    }
}

impl http_body::Body for Script {
    type Data = Bytes;
    type Error = Broke;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broke>>> {
        Poll::Ready(match self.steps.pop_front() {
            Some(Step::Data(data)) => Some(Ok(Frame::data(data))),
            Some(Step::Error(text)) => Some(Err(Broke(text))),
            Some(Step::Panic(text)) => panic!("{text}"),
            Some(Step::Pause) => {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Some(Step::Stop) => {
                self.steps.push_front(Step::Stop);
                return Poll::Pending;
            }
            Some(Step::Trailers(trailers)) => Some(Ok(Frame::trailers(trailers))),
            Some(Step::End) | None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.ended || (self.counts_down && self.steps.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        if !self.counts_down {
            return self.hint;
        }
        let left = self.steps.iter().map(|step| match step {
            Step::Data(data) => data.len() as u64,
            _ => 0,
        });
        SizeHint::with_exact(left.sum())
    }
}

/// Why a body of this module broke off.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Broke(&'static str);

impl fmt::Display for Broke {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Broke {}

/// A body fed by hand: what the sender sends is there at once, and it ends when the
/// sender is dropped.
pub fn channel() -> (Sender, Channel) {
    let shared = Arc::new(Mutex::new(Shared::default()));
    (Sender(Arc::clone(&shared)), Channel(shared))
}

#[derive(Debug, Default)]
struct Shared {
    frames: VecDeque<Result<Frame<Bytes>, Broke>>,
    waker: Option<Waker>,
    sent_all: bool,
    unwanted: bool,
}

/// Feeds a [`Channel`].
#[derive(Debug)]
pub struct Sender(Arc<Mutex<Shared>>);

impl Sender {
    /// Sends a frame of data.
    pub fn data(&self, data: impl Into<Bytes>) {
        self.frame(Ok(Frame::data(data.into())));
    }

    /// Sends trailers.
    pub fn trailers(&self, trailers: HeaderMap) {
        self.frame(Ok(Frame::trailers(trailers)));
    }

    /// Breaks the body off.
    pub fn error(&self, text: &'static str) {
        self.frame(Err(Broke(text)));
    }

    /// Whether the body is still there to be read.
    pub fn is_wanted(&self) -> bool {
        !lock(&self.0).unwanted
    }

    fn frame(&self, frame: Result<Frame<Bytes>, Broke>) {
        let mut shared = lock(&self.0);
        shared.frames.push_back(frame);
        wake(shared);
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        let mut shared = lock(&self.0);
        shared.sent_all = true;
        wake(shared);
    }
}

/// A body fed by a [`Sender`].
#[derive(Debug)]
pub struct Channel(Arc<Mutex<Shared>>);

impl http_body::Body for Channel {
    type Data = Bytes;
    type Error = Broke;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broke>>> {
        let mut shared = lock(&self.0);
        match shared.frames.pop_front() {
            Some(frame) => Poll::Ready(Some(frame)),
            None if shared.sent_all => Poll::Ready(None),
            None => {
                shared.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        let shared = lock(&self.0);
        shared.sent_all && shared.frames.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        let shared = lock(&self.0);
        let sent = shared.frames.iter().flatten();
        let sent = sent
            .filter_map(Frame::data_ref)
            .map(|d| d.len() as u64)
            .sum();
        if shared.sent_all {
            return SizeHint::with_exact(sent);
        }
        let mut hint = SizeHint::new();
        hint.set_lower(sent);
        hint
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        lock(&self.0).unwanted = true;
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Wakes the reader, without the lock held.
fn wake(mut shared: MutexGuard<'_, Shared>) {
    let waker = shared.waker.take();
    drop(shared);
    if let Some(waker) = waker {
        waker.wake();
    }
}
