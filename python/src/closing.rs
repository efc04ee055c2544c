//! `close` of a file that the server sends itself: called when it is sent, or when nobody wants it any longer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use pyo3::intern;
use pyo3::prelude::*;

use crate::application::Variables;
use crate::errors;
use crate::exchange::Watched;
use crate::forked::end_if_forked;
use crate::pool::Queue;

/// What is to be closed when the body that has it is dropped.
#[derive(Debug)]
pub(crate) struct Closing {
    close: Option<Close>,
    /// Else it is closed by the thread that drops the body: that of the connection, which calls the application as well.
    by: Option<Arc<Queue>>,
}

impl Closing {
    /// Has it closed by a thread of the pool, if there is one.
    pub(crate) fn new(close: Close, by: Option<&Arc<Queue>>) -> Self {
        Self {
            close: Some(close),
            by: by.map(Arc::clone),
        }
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        let Some(close) = self.close.take() else {
            return;
        };
        if let Some(queue) = &self.by {
            queue.close(close);
            return;
        }
        // An interpreter that is being taken down closes nothing any more; and a panic here would be the connection's.
        drop(catch_unwind(AssertUnwindSafe(|| {
            Python::try_attach(|py| {
                close.call(py);
                end_if_forked(py);
            })
        })));
    }
}

/// What an application returned, and for which request.
#[derive(Debug)]
pub(crate) struct Close {
    pub(crate) iterable: Py<PyAny>,
    pub(crate) variables: Variables,
    pub(crate) watched: Watched,
}

impl Close {
    /// Closes it; how that fails is in the log.
    pub(crate) fn call(self, py: Python<'_>) {
        close(self.iterable.bind(py), &self.variables);
        errors::flush(py);
    }
}

/// Closes what an application returned, if that can be; how it fails is in the log.
pub(crate) fn close(iterable: &Bound<'_, PyAny>, asked: &Variables) {
    let py = iterable.py();
    let closed = iterable
        .getattr_opt(intern!(py, "close"))
        .and_then(|close| close.map(|close| close.call0()).transpose());
    if let Err(error) = closed {
        errors::log(
            py,
            &error,
            "the application failed when its answer was closed",
            asked,
        );
    }
}
