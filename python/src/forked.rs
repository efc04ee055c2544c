//! A process that the application has forked, and that comes back to the server: it must not serve with what is its parent's.

use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::prelude::*;
use tracing::error;

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

/// Ends the process if it is one: its connections, and what wakes it, it has in common with its parent.
pub(crate) fn end_if_forked(py: Python<'_>) {
    if !FORKED.load(Ordering::Relaxed) {
        return;
    }
    error!(
        "a process that the application has forked came back to the server; ended, as it should have done by `os._exit`"
    );
    let ended = py
        .import("os")
        .and_then(|os| os.call_method1("_exit", (1,)));
    if ended.is_err() {
        std::process::abort();
    }
}
