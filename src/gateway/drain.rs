//! How serving ends: politely, then at once.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

use super::settings::Settings;
use super::stats::{Counters, Stats};
use crate::middleware::attributes::Drains;

/// Ends serving from code, and tells how it goes.
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
pub struct Handle {
    drain: Arc<Drain>,
    counters: Arc<Counters>,
}

impl Handle {
    pub(super) fn of(settings: &Settings) -> Self {
        Self {
            drain: Arc::clone(&settings.drain),
            counters: Arc::clone(&settings.counters),
        }
    }

    /// No new connections or requests; those in flight may finish until the
    /// [deadline](super::Deadlines::drain).
    pub fn stop(&self) {
        self.drain.advance(DRAINING);
    }

    /// No new connections, because another process accepts from the sockets: as [`stop`](Self::stop), but those that wait to be
    /// accepted are left to it, and idle ones are left open for another two seconds, for requests that are on their way.
    pub fn leave(&self) {
        self.drain.hand_over();
    }

    /// Cuts all connections.
    pub fn end(&self) {
        self.drain.advance(ENDED);
    }

    /// What the server has counted so far.
    pub fn stats(&self) -> Stats {
        self.counters.stats()
    }
}

/// How long a client that has connected when serving ends has for the first byte of a handshake or a request.
///
/// It could not know, and may have sent what is on its way: to close at once would reset it.
pub(super) const GRACE: Duration = Duration::from_millis(500);

const RUNNING: u8 = 0;
/// Another process accepts; requests on their way here are waited for.
const LEAVING: u8 = 1;
const DRAINING: u8 = 2;
const ENDED: u8 = 3;

/// How far the end has come, as all connections of a server see it.
#[derive(Debug, Default)]
pub(super) struct Drain {
    phase: AtomicU8,
    handed_over: AtomicBool,
    changed: Arc<Notify>,
}

impl Drain {
    fn advance(&self, phase: u8) {
        if self.phase.fetch_max(phase, Ordering::AcqRel) < phase {
            self.changed.notify_waiters();
        }
    }

    /// Another process has the sockets from now on.
    pub(super) fn hand_over(&self) {
        self.handed_over.store(true, Ordering::Release);
        self.advance(LEAVING);
    }

    pub(super) fn is_handed_over(&self) -> bool {
        self.handed_over.load(Ordering::Acquire)
    }

    /// Whether connections without a request are left open, since one may be on its way.
    pub(super) fn is_patient(&self) -> bool {
        self.phase() == LEAVING
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
        self.reached(LEAVING).await;
    }

    #[cfg(feature = "tls")]
    /// Waits until nobody is waited for who [may be on the way](Self::is_patient).
    pub(super) async fn hurried(&self) {
        self.reached(DRAINING).await;
    }

    /// Waits for the end itself.
    pub(super) async fn ended(&self) {
        self.reached(ENDED).await;
    }

    async fn reached(&self, phase: u8) {
        loop {
            let changed = self.changed();
            if self.phase() >= phase {
                return;
            }
            changed.await;
        }
    }
}

impl Drains for Drain {
    fn has_begun(&self) -> bool {
        !self.is_running()
    }

    fn begins(self: Arc<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move { self.wished().await })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handle() -> Handle {
        Handle {
            drain: Arc::default(),
            counters: Arc::default(),
        }
    }

    #[tokio::test]
    async fn the_end_does_not_go_back_to_draining() {
        let handle = handle();
        assert!(handle.drain.is_running());
        handle.end();
        handle.stop();
        handle.drain.wished().await;
        handle.drain.ended().await;
        assert!(handle.drain.has_ended());
    }

    #[tokio::test]
    async fn who_waits_is_told() {
        let handle = handle();
        let waiting = tokio::spawn({
            let drain = Arc::clone(&handle.drain);
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
