//! `wsgi.errors`: what an application has to say to its operator.

use std::borrow::Cow;
use std::cell::RefCell;

use gopuram::middleware::attributes::RequestId;
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::application::Variables;
use crate::forked::returned;
use crate::stderr;

/// From this length on a line is written though it has no end yet.
const LONG: usize = 64 * 1024;

thread_local! {
    /// What has no end of line yet: threads do not write into each other's lines.
    static BEGUN: RefCell<Begun> = const { RefCell::new(Begun(String::new())) };
}

/// What a thread began, which is written when it ends, at the latest.
#[derive(Debug)]
struct Begun(String);

impl Drop for Begun {
    fn drop(&mut self) {
        // The thread has let go of the interpreter before.
        stderr::put(self.0.as_bytes());
    }
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
        add(text.py(), &readable(text)?);
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
    let whole = BEGUN.with_borrow_mut(|Begun(begun)| {
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
    let begun = BEGUN.with_borrow_mut(|Begun(begun)| std::mem::take(begun));
    if !begun.is_empty() {
        emit(py, &begun);
    }
}

/// In one piece, so that lines of several threads and processes stay whole.
pub(crate) fn emit(py: Python<'_>, text: &str) {
    py.detach(|| stderr::put(text.as_bytes()));
}

/// Logs an error of the application, and writes its traceback below: a line of a log has no lines in it.
pub(crate) fn log(py: Python<'_>, error: &PyErr, what: &'static str, asked: &Variables) {
    flush(py);
    let (request, request_id) = (asked.what(), asked.id().map(RequestId::as_str));
    tell(py, error, |told| {
        tracing::error!(request, request_id, error = %told, "{what}");
    });
}

/// Has an error told in one line, and writes its traceback below.
pub(crate) fn tell(py: Python<'_>, error: &PyErr, say: impl FnOnce(&str) + Send) {
    let (told, traceback) = returned(py, (line(error), traceback(py, error)));
    let traceback = traceback
        .unwrap_or_else(|problem| format!("Its traceback cannot be had: {}\n", line(&problem)));
    // Who reads the log may need the interpreter.
    py.detach(|| {
        say(&told);
        stderr::put(traceback.as_bytes());
    });
}

fn traceback(py: Python<'_>, error: &PyErr) -> PyResult<String> {
    let lines = py.import(intern!(py, "traceback"))?.call_method1(
        intern!(py, "format_exception"),
        (error.get_type(py), error.value(py), error.traceback(py)),
    )?;
    below(&lines)
}

/// An error in one line.
pub(crate) fn line(error: &PyErr) -> String {
    escaped(&error.to_string(), |_| false)
}

/// Lines of Python's `traceback` for below one of the log, of which none begins as one of the log does, with a time.
pub(crate) fn below(lines: &Bound<'_, PyAny>) -> PyResult<String> {
    let mut text = String::new();
    for lines in lines.try_iter()? {
        for line in readable(lines?.cast::<PyString>()?)?.split_inclusive('\n') {
            if line.starts_with(|first: char| first.is_ascii_digit()) {
                text.push_str("    ");
            }
            text.push_str(&escaped(line, |c| matches!(c, '\n' | '\t')));
        }
    }
    Ok(text)
}

/// Without what would end a line, or change on a screen what was written before.
fn escaped(text: &str, keeps: impl Fn(char) -> bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        let harms = c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
        if harms && !keeps(c) {
            escaped.extend(c.escape_default());
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// Text of Python's in UTF-8, halves of surrogate pairs as their escapes.
fn readable<'a>(text: &'a Bound<'_, PyString>) -> PyResult<Cow<'a, str>> {
    if let Ok(utf8) = text.to_str() {
        return Ok(Cow::Borrowed(utf8));
    }
    let py = text.py();
    let bytes = text.call_method1(
        intern!(py, "encode"),
        (intern!(py, "utf-8"), intern!(py, "backslashreplace")),
    )?;
    let utf8 = String::from_utf8_lossy(bytes.extract::<&[u8]>()?).into_owned();
    Ok(Cow::Owned(utf8))
}
