//! One request after the other, where the application is called by the thread of the connections.
//!
//! An application that is not safe to be called by several threads keeps things by thread: a transaction, a language, a session. A
//! request that is called while another is between two of its blocks would meet what is that one's.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use pyo3::prelude::*;
use tokio::sync::OwnedMutexGuard;
use tokio::time::timeout;
use tracing::warn;

use crate::forked::end_if_forked;
use crate::run::Run;

/// Who may call the application, and who waits.
#[derive(Debug)]
pub(crate) struct Turns {
    lock: Arc<tokio::sync::Mutex<()>>,
    waiting: AtomicUsize,
    /// Who has begun an answer and not ended it.
    streaming: Mutex<Weak<Streaming>>,
    room: usize,
    deadline: Duration,
}

/// While it lives nobody else calls the application.
#[derive(Debug)]
pub(crate) struct Turn {
    turns: Arc<Turns>,
    _held: OwnedMutexGuard<()>,
}

impl Turn {
    pub(crate) const fn turns(&self) -> &Arc<Turns> {
        &self.turns
    }
}

impl Turns {
    /// Up to `room` requests wait, for as long as `deadline`.
    pub(crate) fn new(room: usize, deadline: Duration) -> Self {
        Self {
            lock: Arc::default(),
            waiting: AtomicUsize::new(0),
            streaming: Mutex::default(),
            room,
            deadline,
        }
    }

    /// A turn at once, if nobody has one or waits for it.
    pub(crate) fn try_take(self: &Arc<Self>) -> Option<Turn> {
        let held = Arc::clone(&self.lock).try_lock_owned().ok()?;
        Some(self.turn(held))
    }

    fn turn(self: &Arc<Self>, held: OwnedMutexGuard<()>) -> Turn {
        Turn {
            turns: Arc::clone(self),
            _held: held,
        }
    }

    /// The next turn, for what cannot be refused.
    pub(crate) async fn always(self: Arc<Self>) -> Turn {
        let held = Arc::clone(&self.lock).lock_owned().await;
        self.turn(held)
    }

    /// The next turn; `None` if there are too many who wait, or it does not come in time.
    pub(crate) fn next(self: Arc<Self>) -> impl Future<Output = Option<Turn>> + Send {
        let waiter = Waiter::new(Arc::clone(&self));
        async move {
            if waiter.before >= self.room {
                let waiting = waiter.before;
                warn!(
                    waiting,
                    "too many requests wait for their turn; answered 503"
                );
                return None;
            }
            let (half, seen) = (self.deadline / 2, self.seen());
            let mut turn = pin!(Arc::clone(&self).always());
            let mut taken = timeout(half, turn.as_mut()).await;
            if taken.is_err() {
                give_way(&seen);
                taken = timeout(self.deadline.saturating_sub(half), turn).await;
            }
            if taken.is_err() {
                warn!("a request has waited too long for its turn; answered 503");
            }
            drop(waiter);
            taken.ok()
        }
    }
}

impl Turns {
    fn streaming(&self) -> MutexGuard<'_, Weak<Streaming>> {
        self.streaming
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Whose turn it is, and how far that one has come.
    fn seen(&self) -> (Weak<Streaming>, usize) {
        let streaming = self.streaming().clone();
        let steps = streaming.upgrade().map_or(0, |one| one.steps());
        (streaming, steps)
    }
}

/// A request between two of its blocks, and its turn.
#[derive(Debug)]
pub(crate) struct Streaming {
    held: Mutex<Option<Held>>,
    /// How often the application was asked for a block.
    steps: AtomicUsize,
}

/// In the order in which they are let go of: what is to be closed is closed in its turn.
#[derive(Debug)]
pub(crate) struct Held {
    run: Run,
    turn: Turn,
}

impl Held {
    pub(crate) const fn new(run: Run, turn: Turn) -> Self {
        Self { run, turn }
    }
}

impl Streaming {
    pub(crate) fn new(held: Held) -> Arc<Self> {
        let turns = Arc::clone(&held.turn.turns);
        let held = Some(held).filter(|held| !held.run.is_over());
        let streaming = Arc::new(Self {
            held: Mutex::new(held),
            steps: AtomicUsize::new(0),
        });
        *turns.streaming() = Arc::downgrade(&streaming);
        streaming
    }

    fn held(&self) -> MutexGuard<'_, Option<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn steps(&self) -> usize {
        self.steps.load(Ordering::Relaxed)
    }

    /// Asks the application for a block; whether there is nothing left to ask for.
    pub(crate) fn step(&self) -> bool {
        let Some(mut held) = self.held().take() else {
            return true;
        };
        self.steps.fetch_add(1, Ordering::Relaxed);
        let stepped = catch_unwind(AssertUnwindSafe(|| {
            Python::attach(|py| {
                held.run.step(py);
                end_if_forked(py);
            });
        }));
        if stepped.is_err() {
            held.run.panicked();
        }
        let is_over = stepped.is_err() || held.run.is_over();
        if !is_over {
            *self.held() = Some(held);
        }
        is_over
    }
}

/// Ends the answer of whom was seen, if the client has taken nothing of it since: it could hold up all others for ever.
fn give_way((streaming, before): &(Weak<Streaming>, usize)) {
    let Some(streaming) = streaming.upgrade() else {
        return;
    };
    if streaming.steps() != *before {
        return;
    }
    let held = streaming.held().take();
    if let Some(held) = held {
        warn!(
            request = held.run.what(),
            "a client takes nothing of its answer while others wait for their turn: it breaks off"
        );
        held.run.break_off();
    }
}

/// One who waits, as long as this lives.
struct Waiter {
    turns: Arc<Turns>,
    /// How many wait already.
    before: usize,
}

impl Waiter {
    fn new(turns: Arc<Turns>) -> Self {
        let before = turns.waiting.fetch_add(1, Ordering::Relaxed);
        Self { turns, before }
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.turns.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}
