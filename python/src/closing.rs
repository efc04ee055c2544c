//! `close` of a file that the server sends itself: called when it is sent, or when nobody wants it any longer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use pyo3::intern;
use pyo3::prelude::*;
use tokio::runtime::Handle;

use crate::application::Variables;
use crate::errors;
use crate::exchange::Watched;
use crate::forked::{end_if_forked, returned};
use crate::pool::Queue;
use crate::turns::Turns;

/// Who closes what is sent: who calls the application.
#[derive(Clone, Copy, Debug)]
pub(crate) enum By<'a> {
    Pool(&'a Arc<Queue>),
    /// The thread of the connections, when it is the turn of this.
    Turns(&'a Arc<Turns>),
}

/// What is to be closed when the body that has it is dropped.
#[derive(Debug)]
pub(crate) struct Closing {
    close: Option<Close>,
    by: Closer,
}

#[derive(Debug)]
enum Closer {
    Pool(Arc<Queue>),
    Turns(Arc<Turns>),
}

impl Closing {
    pub(crate) fn new(close: Close, by: By<'_>) -> Self {
        let by = match by {
            By::Pool(queue) => Closer::Pool(Arc::clone(queue)),
            By::Turns(turns) => Closer::Turns(Arc::clone(turns)),
        };
        Self {
            close: Some(close),
            by,
        }
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        let Some(close) = self.close.take() else {
            return;
        };
        let turns = match &self.by {
            Closer::Pool(queue) => return queue.close(close),
            Closer::Turns(turns) => turns,
        };
        let close = Now(Some(close));
        if let Some(turn) = turns.try_take() {
            drop(close);
            drop(turn);
        } else if let Ok(runtime) = Handle::try_current() {
            let turn = Arc::clone(turns).always();
            runtime.spawn(async move {
                let turn = turn.await;
                drop(close);
                drop(turn);
            });
        }
    }
}

/// Closes when it is dropped: a runtime that ends drops what waits.
struct Now(Option<Close>);

impl Drop for Now {
    fn drop(&mut self) {
        let Some(close) = self.0.take() else {
            return;
        };
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
    let close = returned(py, iterable.getattr_opt(intern!(py, "close")));
    let closed = close.and_then(|close| {
        let close = close.map(|close| returned(py, close.call0()));
        close.transpose()
    });
    if let Err(error) = closed {
        errors::log(
            py,
            &error,
            "the application failed when its answer was closed",
            asked,
        );
    }
}
