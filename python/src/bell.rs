//! Waking the tasks of connections from the threads of Python.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};
use std::task::{Context, Poll, Waker};

/// Wakes all who have waited since they were woken the last time at once.
///
/// To wake a task of another thread's runtime is a system call each time, whether that thread sleeps or not. Here it is one until the
/// runtime has its turn, which wakes its own tasks for nothing.
#[derive(Debug)]
pub(crate) struct Bell {
    state: Mutex<State>,
    hung: Once,
}

#[derive(Debug, Default)]
struct State {
    /// Who is to be woken.
    sleepers: Vec<Waker>,
    /// Who does it, unless it has been told.
    ringer: Option<Waker>,
}

impl Default for Bell {
    fn default() -> Self {
        Self {
            state: Mutex::default(),
            hung: Once::new(),
        }
    }
}

impl Bell {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the runtime hear it, if it does not yet.
    ///
    /// Must be called within it.
    pub(crate) fn hang(self: &Arc<Self>) {
        self.hung.call_once(|| {
            let bell = Arc::clone(self);
            tokio::spawn(async move {
                let mut woken = Vec::new();
                poll_fn(|cx| bell.poll_ring(cx, &mut woken)).await;
            });
        });
    }

    /// Wakes a task when the runtime has its turn.
    pub(crate) fn ring(&self, sleeper: Waker) {
        let mut state = self.lock();
        state.sleepers.push(sleeper);
        let ringer = state.ringer.take();
        drop(state);
        if let Some(ringer) = ringer {
            ringer.wake();
        }
    }

    /// Wakes who is to be woken; it is never ready.
    fn poll_ring(&self, cx: &Context<'_>, woken: &mut Vec<Waker>) -> Poll<()> {
        let mut state = self.lock();
        state.ringer = Some(cx.waker().clone());
        std::mem::swap(&mut state.sleepers, woken);
        drop(state);
        woken.drain(..).for_each(Waker::wake);
        Poll::Pending
    }
}
