//! Work for the threads that may wait for a disk.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;
use tokio::task::{JoinError, JoinHandle};

/// Work on a thread that may wait; not begun any more if nobody waits for it.
///
/// Those threads are few, and behind a slow disk work queues up for them: what clients wanted that
/// have left must not stand before what others want.
#[derive(Debug)]
pub(super) struct Blocking<T>(JoinHandle<T>);

impl<T: Send + 'static> Blocking<T> {
    pub(super) fn run(runtime: &Handle, work: impl FnOnce() -> T + Send + 'static) -> Self {
        Self(runtime.spawn_blocking(work))
    }
}

impl<T> Future for Blocking<T> {
    /// Only a runtime that ends lets go of what it was given.
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl<T> Drop for Blocking<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn what_nobody_waits_for_is_not_begun() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .max_blocking_threads(1)
            .build()
            .unwrap();
        let begun = Arc::new(AtomicUsize::new(0));
        let work = || {
            let begun = Arc::clone(&begun);
            move || begun.fetch_add(1, Ordering::Relaxed)
        };
        // The one thread is busy until all else was asked for.
        let (busy, free) = channel::<()>();
        let first = Blocking::run(runtime.handle(), move || free.recv().is_err());
        for _ in 0..100 {
            drop(Blocking::run(runtime.handle(), work()));
        }
        let last = Blocking::run(runtime.handle(), work());
        drop(busy);
        assert!(runtime.block_on(first).unwrap());
        assert_eq!(runtime.block_on(last).unwrap(), 0);
    }
}
