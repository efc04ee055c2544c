//! Handlers of Python for signals, which Python runs on the main thread when that runs Python: the server's waits for connections
//! there, and has to be told.
//!
//! SIGTERM and SIGINT the server hears itself. From then on handlers wait until it has ended: Python runs all or none, and that of SIGTERM
//! may let go of what requests still need.

use std::io;
use std::os::fd::{AsRawFd as _, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::exceptions::{PyException, PySystemExit, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use tokio::io::AsyncReadExt as _;
use tracing::{error, info};

use crate::errors;
use crate::forked::end_if_forked;

/// Whom Python tells where it tells nobody.
const NOBODY: RawFd = -1;

/// Whom Python tells for a server, for a process that is forked from this one.
static TOLD: AtomicI32 = AtomicI32::new(NOBODY);

/// Whom Python tells of signals, while a server has the main thread.
#[derive(Debug)]
pub(crate) struct Wakeup {
    told: UnixStream,
    hears: UnixStream,
    /// Who was told before, an event loop that waits for us to come back, say, and is told still.
    before: RawFd,
    raised: Raised,
}

/// What a handler has raised that ends the server.
type Raised = Arc<Mutex<Option<PyErr>>>;

impl Wakeup {
    /// Has Python tell us, if this is the main thread: else that is somebody else's, who runs Python on it.
    pub(crate) fn begin(py: Python<'_>) -> PyResult<Option<Arc<Self>>> {
        let (told, hears) = UnixStream::pair()?;
        told.set_nonblocking(true)?;
        hears.set_nonblocking(true)?;
        let before = match tell(py, told.as_raw_fd(), false) {
            Err(error) if error.is_instance_of::<PyValueError>(py) => return Ok(None),
            before => before?,
        };
        TOLD.store(told.as_raw_fd(), Ordering::Relaxed);
        let raised = Raised::default();
        Ok(Some(Arc::new(Self {
            told,
            hears,
            before,
            raised,
        })))
    }

    /// The server has ended: handlers run that have waited for it.
    pub(crate) fn rest(&self, py: Python<'_>) {
        if let Some(error) = run(py) {
            keep(&self.raised, error);
        }
    }

    /// Has Python tell who was told before; what a handler has raised that has ended the server.
    pub(crate) fn end(&self, py: Python<'_>) -> Option<PyErr> {
        TOLD.store(NOBODY, Ordering::Relaxed);
        leave(py, self.told.as_raw_fd(), self.before);
        let raised = self.raised.lock();
        raised.unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Has handlers run whenever there are signals, for as long as the runtime lives; `end` ends the server.
    ///
    /// Must be called within the runtime, which has the main thread.
    pub(crate) fn attend(&self, end: impl Fn() + Send + 'static) -> io::Result<()> {
        let mut hears = tokio::net::UnixStream::from_std(self.hears.try_clone()?)?;
        let (before, raised) = (self.before, Arc::clone(&self.raised));
        tokio::spawn(async move {
            let mut signals = [0; 64];
            let mut is_ending = false;
            while let Ok(count @ 1..) = hears.read(&mut signals).await {
                let signals = signals.get(..count).unwrap_or_default();
                is_ending |= signals.iter().copied().any(is_ours);
                if is_ending && before == NOBODY {
                    // Nor is the interpreter asked for, which may not be had just then.
                    continue;
                }
                if let Some(error) = Python::attach(|py| came(py, signals, before, is_ending)) {
                    keep(&raised, error);
                    end();
                }
            }
        });
        Ok(())
    }
}

fn keep(raised: &Raised, error: PyErr) {
    let mut raised = raised.lock().unwrap_or_else(PoisonError::into_inner);
    raised.get_or_insert(error);
}

/// Whether it is one at which the server ends.
fn is_ours(sign: u8) -> bool {
    [libc::SIGTERM, libc::SIGINT].contains(&i32::from(sign))
}

/// Runs the handlers of signals that came, unless they have to wait for the end; what one has raised that ends the server.
fn came(py: Python<'_>, signals: &[u8], before: RawFd, is_ending: bool) -> Option<PyErr> {
    if before != NOBODY
        && let Ok(os) = py.import("os")
    {
        // Who does not listen any more misses nothing.
        drop(os.call_method1("write", (before, signals)));
    }
    if is_ending { None } else { run(py) }
}

/// Runs all handlers whose signals have come; what one has raised that ends the server.
fn run(py: Python<'_>) -> Option<PyErr> {
    let mut ends = None;
    // One that fails keeps others from running.
    while let Err(error) = py.check_signals() {
        if error.is_instance_of::<PyException>(py) {
            errors::tell(py, &error, |error| {
                error!(%error, "a handler of a signal failed");
            });
            continue;
        }
        let say = |error: &str| info!(%error, "a handler of a signal ends the server");
        if error.is_instance_of::<PySystemExit>(py) {
            let error = errors::line(&error);
            py.detach(|| say(&error));
        } else {
            errors::tell(py, &error, say);
        }
        ends.get_or_insert(error);
    }
    end_if_forked(py);
    ends
}

/// In a process that was forked: what its signals are is not told to the one that it was forked from.
pub(crate) fn forget(py: Python<'_>) {
    let told = TOLD.swap(NOBODY, Ordering::Relaxed);
    if told != NOBODY {
        leave(py, told, NOBODY);
    }
}

/// Has Python tell somebody else, unless the application has asked it for that meanwhile.
fn leave(py: Python<'_>, told: RawFd, before: RawFd) {
    if let Ok(now) = tell(py, NOBODY, true) {
        // Who was told before may not be there any more.
        drop(tell(py, if now == told { before } else { now }, true));
    }
}

/// Whom Python is to tell of signals, and to warn if that does not listen; whom it told before.
fn tell(py: Python<'_>, whom: RawFd, warn: bool) -> PyResult<RawFd> {
    let options = PyDict::new(py);
    options.set_item("warn_on_full_buffer", warn)?;
    py.import("signal")?
        .call_method("set_wakeup_fd", (whom,), Some(&options))?
        .extract()
}
