//! All access logs of a process.

use std::io;

use gopuram::config::{Config, writable};
use gopuram::middleware::access_log::Log;
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;

/// The standard output, by the name that the command has for it.
pub(crate) const STDOUT: &str = "-";

/// Opens the log that the command was told of.
pub(crate) fn open(to: &str) -> PyResult<Log> {
    if to == STDOUT {
        return Ok(Log::stdout());
    }
    Log::file(to).map_err(|error| told(to, &error))
}

/// Whether it could be opened; nothing is made.
#[pyfunction]
pub(crate) fn check_log(to: &str) -> PyResult<()> {
    if to == STDOUT {
        return Ok(());
    }
    writable(to).map_err(|error| told(to, &error))
}

fn told(to: &str, error: &io::Error) -> PyErr {
    let instead = match to {
        "/dev/stdout" => "; the standard output is `-`",
        _ => "",
    };
    PyOSError::new_err(format!("the access log {to}: {error}{instead}"))
}

/// The log that the command was told of, and those of layers.
#[derive(Clone, Debug)]
pub(crate) struct Logs {
    pub(crate) own: Option<Log>,
    pub(crate) config: Config,
}

impl Logs {
    /// Whether there is any.
    pub(crate) fn are_there(&self) -> bool {
        self.own.is_some() || self.config.has_logs()
    }

    /// Opens files anew, which were moved away.
    pub(crate) fn reopen(&self) {
        if let Some(log) = &self.own {
            log.reopen();
        }
        self.config.reopen();
    }

    /// Waits until all is written.
    pub(crate) fn flush(&self) {
        let own = self.own.as_ref().map_or(Ok(()), Log::flush);
        if let Err(error) = own.and(self.config.flush()) {
            tracing::error!(%error, "the access log could not be written to its end");
        }
    }
}
