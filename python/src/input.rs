//! `wsgi.input`: the body of a request as a file.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{BufRead as _, BufReader, Read as _};
use std::pin::Pin;

use bytes::{Buf as _, Bytes, BytesMut};
use gopuram::Body;
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use tokio::runtime::Handle;

use crate::disconnected::Disconnected;
use crate::exchange::Watched;
use crate::forked::end_if_forked;

/// Where the bytes of a body are.
#[derive(Debug)]
pub(crate) enum Source {
    /// All here.
    Pieces(Pieces),
    /// In a temporary file, read from the beginning.
    File(BufReader<std::fs::File>),
    /// Still with the client.
    Stream(Stream),
    /// It broke off, and why.
    Broken(String),
    /// A part of it was read, and could not be given.
    Lost,
    /// The request is over.
    Over,
}

/// A body as it came, copied once: to the bytes that the application is given.
#[derive(Debug, Default)]
pub(crate) struct Pieces(VecDeque<Bytes>);

impl From<Bytes> for Pieces {
    fn from(bytes: Bytes) -> Self {
        let mut pieces = Self::default();
        pieces.push(bytes);
        pieces
    }
}

impl Pieces {
    fn push(&mut self, piece: Bytes) {
        if !piece.is_empty() {
            self.0.push_back(piece);
        }
    }

    fn read<'py>(&mut self, py: Python<'py>, until: Until) -> PyResult<Bound<'py, PyBytes>> {
        let mut len = 0;
        for piece in &self.0 {
            let (taken, ends) = until.take(len, piece);
            len += taken;
            if ends {
                break;
            }
        }
        if let Some(piece) = self.0.front_mut().filter(|piece| piece.len() >= len) {
            let read = bytes(py, piece.get(..len).unwrap_or(piece))?;
            piece.advance(len);
            if piece.is_empty() {
                self.0.pop_front();
            }
            return Ok(read);
        }
        PyBytes::new_with_writer(py, len, |out| {
            let mut left = len;
            while let Some(piece) = self.0.front_mut().filter(|_| left > 0) {
                let now = piece.split_to(piece.len().min(left));
                out.write_bytes(&now)?;
                left -= now.len();
                if piece.is_empty() {
                    self.0.pop_front();
                }
            }
            Ok(())
        })
    }
}

/// Of what size pieces are kept as they came: smaller ones would each hold the buffer that they were read to.
const LARGE: usize = 16 * 1024;

/// How much is read outside of Python at once: what is longer is collected by Python, which says so if there is no memory for it.
const PART: usize = 1024 * 1024;

/// A body that is coming.
#[derive(Debug, Default)]
pub(crate) struct Coming {
    pieces: Pieces,
    small: BytesMut,
}

impl Coming {
    pub(crate) fn push(&mut self, piece: Bytes) {
        if piece.len() < LARGE {
            self.small.extend_from_slice(&piece);
        } else {
            self.pieces.push(self.small.split().freeze());
            self.pieces.push(piece);
        }
    }

    pub(crate) fn whole(mut self) -> Pieces {
        self.pieces.push(self.small.freeze());
        self.pieces
    }
}

/// A body that is read as the application wants it.
#[derive(Debug)]
pub(crate) struct Stream {
    body: Body,
    /// Of the runtime whose timers the body needs.
    runtime: Handle,
    /// What came and was not read.
    here: Bytes,
}

impl Stream {
    /// Must be called within a runtime that another thread drives than the one that reads.
    pub(crate) fn new(body: Body) -> Self {
        Self {
            body,
            runtime: Handle::current(),
            here: Bytes::new(),
        }
    }

    /// Waits for there to be bytes here; none at the end.
    fn fill(&mut self) -> Result<&mut Bytes, String> {
        while self.here.is_empty() {
            let body = &mut self.body;
            let next = poll_fn(|cx| http_body::Body::poll_frame(Pin::new(&mut *body), cx));
            match self.runtime.block_on(next) {
                None => break,
                Some(Ok(frame)) => self.here = frame.into_data().unwrap_or_default(),
                Some(Err(error)) => {
                    let cause = std::error::Error::source(&error);
                    let cause = cause.map_or(String::new(), |cause| format!(": {cause}"));
                    return Err(format!("{error}{cause}"));
                }
            }
        }
        Ok(&mut self.here)
    }
}

/// Until where to read.
#[derive(Clone, Copy, Debug)]
struct Until {
    most: usize,
    line: bool,
}

impl Until {
    /// How many of these bytes belong to it, and whether it ends with them.
    fn take(self, read: usize, here: &[u8]) -> (usize, bool) {
        let most = here.len().min(self.most.saturating_sub(read));
        let here = here.get(..most).unwrap_or(here);
        if self.line
            && let Some(end) = here.iter().position(|byte| *byte == b'\n')
        {
            return (end + 1, true);
        }
        (most, read + most >= self.most)
    }

    /// The next part of it, of which so much was read.
    fn part(self, read: usize) -> Self {
        Self {
            most: self.most.saturating_sub(read).min(PART),
            ..self
        }
    }

    /// Whether it ends with this, which was all of it that could be read.
    fn ends(self, read: &[u8]) -> bool {
        read.len() < self.most || self.line && read.ends_with(b"\n")
    }
}

impl Source {
    /// How many bytes are in memory.
    pub(crate) fn here(&self) -> usize {
        match self {
            Self::Pieces(pieces) => pieces.0.iter().map(Bytes::len).sum(),
            _ => 0,
        }
    }

    /// Reads until there what has to be waited for, no more than [`PART`]; less only at the end of the body.
    fn read(&mut self, until: Until) -> Result<Bytes, String> {
        match self {
            Self::File(file) => read_file(file, until).map_err(|error| error.to_string()),
            Self::Stream(stream) => {
                let mut read = Vec::new();
                loop {
                    let here = match stream.fill() {
                        Ok(here) => here,
                        Err(why) => {
                            *self = Self::Broken(why.clone());
                            return Err(why);
                        }
                    };
                    let (taken, ends) = until.take(read.len(), here);
                    if read.is_empty() && ends {
                        return Ok(here.split_to(taken));
                    }
                    read.extend_from_slice(here.get(..taken).unwrap_or(here));
                    here.advance(taken);
                    if ends || taken == 0 {
                        return Ok(read.into());
                    }
                }
            }
            Self::Broken(why) => Err(why.clone()),
            Self::Lost => Err("a part of the body was read and could not be given".to_owned()),
            Self::Over | Self::Pieces(_) => Ok(Bytes::new()),
        }
    }
}

fn read_file(file: &mut BufReader<std::fs::File>, until: Until) -> std::io::Result<Bytes> {
    let mut read = Vec::new();
    let mut part = file.take(until.most as u64);
    if until.line {
        part.read_until(b'\n', &mut read)?;
    } else {
        part.read_to_end(&mut read)?;
    }
    Ok(read.into())
}

/// The body of a request.
///
/// It ends where the body does, whatever is asked for. A body that broke off is an `OSError`, not an end.
#[pyclass(module = "gopuram")]
#[derive(Debug)]
pub(crate) struct Input {
    source: Source,
    /// What it waits for is not the application's doing.
    watched: Watched,
}

impl Input {
    pub(crate) const fn new(source: Source, watched: Watched) -> Self {
        Self { source, watched }
    }

    /// Lets go of the body: the connection waits for that.
    pub(crate) fn end(&mut self) {
        self.source = Source::Over;
    }

    fn get<'py>(
        &mut self,
        py: Python<'py>,
        size: Option<isize>,
        line: bool,
    ) -> PyResult<Bound<'py, PyBytes>> {
        // Negative is everything, as for every file.
        let most = size.and_then(|size| usize::try_from(size).ok());
        let until = Until {
            most: most.unwrap_or(usize::MAX),
            line,
        };
        if until.most == 0 {
            return Ok(PyBytes::new(py, b""));
        }
        match &mut self.source {
            Source::Over => return Err(PyValueError::new_err("the request is over")),
            Source::Pieces(pieces) => return pieces.read(py, until),
            _ => {}
        }
        let read = self.gather(py, until);
        if read.is_err() && !matches!(self.source, Source::Broken(_)) {
            // What is left must not be taken for all.
            self.source = Source::Lost;
        }
        read
    }

    /// Reads part by part; the memory for what is long grows with what has come, whatever the client says that will.
    fn gather<'py>(&mut self, py: Python<'py>, until: Until) -> PyResult<Bound<'py, PyBytes>> {
        let part = self.part(py, until.part(0))?;
        let first = bytes(py, &part)?;
        let mut len = part.len();
        if until.part(0).ends(&part) || len >= until.most {
            return Ok(first);
        }
        drop(part);
        let all = py.import(intern!(py, "io"))?;
        let all = all.call_method0(intern!(py, "BytesIO"))?;
        all.call_method1(intern!(py, "write"), (first,))?;
        loop {
            let next = until.part(len);
            let part = self.part(py, next)?;
            all.call_method1(intern!(py, "write"), (bytes(py, &part)?,))?;
            len = len.saturating_add(part.len());
            if next.ends(&part) || len >= until.most {
                break;
            }
        }
        // Not a copy.
        let all = all.call_method0(intern!(py, "getvalue"))?;
        Ok(all.cast_into()?)
    }

    fn part(&mut self, py: Python<'_>, until: Until) -> PyResult<Bytes> {
        end_if_forked(py);
        let (watched, source) = (&self.watched, &mut self.source);
        py.detach(|| watched.read(|| source.read(until)))
            .map_err(|why| {
                if matches!(self.source, Source::Broken(_)) {
                    Disconnected::new_err(why)
                } else {
                    PyOSError::new_err(why)
                }
            })
    }
}

/// Bytes for Python, or a `MemoryError`: `PyBytes::new` panics.
fn bytes<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    PyBytes::new_with_writer(py, bytes.len(), |out| out.write_bytes(bytes))
}

#[pymethods]
impl Input {
    /// Reads so many bytes, or all that are left; fewer only at the end.
    #[pyo3(signature = (size=None, /))]
    fn read<'py>(&mut self, py: Python<'py>, size: Option<isize>) -> PyResult<Bound<'py, PyBytes>> {
        self.get(py, size, false)
    }

    /// Reads a line, or so many bytes of it.
    #[pyo3(signature = (size=None, /))]
    fn readline<'py>(
        &mut self,
        py: Python<'py>,
        size: Option<isize>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        self.get(py, size, true)
    }

    /// Reads all lines, or as many as have so many bytes together.
    #[pyo3(signature = (hint=None, /))]
    fn readlines<'py>(
        &mut self,
        py: Python<'py>,
        hint: Option<isize>,
    ) -> PyResult<Bound<'py, PyList>> {
        let enough = hint.and_then(|hint| usize::try_from(hint).ok());
        let enough = enough.filter(|enough| *enough > 0).unwrap_or(usize::MAX);
        let lines = PyList::empty(py);
        let mut read = 0_usize;
        while read < enough {
            let line = self.get(py, None, true)?;
            let len = line.as_bytes().len();
            if len == 0 {
                break;
            }
            read = read.saturating_add(len);
            lines.append(line)?;
        }
        Ok(lines)
    }

    const fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__<'py>(&mut self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let line = self.get(py, None, true)?;
        Ok((!line.as_bytes().is_empty()).then_some(line))
    }
}
