//! `start_response` and `write`: what an application may say, and when.

use bytes::Bytes;
use gopuram::Body;
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyTuple};

use crate::disconnected::Disconnected;
use crate::exchange::{Refusal, Sender, Watched};
use crate::forked::end_if_forked;
use crate::head::Head;

/// From this size on a block is sent from where Python has it; giving it back later costs more than to copy a smaller one.
const BORROWED: usize = 16 * 1024;

/// The state of one answer.
///
/// Nothing is sent before the first block that is not empty, the first `write`, or the end: until then the head may be replaced.
#[pyclass(module = "gopuram")]
#[derive(Debug)]
pub(crate) struct Start {
    sender: Sender,
    /// The request is a `HEAD`.
    headless: bool,
    called: bool,
    /// The answer has no content: what is written is swallowed.
    silent: bool,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// Not told, or not acceptably.
    Nothing,
    Told(Head),
    /// The head is sent; how many bytes are to come, if that was told.
    Sent(Option<u64>),
    /// All is sent that ever will be.
    Ended,
}

/// What to do next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Flow {
    /// Ask for the next block.
    More,
    /// As much was sent as will be.
    Enough,
}

impl Start {
    pub(crate) const fn new(sender: Sender, is_head: bool) -> Self {
        Self {
            sender,
            headless: is_head,
            called: false,
            silent: false,
            stage: Stage::Nothing,
        }
    }

    /// Whether nobody wants the answer any longer.
    pub(crate) fn is_gone(&self) -> bool {
        self.sender.is_gone()
    }

    /// The answer for who watches it.
    pub(crate) fn watched(&self) -> Watched {
        self.sender.watched()
    }

    /// Whether nothing more will be sent.
    pub(crate) const fn is_ended(&self) -> bool {
        matches!(self.stage, Stage::Ended)
    }

    /// Whether the head is on its way, so that it is too late for another.
    pub(crate) const fn is_sent(&self) -> bool {
        matches!(self.stage, Stage::Sent(_) | Stage::Ended)
    }

    /// The head that was told, if it was not sent yet.
    fn take_head(&mut self) -> PyResult<Head> {
        match std::mem::replace(&mut self.stage, Stage::Nothing) {
            Stage::Told(head) => Ok(head),
            _ => Err(PyRuntimeError::new_err(
                "the application did not call start_response, or not acceptably",
            )),
        }
    }

    /// Sends a block, for which there is room sooner or later; of one that is longer than was told, what was.
    ///
    /// Who waits holds nothing: another thread of the application may write meanwhile, or end the answer.
    pub(crate) fn send(slf: &Bound<'_, Self>, block: &Bound<'_, PyBytes>) -> PyResult<Flow> {
        loop {
            let mut me = slf.try_borrow_mut()?;
            let left = me.length();
            if let Some(flow) = me.offer(block, left)? {
                return Ok(flow);
            }
            let sent = me.watched();
            drop(me);
            sent.wait(slf.py(), sendable(block, left));
        }
    }

    /// Sends a block if there is room for it.
    fn offer(&mut self, block: &Bound<'_, PyBytes>, left: Option<u64>) -> PyResult<Option<Flow>> {
        match self.stage {
            Stage::Ended => return Ok(Some(Flow::Enough)),
            Stage::Sent(_) => {}
            Stage::Nothing | Stage::Told(_) => {
                let head = self.take_head()?;
                return Ok(Some(self.open(head, block)));
            }
        }
        match self.sender.push(bytes(block, left)) {
            Ok(()) => {}
            Err(Refusal::NotYet) => return Ok(None),
            Err(Refusal::Gone) => {
                self.stage = Stage::Ended;
                return Ok(Some(Flow::Enough));
            }
            Err(Refusal::Full) => {
                return Err(PyRuntimeError::new_err(
                    "too much was written: a server of one thread cannot send it meanwhile",
                ));
            }
        }
        let len = block.as_bytes().len() as u64;
        Ok(Some(self.go_on(left.map(|left| left.saturating_sub(len)))))
    }

    /// Sends the head with the first block.
    fn open(&mut self, head: Head, block: &Bound<'_, PyBytes>) -> Flow {
        if self.headless || !head.has_content() {
            self.silent = true;
            self.stage = Stage::Ended;
            self.sender.whole(head.with(Body::empty()));
            return Flow::Enough;
        }
        let len = block.as_bytes().len() as u64;
        let length = head.length;
        let first = bytes(block, length);
        if length.is_some_and(|length| length <= len) {
            self.stage = Stage::Ended;
            self.sender.whole(head.with(Body::from(first)));
            return Flow::Enough;
        }
        self.sender.begin(head.response(), first);
        self.go_on(length.map(|length| length.saturating_sub(len)))
    }

    fn go_on(&mut self, left: Option<u64>) -> Flow {
        if left == Some(0) {
            self.stage = Stage::Ended;
            self.sender.finish();
            return Flow::Enough;
        }
        self.stage = Stage::Sent(left);
        Flow::More
    }

    /// Sends a body that is there as a whole, if that is still possible; its length is told unless the application did.
    pub(crate) fn whole(&mut self, body: Body) -> PyResult<()> {
        let mut head = self.take_head()?;
        let exact = http_body::Body::size_hint(&body).exact();
        if let (None, Some(exact), true) = (head.length, exact, head.has_content()) {
            head.tell_length(exact);
        }
        self.stage = Stage::Ended;
        self.sender.whole(head.with(body));
        Ok(())
    }

    /// Tells the length of the only block there is, unless the application told one.
    pub(crate) fn only(&mut self, block: &Bound<'_, PyBytes>) {
        if let Stage::Told(head) = &mut self.stage
            && head.length.is_none()
            && head.has_content()
        {
            head.tell_length(block.as_bytes().len() as u64);
        }
    }

    /// How many bytes were told and are not sent.
    pub(crate) const fn length(&self) -> Option<u64> {
        match &self.stage {
            Stage::Told(head) => head.length,
            Stage::Sent(left) => *left,
            _ => None,
        }
    }

    /// Whether the head was told and not sent.
    pub(crate) const fn is_told(&self) -> bool {
        matches!(self.stage, Stage::Told(_))
    }

    /// The application has no more blocks; whether any were missing.
    pub(crate) fn end(&mut self) -> PyResult<()> {
        match self.stage {
            Stage::Ended => return Ok(()),
            Stage::Sent(None) => self.sender.finish(),
            Stage::Sent(Some(_)) => return Err(too_little()),
            Stage::Nothing | Stage::Told(_) => {
                let head = self.take_head()?;
                let lacks = !self.headless && head.has_content();
                match head.length {
                    Some(length) if length > 0 && lacks => {
                        self.sender.begin(head.response(), Bytes::new());
                        self.stage = Stage::Sent(Some(length));
                        return Err(too_little());
                    }
                    None if lacks => {
                        let mut head = head;
                        head.tell_length(0);
                        self.sender.whole(head.with(Body::empty()));
                    }
                    _ => self.sender.whole(head.with(Body::empty())),
                }
            }
        }
        self.stage = Stage::Ended;
        Ok(())
    }

    /// The application failed: 500 if it is not too late, else the answer breaks off.
    pub(crate) fn fail(&mut self) {
        match self.stage {
            Stage::Ended => return,
            Stage::Sent(_) => self.sender.fail("the application failed"),
            Stage::Nothing | Stage::Told(_) => self.sender.whole(crate::answer::failed()),
        }
        self.stage = Stage::Ended;
    }
}

/// Told in the log before the answer [breaks off](Start::fail): who is left behind has left then.
#[cold]
fn too_little() -> PyErr {
    PyValueError::new_err("the application gave less than its Content-Length")
}

/// How much of a block is sent, no more than `most`.
fn sendable(block: &Bound<'_, PyBytes>, most: Option<u64>) -> usize {
    let most = most.and_then(|most| usize::try_from(most).ok());
    block.as_bytes().len().min(most.unwrap_or(usize::MAX))
}

/// The bytes of a block, no more than `most`.
pub(crate) fn bytes(block: &Bound<'_, PyBytes>, most: Option<u64>) -> Bytes {
    let all = block.as_bytes();
    let len = sendable(block, most);
    if len < BORROWED {
        return Bytes::copy_from_slice(all.get(..len).unwrap_or(all));
    }
    let mut bytes = Bytes::from_owner(PyBackedBytes::from(block.clone()));
    bytes.truncate(len);
    bytes
}

#[pymethods]
impl Start {
    /// Tells the status and the headers, or others if there was an error and the first are not sent yet.
    #[pyo3(signature = (status, headers, exc_info=None, /))]
    fn start_response<'py>(
        slf: &Bound<'py, Self>,
        status: &Bound<'py, PyAny>,
        headers: &Bound<'py, PyAny>,
        exc_info: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let mut me = slf.try_borrow_mut()?;
        if let Some(exc_info) = exc_info {
            let exc_info = exc_info.cast::<PyTuple>().map_err(|_| {
                PyTypeError::new_err("exc_info must be the tuple of sys.exc_info(), or None")
            })?;
            if me.is_sent() {
                drop(me);
                return Err(raised(exc_info)?);
            }
        } else if me.called {
            return Err(PyRuntimeError::new_err(
                "start_response was called before, and there is no exc_info",
            ));
        }
        me.called = true;
        me.stage = Stage::Nothing;
        drop(me);
        // What is said of a mistake is asked of the application's objects.
        let head = Head::of(status, headers)?;
        let mut me = slf.try_borrow_mut()?;
        if me.is_sent() {
            return Err(PyRuntimeError::new_err(
                "the answer was sent while start_response was called",
            ));
        }
        me.stage = Stage::Told(head);
        drop(me);
        slf.getattr(intern!(slf.py(), "write"))
    }

    /// Sends a block at once, before those that the application returns.
    #[pyo3(signature = (data, /))]
    fn write(slf: &Bound<'_, Self>, data: &Bound<'_, PyAny>) -> PyResult<()> {
        end_if_forked(slf.py());
        let block = crate::file_wrapper::block(data)?;
        let me = slf.try_borrow()?;
        if block.as_bytes().is_empty() {
            return Ok(());
        }
        if matches!(me.stage, Stage::Ended) {
            if me.silent {
                return Ok(());
            }
            let gone = me.sender.is_gone();
            return Err(if gone {
                Disconnected::new_err("the client has left")
            } else {
                PyValueError::new_err(TOO_LONG)
            });
        }
        let left = me.length();
        drop(me);
        Self::send(slf, block)?;
        if left.is_some_and(|left| left < block.as_bytes().len() as u64) {
            return Err(PyValueError::new_err(TOO_LONG));
        }
        Ok(())
    }
}

/// What is raised where more is written than was told.
pub(crate) const TOO_LONG: &str = "more than the Content-Length that was told";

/// The error of `exc_info`, as it was raised; no reference to it is kept.
fn raised(exc_info: &Bound<'_, PyTuple>) -> PyResult<PyErr> {
    let (_, value, traceback) =
        exc_info.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>, Bound<'_, PyAny>)>()?;
    value.setattr(intern!(value.py(), "__traceback__"), traceback)?;
    Ok(PyErr::from_value(value))
}
