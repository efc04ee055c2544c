//! What a supervisor is told.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::serve::seconds;

/// How workers are kept; a duration that is absent is without an end.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) bind: Vec<String>,
    pub(super) workers: usize,
    /// How long a worker may give no sign of life.
    pub(super) timeout: Option<Duration>,
    /// How long it may take to be ready.
    pub(super) start: Option<Duration>,
    /// How long it may take to finish.
    pub(super) drain: Duration,
    pub(super) age: Option<Duration>,
    /// How much of the memory it may have, in bytes.
    pub(super) memory: Option<u64>,
    /// This is a successor, which has a predecessor to go on in its place.
    pub(super) succeeds: bool,
    /// Somebody changes the application and wants to see it at once.
    pub(super) watched: bool,
    /// Where the number of this process is to be found while it serves.
    pub(super) pid_file: Option<PathBuf>,
    program: Vec<String>,
    worker: Vec<String>,
    directory: PathBuf,
}

#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Options {
    bind: Vec<String>,
    workers: usize,
    timeout: f64,
    start_timeout: f64,
    drain_timeout: f64,
    max_worker_age: f64,
    max_worker_memory: u64,
    succeeds: bool,
    watched: bool,
    pid_file: Option<PathBuf>,
    program: Vec<String>,
    worker: Vec<String>,
    directory: PathBuf,
}

impl Settings {
    pub(super) fn of(options: &Bound<'_, PyAny>) -> PyResult<Self> {
        let options: Options = options.extract()?;
        if options.program.is_empty() || options.worker.is_empty() || options.workers == 0 {
            return Err(PyValueError::new_err("there is nothing to start"));
        }
        let time = |of: f64, name: &str| {
            let time = seconds(of, name)?;
            PyResult::Ok((!time.is_zero()).then_some(time))
        };
        Ok(Self {
            timeout: time(options.timeout, "timeout")?,
            start: time(options.start_timeout, "start_timeout")?,
            drain: seconds(options.drain_timeout, "drain_timeout")?,
            age: time(options.max_worker_age, "max_worker_age")?,
            memory: (options.max_worker_memory > 0).then_some(options.max_worker_memory),
            succeeds: options.succeeds,
            watched: options.watched,
            bind: options.bind,
            workers: options.workers,
            pid_file: options.pid_file,
            program: options.program,
            worker: options.worker,
            directory: options.directory,
        })
    }

    /// This command as it was given, where it was given: a new version of what is on disk.
    pub(super) fn command(&self) -> Command {
        self.started(&self.program)
    }

    /// The same for a worker, which looks like one in a list of processes.
    pub(super) fn worker(&self) -> Command {
        self.started(&self.worker)
    }

    fn started(&self, program: &[String]) -> Command {
        let mut words = program.iter();
        let mut command = Command::new(words.next().map_or("", String::as_str));
        command.args(words).current_dir(&self.directory);
        command
    }
}
