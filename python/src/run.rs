//! One request through the application: called, iterated, closed.

use std::sync::Arc;

use bytes::Bytes;
use gopuram::Body;
use gopuram::middleware::attributes::RequestId;
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyIterator, PyList, PyTuple};

use crate::application::{Application, Variables};
use crate::closing::{By, Close, Closing, close};
use crate::errors;
use crate::exchange::Sender;
use crate::file_wrapper::{FileWrapper, OnDisk};
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
        let iterable = app.callable.bind(py).call1((environ, start_response))?;
        if let Some(body) = whole(start, &iterable) {
            return start.borrow_mut().whole(body);
        }
        if let Some((file, len)) = on_disk(start, &iterable) {
            let close = Close {
                iterable: iterable.unbind(),
                variables: self.variables.clone(),
                watched: start.borrow().watched(),
            };
            let body = file.body(len, Closing::new(close, by));
            return start.borrow_mut().whole(body);
        }
        self.blocks = Some(Blocks::of(iterable.clone(), None));
        if iterable.is_none() {
            return Err(PyTypeError::new_err(
                "the application returned None where an iterable must be",
            ));
        }
        let single = start.borrow().is_told() && iterable.len().is_ok_and(|len| len == 1);
        let iterator = iterable.try_iter()?;
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
        if start.borrow().is_ended() {
            return Ok(Flow::Enough);
        }
        let Some(block) = iterator.bind(py).clone().next() else {
            start.borrow_mut().end()?;
            return Ok(Flow::Enough);
        };
        let block = block?;
        let block = crate::file_wrapper::block(&block)?;
        let len = block.as_bytes().len() as u64;
        let mut start = start.borrow_mut();
        if len == 0 {
            let gone = start.is_gone();
            return Ok(if gone { Flow::Enough } else { Flow::More });
        }
        if *single {
            start.only(block);
        }
        if start.length().is_some_and(|left| left < len) {
            tracing::error!(
                request = self.variables.what(),
                request_id = self.variables.id().map(RequestId::as_str),
                "the application gave {TOO_LONG}; the rest was not sent"
            );
        }
        start.send(py, block)
    }

    /// Answers for an application that failed, and says so in the log.
    fn failed(&self, py: Python<'_>, error: &PyErr) {
        let mut start = self.start.bind(py).borrow_mut();
        if start.is_gone() {
            tracing::debug!(%error, "the application failed when the client had left");
        } else {
            errors::log(py, error, "the application failed", &self.variables);
        }
        start.fail();
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

/// The body, if all of it is there and nothing was sent yet, and it is as long as was told.
fn whole(start: &Bound<'_, Start>, iterable: &Bound<'_, PyAny>) -> Option<Body> {
    let start = start.borrow();
    if !start.is_told() {
        return None;
    }
    let told = start.length();
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

/// The file to be sent as it is, and how much of it, if it is one on disk, nothing was sent yet, and it has what was told.
fn on_disk(start: &Bound<'_, Start>, iterable: &Bound<'_, PyAny>) -> Option<(OnDisk, u64)> {
    let file = iterable.cast_exact::<FileWrapper>().ok()?;
    let start = start.borrow();
    if !start.is_told() {
        return None;
    }
    let told = start.length();
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
