//! Signals that come before the server hears them.

use std::io;
use std::task::Context;

use gopuram::config::Running;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Signals that come before the server hears them: by default each of them ends the process.
pub(super) struct Early {
    hangup: Signal,
    user1: Signal,
    /// There is nothing to hand over yet.
    _user2: Signal,
}

impl Early {
    /// Hears them from now on; within a runtime.
    pub(super) fn hear() -> io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            user1: signal(SignalKind::user_defined1())?,
            _user2: signal(SignalKind::user_defined2())?,
        })
    }

    /// Does what they asked for, once the server hears those that are to come.
    pub(super) fn heed(mut self, running: &Running, cx: &mut Context<'_>) {
        if self.user1.poll_recv(cx).is_ready() {
            running.reopen();
        }
        if self.hangup.poll_recv(cx).is_ready() {
            // What is wrong is logged.
            running.reload().ok();
        }
    }
}
