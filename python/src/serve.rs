//! Serving, as Python asks for it.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use gopuram::config::Config;
use gopuram::gateway::Deadlines;
use gopuram::middleware::AccessLog;
use gopuram::{Application as Served, Stack};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use tokio::sync::Notify;

use crate::application::Application;
use crate::config::Config as File;
use crate::control::{Control, Quota};
use crate::end::End;
use crate::errors::Errors;
use crate::file_wrapper::FileWrapper;
use crate::forked;
use crate::handlers::Before;
use crate::late::Overseer;
use crate::logs::{self, Logs};
use crate::pid_file::PidFile;
use crate::pool::Pool;
use crate::stderr::Stderr;
use crate::supervisor::word;
use crate::tally::Tally;
use crate::turns::Turns;
use crate::wakeup::Wakeup;
use crate::witness::Witness;
use crate::wsgi::{Callers, Wsgi};

/// How an application is served.
#[derive(Debug, FromPyObject)]
#[pyo3(from_item_all)]
struct Options {
    /// Where, with which layers, and within what.
    config: Py<File>,
    /// None calls the application on the thread of the connections.
    threads: Option<usize>,
    queue: usize,
    queue_timeout: f64,
    drain_timeout: f64,
    max_spool: u64,
    access_log: Option<String>,
    environ: Vec<(String, String)>,
    request_timeout: f64,
    /// After so many another worker takes the place of this one; 0 is never.
    max_requests: u64,
    /// Of a worker, in place of addresses.
    control: Option<Py<Control>>,
    /// Where the number of this process is to be found while it listens.
    pid_file: Option<PathBuf>,
    /// The process ends with it.
    ends: bool,
}

/// Serves a WSGI application until SIGTERM or SIGINT; see `gopuram.serve`.
#[pyfunction]
pub(crate) fn serve(py: Python<'_>, app: Py<PyAny>, options: &Bound<'_, PyAny>) -> PyResult<()> {
    let options: Options = options.extract()?;
    forked::serves();
    let drain = seconds(options.drain_timeout, "drain_timeout")?;
    if options.control.is_some() {
        let wakeup = Wakeup::begin(py)?;
        let served = serve_within(py, app, options, drain, wakeup.clone(), None);
        // One that a handler has ended has another in its place.
        drop(wakeup.and_then(|wakeup| wakeup.end(py)));
        return served;
    }
    let ends = options.ends;
    // Its supervisor puts nothing back, and neither does who ends.
    let before = (!ends).then(|| Before::serving(heard(&options)));
    let end = End::watch(drain)?;
    let wakeup = Wakeup::begin(py);
    let served = wakeup.and_then(|wakeup| {
        let asked = Some(Arc::clone(&end.asked));
        let served = serve_within(py, app, options, drain, wakeup.clone(), asked);
        let raised = wakeup.and_then(|wakeup| wakeup.end(py));
        served.and(raised.map_or(Ok(()), Err))
    });
    if ends {
        end.insist(served.is_err().into());
    } else {
        end.leave(py);
    }
    drop(before);
    served
}

/// The signals for which there are handlers while it is served.
fn heard(options: &Options) -> impl Iterator<Item = i32> + use<> {
    let config = options.config.get().get();
    let logs = options.access_log.is_some() || config.has_logs();
    [
        Some(libc::SIGTERM),
        Some(libc::SIGINT),
        config.tls().is_some().then_some(libc::SIGHUP),
        logs.then_some(libc::SIGUSR1),
    ]
    .into_iter()
    .flatten()
}

fn serve_within(
    py: Python<'_>,
    app: Py<PyAny>,
    options: Options,
    drain: Duration,
    wakeup: Option<Arc<Wakeup>>,
    asked: Option<Arc<Notify>>,
) -> PyResult<()> {
    let queue_timeout = seconds(options.queue_timeout, "queue_timeout")?;
    let app = Application::new(app, base(py, &options)?);
    let log = options.access_log.as_deref().map(logs::open).transpose()?;
    let limit = seconds(options.request_timeout, "request_timeout")?;
    let link = options.control.as_ref().map(|control| control.get().link());
    let quota = link.clone().filter(|_| options.max_requests > 0);
    let quota = quota.map(|link| Quota::new(options.max_requests, link));
    let (witness, witnessing) = Witness::start(link.clone())?;
    let overseer = (!limit.is_zero()).then(|| Overseer {
        limit,
        runtime: OnceLock::new(),
        witness: Arc::clone(&witness),
        link: link.clone(),
    });
    let (callers, threads) = match options.threads {
        None => {
            let turns = Turns::new(options.queue, queue_timeout);
            (Callers::One(Arc::new(turns)), None)
        }
        Some(0) => return Err(PyValueError::new_err("threads must be at least 1")),
        Some(threads) => {
            let (pool, threads) = Pool::start(py, threads, options.queue, queue_timeout, overseer)?;
            (Callers::Threads(pool), Some(threads))
        }
    };
    let app = Wsgi::new(app, callers, options.max_spool, quota);
    let config = options.config.get().get().clone();
    let stack = config.stack().clone();
    let run = Run {
        control: options.control,
        pid_file: PidFile::at(options.pid_file, false),
        deadlines: config.deadlines().drain(drain),
        logs: Logs {
            own: log.clone(),
            config: config.clone(),
        },
        config,
        witness: Arc::clone(&witness),
        wakeup,
        asked,
    };
    // Without layers from a file no type is to be hidden, which costs.
    let logged = log.map(AccessLog::combined);
    let served = match (logged, stack.is_empty()) {
        (None, true) => run.run(py, app),
        (None, false) => run.run(py, stack.app(app)),
        (Some(logged), true) => run.run(py, Stack::new().with(logged).app(app)),
        // Inside of a layer that says who the client is.
        (Some(logged), false) => {
            let app = run.config.clone().with(logged).stack().app(app);
            run.run(py, app)
        }
    };
    witness.end();
    // It may be about to attach to the interpreter, which must not be taken down then.
    py.detach(|| drop(witnessing.join()));
    match threads {
        Some(threads) => served.and(threads.end(py)),
        None => served,
    }
}

/// Half a lifetime: what is longer is a mistake, and more than clocks can count to.
const LONGEST: f64 = 1e9;

pub(crate) fn seconds(seconds: f64, name: &str) -> PyResult<Duration> {
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|_| seconds < LONGEST)
        .ok_or_else(|| {
            let problem = format!("{name} must be from 0 to {LONGEST} seconds, not {seconds}");
            PyValueError::new_err(problem)
        })
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
    base.set_item("wsgi.multiprocess", options.control.is_some())?;
    base.set_item("wsgi.run_once", false)?;
    base.set_item("wsgi.input_terminated", true)?;
    base.set_item("wsgi.file_wrapper", py.get_type::<FileWrapper>())?;
    Ok(base.unbind())
}

/// How is served.
struct Run {
    config: Config,
    /// Of a worker: on the sockets of a supervisor, until that says so.
    control: Option<Py<Control>>,
    pid_file: PidFile,
    deadlines: Deadlines,
    logs: Logs,
    witness: Arc<Witness>,
    /// Of the main thread.
    wakeup: Option<Arc<Wakeup>>,
    /// Told when it is to end, even before it has begun.
    asked: Option<Arc<Notify>>,
}

impl Run {
    /// Serves till the end, which lets go of the interpreter.
    fn run(self, py: Python<'_>, app: impl Served) -> PyResult<()> {
        let logs = self.logs.clone();
        let wakeup = self.wakeup.clone();
        let served = py.detach(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(|error| error.to_string())?;
            let served = runtime.block_on(self.serve(app));
            // Who still reads a file or writes one is not waited for.
            runtime.shutdown_background();
            logs.flush();
            served
        });
        if let Some(wakeup) = wakeup {
            wakeup.rest(py);
        }
        served.map_err(PyOSError::new_err)
    }

    async fn serve(mut self, app: impl Served) -> Result<(), String> {
        let Some(control) = self.control else {
            let is_nowhere = self.config.addresses().next().is_none();
            let mut serve = self.config.serve_as_it_is(app).deadlines(self.deadlines);
            if self.logs.are_there() {
                serve = serve.on_reopen(move || self.logs.reopen());
            }
            if self.config.tls().is_some() {
                serve = serve.on_reload(move || {
                    // That it failed is logged, and those that were read before are shown.
                    drop(self.config.reload());
                    std::future::ready(())
                });
            }
            if is_nowhere {
                // By CGI there is one request, and no server that could be ended.
                attend(self.wakeup.as_deref(), || ())?;
                return serve.await.map_err(told);
            }
            let server = serve.listen().await.map_err(told)?;
            self.pid_file.write()?;
            if let Some(asked) = self.asked {
                let handle = server.handle();
                tokio::spawn(async move {
                    asked.notified().await;
                    handle.stop();
                });
            }
            let handle = server.handle();
            attend(self.wakeup.as_deref(), move || handle.stop())?;
            return server.run().await.map_err(told);
        };
        let control = control.get();
        let mut serve = gopuram::serve(app)
            .limits(self.config.limits())
            .deadlines(self.deadlines);
        if let Some(sockets) = control.sockets() {
            serve = serve.on(self.config.secure(sockets).map_err(told)?);
        }
        let share = control.share().map(Arc::new);
        let tally = share.as_ref().zip(self.config.counted());
        let tally = tally.and_then(|(share, counted)| Tally::begin(share, counted));
        if let Some(share) = share {
            serve = serve.give_way(move |open| share.gives_way(open));
        }
        let server = serve
            .until(std::future::pending())
            .listen()
            .await
            .map_err(told)?;
        let link = control.link();
        let worn = link.clone();
        // As at SIGTERM: what ends before another is there would be missed.
        attend(self.wakeup.as_deref(), move || worn.say(word::OLD))?;
        let heeding = link.heed(server.handle(), self.logs, self.witness);
        let running = server.run();
        let telling = async {
            match &tally {
                Some(tally) => tally.go_on().await,
                None => std::future::pending().await,
            }
        };
        let ended = tokio::select! {
            // First: the worker accepts when it says so.
            biased;
            ended = running => ended.map_err(told),
            Err(error) = heeding => {
                tracing::error!(%error, "the supervisor cannot be heard; ending");
                Ok(())
            }
            () = telling => Ok(()),
        };
        if let Some(tally) = tally {
            tally.write();
        }
        ended
    }
}

fn attend(wakeup: Option<&Wakeup>, end: impl Fn() + Send + 'static) -> Result<(), String> {
    let attending = wakeup.map_or(Ok(()), |wakeup| wakeup.attend(end));
    attending.map_err(|error| error.to_string())
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` gives")]
fn told(error: gopuram::Error) -> String {
    format!("{error:?}")
}

/// Takes what this process was passed out of its environment; before there are threads.
#[pyfunction]
pub(crate) fn inherit() {
    gopuram::gateway::Sockets::inherit();
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
        .with_writer(|| Stderr)
        .finish();
    // Who set another one before keeps it.
    drop(tracing::subscriber::set_global_default(subscriber));
    Ok(())
}
