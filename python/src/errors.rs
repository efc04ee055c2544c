//! `wsgi.errors`: what an application has to say to its operator.

use std::cell::RefCell;
use std::io::Write as _;

use gopuram::middleware::attributes::RequestId;
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::application::Variables;

/// From this length on a line is written though it has no end yet.
const LONG: usize = 64 * 1024;

thread_local! {
    /// What has no end of line yet: threads do not write into each other's lines.
    static BEGUN: RefCell<String> = const { RefCell::new(String::new()) };
}

/// The standard error, line by line.
#[pyclass(module = "gopuram", frozen)]
#[derive(Debug, Default)]
pub(crate) struct Errors;

#[pymethods]
#[expect(clippy::unused_self, reason = "Python calls them as methods")]
impl Errors {
    /// Writes text; what is no character is written as its escape.
    #[pyo3(signature = (text, /))]
    fn write(&self, text: &Bound<'_, PyAny>) -> PyResult<usize> {
        let Ok(text) = text.cast::<PyString>() else {
            let name = text.get_type().qualname()?;
            return Err(PyTypeError::new_err(format!("write takes str, not {name}")));
        };
        let py = text.py();
        if let Ok(utf8) = text.to_str() {
            add(py, utf8);
        } else {
            // Half of a surrogate pair.
            let bytes = text.call_method1(
                intern!(py, "encode"),
                (intern!(py, "utf-8"), intern!(py, "backslashreplace")),
            )?;
            add(py, &String::from_utf8_lossy(bytes.extract::<&[u8]>()?));
        }
        text.len()
    }

    /// Writes several texts.
    #[pyo3(signature = (lines, /))]
    fn writelines(&self, lines: &Bound<'_, PyAny>) -> PyResult<()> {
        for line in lines.try_iter()? {
            self.write(&line?)?;
        }
        Ok(())
    }

    /// Writes what has no end of line yet.
    fn flush(&self, py: Python<'_>) {
        flush(py);
    }
}

fn add(py: Python<'_>, text: &str) {
    let whole = BEGUN.with_borrow_mut(|begun| {
        begun.push_str(text);
        let end = if begun.len() >= LONG {
            Some(begun.len())
        } else {
            begun.rfind('\n').map(|end| end + 1)
        };
        let rest = begun.split_off(end?);
        Some(std::mem::replace(begun, rest))
    });
    if let Some(whole) = whole {
        emit(py, &whole);
    }
}

/// Writes what this thread began and did not end.
pub(crate) fn flush(py: Python<'_>) {
    let begun = BEGUN.take();
    if !begun.is_empty() {
        emit(py, &begun);
    }
}

/// In one piece, so that lines of several threads and processes stay whole; who cannot be told is not told.
pub(crate) fn emit(py: Python<'_>, text: &str) {
    py.detach(|| {
        let mut stderr = std::io::stderr().lock();
        drop(stderr.write_all(text.as_bytes()));
    });
}

/// Logs an error of the application, and writes its traceback below: a line of a log has no lines in it.
pub(crate) fn log(py: Python<'_>, error: &PyErr, what: &'static str, asked: &Variables) {
    flush(py);
    let (request, request_id) = (asked.what(), asked.id().map(RequestId::as_str));
    tracing::error!(request, request_id, %error, "{what}");
    trace(py, error);
}

/// Writes the traceback of an error.
pub(crate) fn trace(py: Python<'_>, error: &PyErr) {
    if let Ok(traceback) = traceback(py, error) {
        emit(py, &traceback);
    }
}

fn traceback(py: Python<'_>, error: &PyErr) -> PyResult<String> {
    let lines = py.import(intern!(py, "traceback"))?.call_method1(
        intern!(py, "format_exception"),
        (error.get_type(py), error.value(py), error.traceback(py)),
    )?;
    PyString::new(py, "")
        .call_method1(intern!(py, "join"), (lines,))?
        .extract()
}
