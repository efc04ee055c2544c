//! One request through the application: called, iterated, closed.

use std::sync::Arc;

use bytes::Bytes;
use gopuram::Body;
use gopuram::middleware::attributes::RequestId;
use pyo3::exceptions::{PyException, PyTypeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyIterator, PyList, PyTuple};

use crate::application::{Application, Variables};
use crate::closing::{By, Close, Closing, close};
use crate::disconnected::Disconnected;
use crate::errors;
use crate::exchange::Sender;
use crate::file_wrapper::{FileWrapper, OnDisk};
use crate::forked::returned;
use crate::input::{Input, Source};
use crate::start::{Flow, Start, TOO_LONG};

/// A request that waits for the application.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) app: Arc<Application>,
    pub(crate) variables: Variables,
    pub(crate) source: Source,
    pub(crate) is_head: bool,
    pub(crate) sender: Sender,
}

/// A request that the application works on; dropped before its end it is closed.
#[derive(Debug)]
pub(crate) struct Run {
    variables: Variables,
    start: Py<Start>,
    input: Py<Input>,
    blocks: Option<Blocks>,
}

/// What the application returned.
#[derive(Debug)]
struct Blocks {
    iterable: Py<PyAny>,
    iterator: Option<Py<PyIterator>>,
    /// Says that it has one block.
    single: bool,
}

impl Run {
    /// Calls the application, and sends its answer if that is there as a whole.
    ///
    /// What is to be closed when it is sent is closed `by` them.
    pub(crate) fn begin(py: Python<'_>, job: Job, by: By<'_>) -> PyResult<Self> {
        let input = Py::new(py, Input::new(job.source, job.sender.watched()))?;
        let start = Py::new(py, Start::new(job.sender, job.is_head))?;
        let mut run = Self {
            variables: job.variables,
            start,
            input,
            blocks: None,
        };
        if let Err(error) = run.call(py, &job.app, by) {
            run.failed(py, &error);
        }
        if run.blocks.is_none() {
            run.end(py);
        }
        Ok(run)
    }

    /// Whether there is nothing left to do.
    pub(crate) const fn is_over(&self) -> bool {
        self.blocks.is_none()
    }

    fn call(&mut self, py: Python<'_>, app: &Application, by: By<'_>) -> PyResult<()> {
        let environ = self.variables.environ(py, app)?;
        environ.set_item(intern!(py, "wsgi.input"), &self.input)?;
        let start = self.start.bind(py);
        let start_response = start.getattr(intern!(py, "start_response"))?;
        let iterable = returned(py, app.callable.bind(py).call1((environ, start_response)))?;
        // It is never borrowed where Python is asked for anything, which another thread of the application might be let in by.
        let is_told = start.try_borrow()?.is_told();
        if is_told {
            let told = start.try_borrow()?.length();
            if let Some(body) = whole(told, &iterable) {
                return start.try_borrow_mut()?.whole(body);
            }
            if let Some((file, len)) = on_disk(told, &iterable) {
                let close = Close {
                    iterable: iterable.unbind(),
                    variables: self.variables.clone(),
                    watched: start.try_borrow()?.watched(),
                };
                let body = file.body(len, Closing::new(close, by));
                return start.try_borrow_mut()?.whole(body);
            }
        }
        self.blocks = Some(Blocks::of(iterable.clone(), None));
        if iterable.is_none() {
            return Err(PyTypeError::new_err(
                "the application returned None where an iterable must be",
            ));
        }
        let single = is_told && has_one(&iterable)?;
        let iterator = returned(py, iterable.try_iter())?;
        self.blocks = Some(Blocks {
            single,
            ..Blocks::of(iterable, Some(iterator.unbind()))
        });
        Ok(())
    }

    /// Asks for the next block and sends it; whether there is more to do.
    pub(crate) fn step(&mut self, py: Python<'_>) -> Flow {
        match self.next(py) {
            Ok(Flow::More) => return Flow::More,
            Ok(Flow::Enough) => {}
            Err(error) => self.failed(py, &error),
        }
        self.end(py);
        Flow::Enough
    }

    fn next(&self, py: Python<'_>) -> PyResult<Flow> {
        let Some(Blocks {
            iterator: Some(iterator),
            single,
            ..
        }) = &self.blocks
        else {
            return Ok(Flow::Enough);
        };
        let start = self.start.bind(py);
        // `write` may have sent as much as there will be.
        if start.try_borrow()?.is_ended() {
            return Ok(Flow::Enough);
        }
        let Some(block) = returned(py, iterator.bind(py).clone().next()) else {
            start.try_borrow_mut()?.end()?;
            return Ok(Flow::Enough);
        };
        let block = block?;
        let block = crate::file_wrapper::block(&block)?;
        let len = block.as_bytes().len() as u64;
        let mut told = start.try_borrow_mut()?;
        if len == 0 {
            let gone = told.is_gone();
            return Ok(if gone { Flow::Enough } else { Flow::More });
        }
        if *single {
            told.only(block);
        }
        let left = told.length();
        drop(told);
        if left.is_some_and(|left| left < len) {
            let request = self.variables.what();
            let request_id = self.variables.id().map(RequestId::as_str);
            py.detach(|| {
                tracing::error!(
                    request,
                    request_id,
                    "the application gave {TOO_LONG}; the rest was not sent"
                );
            });
        }
        Start::send(start, block)
    }

    /// Answers for an application that failed, and says so in the log.
    fn failed(&self, py: Python<'_>, error: &PyErr) {
        let start = self.start.bind(py);
        let is_gone = start.try_borrow().is_ok_and(|start| start.is_gone());
        if is_gone && error.is_instance_of::<Disconnected>(py) {
            // Ours, which is no news.
            let error = errors::line(error);
            py.detach(|| tracing::debug!(%error, "the application ended when the client had left"));
        } else {
            errors::log(py, error, "the application failed", &self.variables);
        }
        if let Ok(mut start) = start.try_borrow_mut() {
            start.fail();
        }
    }

    /// Says which request it was that panicked, and ends its answer.
    pub(crate) fn panicked(&self) {
        Python::try_attach(|py| {
            let request = self.what();
            py.detach(|| tracing::error!(request, "a request panicked"));
        });
        self.break_off();
    }

    /// Ends its answer, which the application may have kept, without an end.
    pub(crate) fn break_off(&self) {
        Python::try_attach(|py| {
            if let Ok(mut start) = self.start.bind(py).try_borrow_mut() {
                start.fail();
            }
        });
    }

    /// What was asked for, as the log has it.
    pub(crate) fn what(&self) -> String {
        self.variables.what()
    }

    /// Lets go of the request, and closes what the application returned, once.
    fn end(&mut self, py: Python<'_>) {
        // Another thread of the application may be reading, against the rules; then it is let go of when that ends.
        if let Ok(mut input) = self.input.bind(py).try_borrow_mut() {
            input.end();
        }
        if let Some(blocks) = self.blocks.take() {
            let iterable = blocks.iterable.into_bound(py);
            // A list and a tuple have nothing to close.
            if !is_sequence(&iterable) {
                close(&iterable, &self.variables);
            }
        }
        errors::flush(py);
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.panicked();
        }
        if self.blocks.is_some() {
            // An interpreter that is being taken down closes nothing any more.
            Python::try_attach(|py| self.end(py));
        }
    }
}

impl Blocks {
    fn of(iterable: Bound<'_, PyAny>, iterator: Option<Py<PyIterator>>) -> Self {
        Self {
            iterable: iterable.unbind(),
            iterator,
            single: false,
        }
    }
}

/// Exactly a list or a tuple, which hold what they give.
fn is_sequence(iterable: &Bound<'_, PyAny>) -> bool {
    iterable.is_exact_instance_of::<PyList>() || iterable.is_exact_instance_of::<PyTuple>()
}

/// Whether it says that it has one block; who cannot say so just is asked for all there are.
fn has_one(iterable: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = iterable.py();
    match returned(py, iterable.len()) {
        Err(error) if !error.is_instance_of::<PyException>(py) => Err(error),
        len => Ok(len.is_ok_and(|len| len == 1)),
    }
}

/// The body, if all of it is there, and it is as long as was told.
fn whole(told: Option<u64>, iterable: &Bound<'_, PyAny>) -> Option<Body> {
    let body = if let Ok(list) = iterable.cast_exact::<PyList>() {
        gathered(list.iter())?
    } else if let Ok(tuple) = iterable.cast_exact::<PyTuple>() {
        gathered(tuple.iter())?
    } else {
        return None;
    };
    let exact = http_body::Body::size_hint(&body).exact();
    (told.is_none() || told == exact).then_some(body)
}

/// The file to be sent as it is, and how much of it, if it is one on disk and has what was told.
fn on_disk(told: Option<u64>, iterable: &Bound<'_, PyAny>) -> Option<(OnDisk, u64)> {
    let file = iterable.cast_exact::<FileWrapper>().ok()?;
    let file = file.get().on_disk(iterable.py())?;
    let len = told.unwrap_or(file.len());
    (len <= file.len()).then_some((file, len))
}

/// All blocks, if they are bytes.
fn gathered<'py>(items: impl ExactSizeIterator<Item = Bound<'py, PyAny>>) -> Option<Body> {
    let count = items.len();
    let mut chunks: Vec<Bytes> = Vec::new();
    for item in items {
        let block = item.cast_into::<PyBytes>().ok()?;
        let bytes = crate::start::bytes(&block, None);
        if count == 1 {
            return Some(Body::from(bytes));
        }
        chunks.push(bytes);
    }
    Some(Body::chunks(chunks))
}
