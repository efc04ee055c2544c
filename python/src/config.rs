//! A server and its layers from a file, as Python sees it.

use std::path::{Path, PathBuf};

use gopuram::config::{Config as Read, Count, Size, explain, overview};
use gopuram::gateway::{Address, Tls};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::logs::STDOUT;

/// More seconds than any process lives.
const LONGEST: f64 = 999_999_999.0;

/// What a file says, or nothing yet; each method that changes it makes another.
#[pyclass(module = "gopuram", frozen)]
#[derive(Clone, Debug)]
pub(crate) struct Config(Read);

impl Config {
    pub(crate) const fn get(&self) -> &Read {
        &self.0
    }
}

#[pymethods]
impl Config {
    /// Reads a file, and opens what it names; without one all is as it is by default.
    #[new]
    #[pyo3(signature = (path=None, /))]
    fn new(path: Option<PathBuf>) -> PyResult<Self> {
        let read = path.map_or_else(|| Read::parse("", ""), Read::read);
        read.map(Self)
            .map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// Reads a file, and opens what it names but logs, which are not made either: it is told which could not be opened.
    #[staticmethod]
    #[pyo3(signature = (path, /))]
    fn check(path: PathBuf) -> PyResult<Self> {
        let read = Read::check(path);
        read.map(Self)
            .map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// What [`check`](Self::check) has read with its logs opened, to be served by.
    fn opened(&self) -> PyResult<Self> {
        let again = self.0.again();
        let again = again.map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(Self(self.0.followed_by(again)))
    }

    /// The same at other addresses.
    fn bind(&self, addresses: Vec<String>) -> PyResult<Self> {
        let addresses: Vec<_> = addresses.into_iter().map(Address::from).collect();
        for address in &addresses {
            let checked = address.check();
            checked.map_err(|error| PyValueError::new_err(error.to_string()))?;
        }
        Ok(Self(self.0.clone().bind(addresses)))
    }

    /// Whether all could be listened on, as far as that shows without doing so.
    fn bindable(&self, py: Python<'_>) -> PyResult<()> {
        let looked = py.detach(|| self.0.bindable());
        looked.map_err(PyOSError::new_err)
    }

    /// The same with TLS at all addresses where clients are: a chain of certificates and its key, of PEM.
    fn secured(&self, certificate: PathBuf, key: PathBuf) -> PyResult<Self> {
        let tls = Tls::pem_files(certificate, key);
        let tls = tls.map_err(|error| PyOSError::new_err(error.to_string()))?;
        Ok(Self(self.0.clone().secured(tls)))
    }

    /// Where is listened.
    #[getter]
    fn addresses(&self) -> Vec<String> {
        let all = self.0.addresses();
        all.map(|(address, _)| address.to_string()).collect()
    }

    /// The same for people.
    #[getter]
    fn described(&self) -> Vec<String> {
        let all = self.0.addresses();
        all.map(|(address, tls)| {
            let secured = if tls { " with TLS" } else { "" };
            format!("{address}{secured}")
        })
        .collect()
    }

    /// Where layers write logs, by the names that the command has for it: files, and `-` for the standard output.
    #[getter]
    fn logs(&self) -> Vec<PathBuf> {
        let files = self.0.log_files().map(Path::to_owned);
        let stdout = self.0.logs_to_stdout().then(|| PathBuf::from(STDOUT));
        files.chain(stdout).collect()
    }

    /// Variables for every environ.
    #[getter]
    fn environ(&self) -> Vec<(&str, &str)> {
        self.0.environ().collect()
    }

    /// What the file says of all that the command has options for, by their names; nothing of what it does not say.
    fn settings<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let said = PyDict::new(py);
        let app = self.0.app();
        let workers = self.0.workers();
        let set = |name: &str, value: Option<Bound<'py, PyAny>>| match value {
            Some(value) => said.set_item(name, value),
            None => Ok(()),
        };
        macro_rules! say {
            ($($name:literal: $value:expr,)*) => {
                $(set($name, $value.map(|value| value.into_pyobject(py).map(Bound::into_any)).transpose()?)?;)*
            };
        }
        let seconds = |of: std::time::Duration| of.as_secs_f64().min(LONGEST);
        say! {
            "app": app.wsgi.as_deref(),
            "chdir": app.chdir.as_deref(),
            "pythonpath": app.pythonpath.as_deref(),
            "threads": app.threads.map(Count::get),
            "queue": app.queue.map(Count::get),
            "queue_timeout": app.queue_timeout.map(seconds),
            "request_timeout": app.request_timeout.map(seconds),
            "max_spool": app.max_spool.map(Size::bytes),
            "workers": workers.count.map(Count::get),
            "timeout": workers.timeout.map(seconds),
            "start_timeout": workers.start_timeout.map(seconds),
            "max_requests": workers.max_requests,
            "max_requests_jitter": workers.max_requests_jitter,
            "max_worker_age": workers.max_age.map(seconds),
            "max_worker_memory": workers.max_memory.map(Size::bytes),
            "drain_timeout": Some(seconds(self.0.drain())),
        }
        if let Some(inline) = app.inline {
            said.set_item("inline", inline)?;
        }
        Ok(said)
    }

    /// The layers as a tower, a line each.
    fn __str__(&self) -> String {
        self.0.stack().to_string()
    }
}

/// What can be written in a file: all names, or the keys of one.
#[pyfunction]
#[pyo3(signature = (name=None, /))]
pub(crate) fn explained(name: Option<&str>) -> PyResult<String> {
    let Some(name) = name else {
        return Ok(overview());
    };
    let explained = explain(name).map_err(PyValueError::new_err)?;
    Ok(explained.to_string())
}
