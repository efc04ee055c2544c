//! Bodies of HTTP/2 that wait for what was given to be written.
//!
//! hyper queues what a body gives, and writes it by another task: the body does not see whether the client takes it. Of one that
//! fails what is queued would be dropped, and one that works on the thread that writes would keep it waiting.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Who waits for a turn of the connection's task after which nothing is left to write.
#[derive(Debug, Default)]
pub(super) struct Written {
    awaited: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// How many such turns there were that somebody waited for.
    turns: u64,
    /// By the numbers of their requests.
    waiting: BTreeMap<usize, Waker>,
    /// Whether there will be none any more.
    over: bool,
}

/// How many turns it takes: what is given during one may be written by the next.
const TURNS: u64 = 2;

impl Written {
    /// Waits until what was given before `since` was first asked for is written.
    ///
    /// The task of the connection has to be woken, unless this is ready.
    pub(super) fn poll_since(
        &self,
        since: &mut Option<u64>,
        request: usize,
        cx: &Context<'_>,
    ) -> Poll<()> {
        let mut state = self.lock();
        let since = *since.get_or_insert(state.turns);
        if state.over || state.turns >= since + TURNS {
            return Poll::Ready(());
        }
        self.wait(&mut state, request, cx);
        Poll::Pending
    }

    /// Waits for a turn while `is_full` holds.
    pub(super) fn poll_while(
        &self,
        is_full: impl Fn() -> bool,
        request: usize,
        cx: &Context<'_>,
    ) -> Poll<()> {
        if !is_full() {
            return Poll::Ready(());
        }
        let mut state = self.lock();
        if state.over {
            return Poll::Ready(());
        }
        self.wait(&mut state, request, cx);
        // The turn after which it was no longer full may just have ended.
        fence(Ordering::SeqCst);
        if is_full() {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    }

    /// The body of a request, which has waited, is gone: a client may open and reset as many as it likes.
    pub(super) fn leave(&self, request: usize) {
        self.lock().waiting.remove(&request);
    }

    fn wait(&self, state: &mut State, request: usize, cx: &Context<'_>) {
        state.waiting.insert(request, cx.waker().clone());
        self.awaited.store(true, Ordering::Relaxed);
    }

    /// The connection's task had a turn, and nothing is left to write.
    #[inline]
    pub(super) fn turn(&self) {
        fence(Ordering::SeqCst);
        if self.awaited.load(Ordering::Relaxed) {
            self.wake(false);
        }
    }

    /// The connection is closed.
    pub(super) fn end(&self) {
        self.wake(true);
    }

    #[cold]
    fn wake(&self, over: bool) {
        let mut state = self.lock();
        state.turns += 1;
        state.over |= over;
        self.awaited.store(false, Ordering::Relaxed);
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        waiting.into_values().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn what_was_given_during_a_turn_is_written_by_the_next() {
        let (written, woken) = (Written::default(), Arc::new(Woken::default()));
        let waker = Waker::from(Arc::clone(&woken));
        let cx = Context::from_waker(&waker);
        // Nobody waits.
        written.turn();
        let mut since = None;
        for turn in 0..2 {
            assert_eq!(woken.0.load(Ordering::Relaxed), turn);
            assert!(written.poll_since(&mut since, 1, &cx).is_pending());
            assert!(written.poll_since(&mut since, 1, &cx).is_pending());
            written.turn();
        }
        assert!(written.poll_since(&mut since, 1, &cx).is_ready());
        assert_eq!(woken.0.load(Ordering::Relaxed), 2);
        since = None;
        assert!(written.poll_since(&mut since, 1, &cx).is_pending());
        written.end();
        assert_eq!(woken.0.load(Ordering::Relaxed), 3);
        assert!(written.poll_since(&mut since, 1, &cx).is_ready());
        assert!(written.poll_while(|| true, 1, &cx).is_ready());
    }

    #[test]
    fn who_waits_for_the_client_is_woken_when_it_takes_what_there_is() {
        let (written, woken) = (Written::default(), Arc::new(Woken::default()));
        let waker = Waker::from(Arc::clone(&woken));
        let cx = Context::from_waker(&waker);
        assert!(written.poll_while(|| false, 1, &cx).is_ready());
        assert!(written.poll_while(|| true, 1, &cx).is_pending());
        written.turn();
        assert_eq!(woken.0.load(Ordering::Relaxed), 1);
        assert!(written.poll_while(|| true, 1, &cx).is_pending());
        written.leave(1);
        assert!(written.lock().waiting.is_empty());
        // It was taken while this was about to wait.
        let full = Cell::new(true);
        assert!(
            written
                .poll_while(|| full.replace(false), 1, &cx)
                .is_ready()
        );
    }
}
