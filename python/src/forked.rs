//! A process that the application has forked, and that comes back to the server: it must not serve with what is its parent's.
//!
//! Locks of ours may be held in it by threads that only its parent has, so that it ends before it comes to any.

use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::prelude::*;
use tracing::error;

use crate::end::exit;
use crate::wakeup;

static FORKED: AtomicBool = AtomicBool::new(false);

/// Says that this process was forked from one that serves.
#[pyfunction]
pub(crate) fn forked(py: Python<'_>) {
    FORKED.store(true, Ordering::Relaxed);
    wakeup::forget(py);
}

/// Says that this process serves itself.
pub(crate) fn serves() {
    FORKED.store(false, Ordering::Relaxed);
}

/// What the application returned or raised, if it was here that it was called.
pub(crate) fn returned<T>(py: Python<'_>, what: T) -> T {
    end_if_forked(py);
    what
}

/// Ends the process if it is one: its connections, and what wakes it, it has in common with its parent.
pub(crate) fn end_if_forked(py: Python<'_>) {
    if !FORKED.load(Ordering::Relaxed) {
        return;
    }
    py.detach(|| {
        error!(
            "a process that the application has forked came back to the server; ended, as it should have done by `os._exit`"
        );
        exit(1);
    });
}
