//! Who is to be asked again, among the requests of one connection.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Wake, Waker};

/// The waker of one request: it notes that the request is to be polled, and wakes the connection.
///
/// So a connection with many requests polls only those that something has happened to.
#[derive(Debug)]
pub(super) struct Signal {
    raised: AtomicBool,
    connection: Mutex<Waker>,
}

impl Signal {
    /// One that is raised: nobody has polled the request yet.
    pub(super) fn new(connection: &Waker) -> Arc<Self> {
        Arc::new(Self {
            raised: AtomicBool::new(true),
            connection: Mutex::new(connection.clone()),
        })
    }

    /// The connection is polled by this task now.
    pub(super) fn follow(&self, connection: &Waker) {
        let mut known = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        known.clone_from(connection);
    }

    /// Whether the request is to be polled; it is not raised then any more.
    pub(super) fn lower(&self) -> bool {
        self.raised.swap(false, Ordering::AcqRel)
    }

    /// Has the request polled again.
    pub(super) fn raise(&self) {
        self.raised.store(true, Ordering::Release);
    }

    /// Has the connection look at what concerns the request.
    pub(super) fn wake_connection(&self) {
        let connection = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        connection.wake();
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.raise();
        self.wake_connection();
    }
}
