//! One request after the other, where the application is called by the thread of the connections.
//!
//! An application that is not safe to be called by several threads keeps things by thread: a transaction, a language, a session. A
//! request that is called while another is between two of its blocks would meet what is that one's.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::timeout;
use tracing::warn;

/// Who may call the application, and who waits.
#[derive(Debug)]
pub(crate) struct Turns {
    lock: Arc<Mutex<()>>,
    waiting: AtomicUsize,
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
            let deadline = self.deadline;
            let Ok(turn) = timeout(deadline, self.always()).await else {
                warn!("a request has waited too long for its turn; answered 503");
                return None;
            };
            drop(waiter);
            Some(turn)
        }
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
