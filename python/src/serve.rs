//! Serving, as Python asks for it.

use std::time::Duration;

use gopuram::gateway::Deadlines;
use gopuram::middleware::AccessLog;
use gopuram::middleware::access_log::Log;
use gopuram::{Application as Served, Stack};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::application::Application;
use crate::errors::Errors;
use crate::file_wrapper::FileWrapper;
use crate::pool::Pool;
use crate::wsgi::Wsgi;

/// How an application is served.
#[derive(Debug, FromPyObject)]
#[pyo3(from_item_all)]
struct Options {
    bind: Vec<String>,
    /// None calls the application on the thread of the connections.
    threads: Option<usize>,
    queue: usize,
    queue_timeout: f64,
    drain_timeout: f64,
    max_spool: u64,
    access_log: Option<String>,
    environ: Vec<(String, String)>,
}

/// Serves a WSGI application until SIGTERM or SIGINT; see `gopuram.serve`.
#[pyfunction]
pub(crate) fn serve(py: Python<'_>, app: Py<PyAny>, options: &Bound<'_, PyAny>) -> PyResult<()> {
    let options: Options = options.extract()?;
    let queue_timeout = seconds(options.queue_timeout, "queue_timeout")?;
    let drain = seconds(options.drain_timeout, "drain_timeout")?;
    let app = Application::new(app, base(py, &options)?);
    let log = access_log(options.access_log.as_deref())?;
    let (pool, threads) = match options.threads {
        None => (None, None),
        Some(0) => return Err(PyValueError::new_err("threads must be at least 1")),
        Some(threads) => {
            let (pool, threads) = Pool::start(py, threads, options.queue, queue_timeout)?;
            (Some(pool), Some(threads))
        }
    };
    let app = Wsgi::new(app, pool, options.max_spool);
    let deadlines = Deadlines::default().drain(drain);
    let served = match log {
        None => run(py, app, options.bind, deadlines, None),
        Some(log) => {
            let stack = Stack::new().with(AccessLog::combined(log.clone()));
            run(py, stack.app(app), options.bind, deadlines, Some(log))
        }
    };
    match threads {
        Some(threads) => served.and(threads.end(py, PATIENCE)),
        None => served,
    }
}

/// How long to wait at the end for threads that have nothing left to do.
const PATIENCE: Duration = Duration::from_secs(1);

fn seconds(seconds: f64, name: &str) -> PyResult<Duration> {
    Duration::try_from_secs_f64(seconds)
        .map_err(|error| PyValueError::new_err(format!("{name}: {error}")))
}

/// What all environs have in common (PEP 3333, "environ Variables").
fn base(py: Python<'_>, options: &Options) -> PyResult<Py<PyDict>> {
    let base = PyDict::new(py);
    for (name, value) in &options.environ {
        base.set_item(name, value)?;
    }
    base.set_item("wsgi.version", (1, 0))?;
    base.set_item("wsgi.url_scheme", "http")?;
    base.set_item("wsgi.errors", Py::new(py, Errors)?)?;
    base.set_item(
        "wsgi.multithread",
        options.threads.is_some_and(|threads| threads > 1),
    )?;
    base.set_item("wsgi.multiprocess", false)?;
    base.set_item("wsgi.run_once", false)?;
    base.set_item("wsgi.input_terminated", true)?;
    base.set_item("wsgi.file_wrapper", py.get_type::<FileWrapper>())?;
    Ok(base.unbind())
}

fn access_log(to: Option<&str>) -> PyResult<Option<Log>> {
    Ok(match to {
        None => None,
        Some("-") => Some(Log::stdout()),
        Some(path) => {
            let log = Log::file(path);
            Some(
                log.map_err(|error| PyOSError::new_err(format!("the access log {path}: {error}")))?,
            )
        }
    })
}

/// Serves till the end, which lets go of the interpreter.
fn run(
    py: Python<'_>,
    app: impl Served,
    addresses: Vec<String>,
    deadlines: Deadlines,
    log: Option<Log>,
) -> PyResult<()> {
    let served = py.detach(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?;
        let mut serve = gopuram::serve(app).deadlines(deadlines);
        for address in addresses {
            serve = serve.bind(address.as_str());
        }
        if let Some(log) = log.clone() {
            serve = serve.on_reopen(move || log.reopen());
        }
        let served = runtime.block_on(async { serve.await });
        // Who still reads a file or writes one is not waited for.
        runtime.shutdown_background();
        if let Some(log) = log
            && let Err(error) = log.flush()
        {
            tracing::error!(%error, "the access log could not be written to its end");
        }
        served.map_err(|error| format!("{error:?}"))
    });
    served.map_err(PyOSError::new_err)
}

/// Writes what is logged to the standard error, from this level on.
#[pyfunction]
pub(crate) fn log_to_stderr(level: &str) -> PyResult<()> {
    let level: tracing::Level = level
        .parse()
        .map_err(|_| PyValueError::new_err("a level is error, warn, info, debug or trace"))?;
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_ansi(false)
        .with_writer(std::io::stderr)
        .finish();
    // Who set another one before keeps it.
    drop(tracing::subscriber::set_global_default(subscriber));
    Ok(())
}
