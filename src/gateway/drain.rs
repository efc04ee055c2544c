//! How serving ends: politely, then at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

/// Ends serving from code.
///
/// Cheap to clone, and all clones end the same server.
///
/// ```no_run
/// # async fn example() -> Result<(), gopuram::Error> {
/// # let app = tower::service_fn(async |_| Ok::<_, std::convert::Infallible>(
/// #     http::Response::new(gopuram::Body::empty())));
/// let server = gopuram::serve(app).bind("127.0.0.1:0").listen().await?;
/// let handle = server.handle();
/// let served = tokio::spawn(server.run());
/// handle.stop();
/// # let _ = served;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Handle(pub(super) Arc<Drain>);

impl Handle {
    /// No new connections or requests; those in flight may finish until the
    /// [deadline](super::Deadlines::drain).
    pub fn stop(&self) {
        self.0.advance(DRAINING);
    }

    /// Cuts all connections.
    pub fn end(&self) {
        self.0.advance(ENDED);
    }
}

const RUNNING: u8 = 0;
const DRAINING: u8 = 1;
const ENDED: u8 = 2;

/// How far the end has come, as all connections of a server see it.
#[derive(Debug, Default)]
pub(super) struct Drain {
    phase: AtomicU8,
    changed: Arc<Notify>,
}

impl Drain {
    fn advance(&self, phase: u8) {
        if self.phase.fetch_max(phase, Ordering::AcqRel) < phase {
            self.changed.notify_waiters();
        }
    }

    /// How far it has come; it only goes on.
    pub(super) fn phase(&self) -> u8 {
        self.phase.load(Ordering::Acquire)
    }

    pub(super) fn is_running(&self) -> bool {
        self.phase() == RUNNING
    }

    pub(super) fn has_ended(&self) -> bool {
        self.phase() == ENDED
    }

    /// The next change, counted from this call on: look at the phase after it.
    pub(super) fn changed(&self) -> OwnedNotified {
        Arc::clone(&self.changed).notified_owned()
    }

    /// Waits for the wish to end.
    pub(super) async fn wished(&self) {
        loop {
            let changed = self.changed();
            if !self.is_running() {
                return;
            }
            changed.await;
        }
    }

    /// Waits for the end itself.
    pub(super) async fn ended(&self) {
        loop {
            let changed = self.changed();
            if self.has_ended() {
                return;
            }
            changed.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_end_does_not_go_back_to_draining() {
        let handle = Handle(Arc::default());
        assert!(handle.0.is_running());
        handle.end();
        handle.stop();
        handle.0.wished().await;
        handle.0.ended().await;
        assert!(handle.0.has_ended());
    }

    #[tokio::test]
    async fn who_waits_is_told() {
        let handle = Handle(Arc::default());
        let waiting = tokio::spawn({
            let drain = Arc::clone(&handle.0);
            async move { drain.ended().await }
        });
        tokio::task::yield_now().await;
        handle.stop();
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        handle.end();
        waiting.await.unwrap();
    }
}
