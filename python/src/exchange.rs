//! What a connection and the Python that answers it share of one request.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use gopuram::Body;
/// Why an answer broke off; whoever breaks one off says more of it in the log.
pub(crate) use gopuram::gateway::Logged as Broken;
use http::Response;
use http_body::Frame;
use pyo3::Python;
use tokio::time::Instant;

use crate::answer;
use crate::bell::Bell;

/// How many bytes wait for the client before the application has to.
const ROOM: usize = 1024 * 1024;

/// Down to how many it goes on then: a thread that is called for each block does little else.
const AGAIN: usize = ROOM / 4;

/// How many bytes may wait where nobody can: `write` is called by the thread that would send them.
const INLINE_ROOM: usize = 16 * 1024 * 1024;

#[derive(Debug)]
struct Exchange {
    state: Mutex<State>,
    room: Condvar,
    manner: Manner,
}

#[derive(Debug, Default)]
struct State {
    /// Not taken yet; without a body, blocks follow.
    head: Option<Response<Option<Body>>>,
    waker: Option<Waker>,
    blocks: VecDeque<Bytes>,
    queued: usize,
    end: Option<Result<(), Broken>>,
    /// Nobody wants the answer any longer.
    gone: bool,
    /// How many threads wait for room.
    waiting: usize,
    /// Since when the application waits for room, or for the body; and for how long it has before.
    waits: Option<Instant>,
    reads: Option<Instant>,
    waited: Duration,
    /// The head is told, or something in its stead.
    begun: bool,
    /// Whatever the application says comes too late.
    cut: bool,
}

impl State {
    /// Whether a block may be sent: any may where nothing waits.
    fn fits(&self, len: usize, room: usize) -> bool {
        self.gone || self.queued == 0 || self.queued.saturating_add(len) <= room
    }
}

impl Exchange {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state, and wakes who waits for it to.
    fn tell(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        if state.cut {
            return;
        }
        change(&mut state);
        let waker = state.waker.take();
        drop(state);
        self.wake(waker);
    }

    fn wake(&self, waker: Option<Waker>) {
        match (waker, &self.manner) {
            (Some(waker), Manner::Wait(bell)) => bell.ring(waker),
            (Some(waker), Manner::Refuse) => waker.wake(),
            (None, _) => {}
        }
    }

    fn leave(&self) {
        let mut state = self.lock();
        state.gone = true;
        // What they have may be closed by Python, which says what it likes here.
        let left = (state.head.take(), std::mem::take(&mut state.blocks));
        let waits = state.waits.is_some();
        drop(state);
        drop(left);
        if waits {
            self.room.notify_all();
        }
    }
}

/// Both ends of the answer to a request.
pub(crate) fn exchange(manner: Manner) -> (Sender, Receiver) {
    let shared = Arc::new(Exchange {
        state: Mutex::default(),
        room: Condvar::new(),
        manner,
    });
    let sender = Sender {
        shared: Arc::clone(&shared),
        ended: false,
    };
    (sender, Receiver(shared))
}

/// What is done when there is no room for a block.
#[derive(Debug)]
pub(crate) enum Manner {
    /// The thread waits for it, which is another one than that of the connection.
    Wait(Arc<Bell>),
    /// The block is refused: the thread is the one that would make room.
    Refuse,
}

/// Where the application's answer goes; dropped before its end it breaks off.
#[derive(Debug)]
pub(crate) struct Sender {
    shared: Arc<Exchange>,
    ended: bool,
}

/// Why a block was not taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Refusal {
    /// The client has left.
    Gone,
    /// There is no room, which may be [waited for](Watched::wait).
    NotYet,
    /// There is no room, and waiting for it would be for ever.
    Full,
}

impl Sender {
    /// Whether the client has left.
    pub(crate) fn is_gone(&self) -> bool {
        self.shared.lock().gone
    }

    /// The answer for who watches it.
    pub(crate) fn watched(&self) -> Watched {
        Watched(Arc::clone(&self.shared))
    }

    /// Answers with all there is to say.
    pub(crate) fn whole(&mut self, res: Response<Body>) {
        self.ended = true;
        let mut res = Some(res);
        self.shared.tell(|state| {
            state.begun = true;
            state.end = Some(Ok(()));
            if !state.gone {
                state.head = res.take().map(|res| res.map(Some));
            }
        });
        // What nobody takes is not kept, nor dropped under the lock.
        drop(res);
    }

    /// Answers with a head and the first block of those that follow.
    pub(crate) fn begin(&mut self, head: Response<()>, first: Bytes) {
        self.shared.tell(|state| {
            state.begun = true;
            state.head = Some(head.map(|()| None));
            state.queued = first.len();
            if !first.is_empty() {
                state.blocks.push_back(first);
            }
        });
    }

    /// Sends a block if there is room for it.
    pub(crate) fn push(&self, block: Bytes) -> Result<(), Refusal> {
        let len = block.len();
        let mut state = self.shared.lock();
        match self.shared.manner {
            Manner::Refuse if !state.fits(len, INLINE_ROOM) => return Err(Refusal::Full),
            Manner::Wait(_) if !state.fits(len, ROOM) => return Err(Refusal::NotYet),
            _ => {}
        }
        if state.gone {
            return Err(Refusal::Gone);
        }
        state.queued = state.queued.saturating_add(len);
        state.blocks.push_back(block);
        let waker = state.waker.take();
        drop(state);
        self.shared.wake(waker);
        Ok(())
    }

    /// All blocks were sent.
    pub(crate) fn finish(&mut self) {
        self.ended = true;
        self.shared.tell(|state| state.end = Some(Ok(())));
    }

    /// No more blocks come, though some are missing.
    pub(crate) fn fail(&mut self, why: &'static str) {
        self.ended = true;
        self.shared
            .tell(|state| state.end = Some(Err(Broken::new(why))));
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        if !self.ended {
            self.fail("the application was not run to its end");
        }
    }
}

/// An answer that is watched, and can be cut off whatever the application does.
#[derive(Clone, Debug)]
pub(crate) struct Watched(Arc<Exchange>);

/// What became of an answer that was cut off.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Cut {
    /// Nothing of it was sent: there is another in its stead.
    Answered,
    Broken,
    /// There was nothing left to cut.
    Over,
}

impl Watched {
    /// Waits for the client to send its body.
    pub(crate) fn read<T>(&self, read: impl FnOnce() -> T) -> T {
        let since = Instant::now();
        self.0.lock().reads = Some(since);
        let read = read();
        let mut state = self.0.lock();
        state.reads = None;
        state.waited += since.elapsed();
        drop(state);
        read
    }

    /// Waits for room for so many bytes, which others may take before.
    pub(crate) fn wait(&self, py: Python<'_>, len: usize) {
        py.detach(|| {
            let mut state = self.0.lock();
            state.waiting += 1;
            state.waits.get_or_insert_with(Instant::now);
            while !state.fits(len, ROOM) {
                state = (self.0.room.wait(state)).unwrap_or_else(PoisonError::into_inner);
            }
            state.waiting -= 1;
            if state.waiting == 0
                && let Some(since) = state.waits.take()
            {
                state.waited += since.elapsed();
            }
        });
    }

    /// For how long the application has waited for the client.
    pub(crate) fn waited(&self, now: Instant) -> Duration {
        let state = self.0.lock();
        let waits = state.waits.or(state.reads).map(|since| now - since);
        state.waited + waits.unwrap_or_default()
    }

    pub(crate) fn cut(&self) -> Cut {
        let mut cut = Cut::Over;
        self.0.tell(|state| {
            state.cut = true;
            if state.end.is_some() || state.gone {
                return;
            }
            if state.begun {
                cut = Cut::Broken;
                state.end = Some(Err(Broken::new("the application took too long")));
            } else {
                cut = Cut::Answered;
                state.head = Some(answer::late().map(Some));
                state.end = Some(Ok(()));
            }
            // Whatever it says now nobody wants.
            state.gone = true;
        });
        self.0.room.notify_all();
        cut
    }
}

/// Where the application's answer comes from; dropped, nobody wants it any longer.
#[derive(Debug)]
pub(crate) struct Receiver(Arc<Exchange>);

impl Receiver {
    /// The head of the answer, with its body if it is there as a whole.
    pub(crate) fn poll_head(
        &self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Response<Option<Body>>, Broken>> {
        let mut state = self.0.lock();
        if let Some(head) = state.head.take() {
            return Poll::Ready(Ok(head));
        }
        if let Some(Err(broken)) = state.end {
            return Poll::Ready(Err(broken));
        }
        remember(&mut state.waker, cx);
        Poll::Pending
    }

    /// The next block.
    pub(crate) fn poll_block(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Broken>>> {
        let mut state = self.0.lock();
        if let Some(block) = state.blocks.pop_front() {
            state.queued = state.queued.saturating_sub(block.len());
            let goes_on = state.waits.is_some() && state.queued <= AGAIN;
            drop(state);
            if goes_on {
                self.0.room.notify_all();
            }
            return Poll::Ready(Some(Ok(block)));
        }
        match state.end {
            Some(Ok(())) => Poll::Ready(None),
            Some(Err(broken)) => Poll::Ready(Some(Err(broken))),
            None => {
                remember(&mut state.waker, cx);
                Poll::Pending
            }
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.0.leave();
    }
}

fn remember(waker: &mut Option<Waker>, cx: &Context<'_>) {
    match waker {
        Some(waker) => waker.clone_from(cx.waker()),
        None => *waker = Some(cx.waker().clone()),
    }
}

/// The blocks of an answer as its body.
#[derive(Debug)]
pub(crate) struct Blocks(pub(crate) Receiver);

impl http_body::Body for Blocks {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let next = std::task::ready!(self.0.poll_block(cx));
        Poll::Ready(next.map(|block| block.map(Frame::data)))
    }
}
