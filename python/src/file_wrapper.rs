//! `wsgi.file_wrapper`: a file as a response, handed to the server as such where it is one.

use std::fs::File;
use std::io;
use std::os::fd::{BorrowedFd, RawFd};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use bytes::Bytes;
use gopuram::Body;
use gopuram::middleware::body::{FileRegion, Read, ReadAt};
use pyo3::exceptions::{PyAttributeError, PyTypeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use pyo3::{PyTraverseError, PyVisit};

use crate::closing::Closing;

/// How much is read at once, if nothing else was said.
const BLOCK: usize = 64 * 1024;

/// What an application returns in place of an iterable: a file, read block by block.
///
/// A file on disk, opened to be read as bytes and not yet iterated, is sent by the server itself, from where it stands to its end or
/// to the `Content-Length`. Everything else is iterated.
#[pyclass(module = "gopuram", frozen)]
#[derive(Debug)]
pub(crate) struct FileWrapper {
    filelike: Py<PyAny>,
    block: usize,
}

#[pymethods]
impl FileWrapper {
    #[new]
    #[pyo3(signature = (filelike, blksize=BLOCK, /))]
    const fn new(filelike: Py<PyAny>, blksize: usize) -> Self {
        Self {
            filelike,
            block: blksize,
        }
    }

    const fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let read = self
            .filelike
            .bind(py)
            .call_method1(intern!(py, "read"), (self.block,))?;
        // Not `b""` alone: of a text file the end is `""`, and its text is refused where blocks are looked at.
        Ok(read.is_truthy()?.then_some(read))
    }

    /// `close` is there if, and only if, the file has one.
    fn __getattr__<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        if name == "close" {
            return self.filelike.bind(py).getattr(intern!(py, "close"));
        }
        Err(PyAttributeError::new_err(name.to_owned()))
    }

    /// The file may have this; what else is in the circle can be cleared.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.filelike)
    }
}

impl FileWrapper {
    /// What is left of the file, if it is one on disk.
    pub(crate) fn on_disk(&self, py: Python<'_>) -> Option<OnDisk> {
        let filelike = self.filelike.bind(py);
        let raw = plain(filelike).ok()??;
        let file = duplicate(&raw).ok()?;
        let position: u64 = own(filelike, "tell").ok()?.extract().ok()?;
        let metadata = file.metadata().ok()?;
        let left = metadata.len().checked_sub(position)?;
        // Files that say they are empty may not be: those of /proc.
        if !metadata.is_file() || left == 0 {
            return None;
        }
        Some(OnDisk {
            file,
            from: position,
            len: left,
        })
    }
}

/// The file with the descriptor, if the bytes of an object of Python are those of its descriptor: a decompressor has one too, of what
/// it decompresses.
fn plain<'py>(filelike: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = filelike.py();
    let io = py.import(intern!(py, "io"))?;
    let kind = filelike.get_type();
    let raw = io.getattr(intern!(py, "FileIO"))?;
    if kind.is(&raw) {
        return Ok(is_as_made(filelike)?.then(|| filelike.clone()));
    }
    let buffered = [intern!(py, "BufferedReader"), intern!(py, "BufferedRandom")];
    for name in buffered {
        if kind.is(&io.getattr(name)?) {
            let below = filelike.getattr(intern!(py, "raw"))?;
            let plain = below.get_type().is(&raw) && is_as_made(filelike)? && is_as_made(&below)?;
            return Ok(plain.then_some(below));
        }
    }
    Ok(None)
}

/// Whether a file has no other ways to be read than those of its type, which an application may give it.
fn is_as_made(file: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = file.py();
    let given = file.getattr(intern!(py, "__dict__"))?;
    let given = given.cast::<PyDict>()?;
    for name in ["fileno", "read", "readall", "readinto", "tell"] {
        if given.contains(name)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What a method of the type says: no attribute of an object is asked for it.
fn own<'py>(file: &Bound<'py, PyAny>, method: &str) -> PyResult<Bound<'py, PyAny>> {
    file.get_type().call_method1(method, (file,))
}

/// A descriptor of our own of a `FileIO`: the application closes its file when it likes.
fn duplicate(raw: &Bound<'_, PyAny>) -> PyResult<File> {
    let number: RawFd = own(raw, "fileno")?.extract()?;
    if number < 0 {
        return Err(io::Error::from(io::ErrorKind::InvalidInput).into());
    }
    #[expect(
        unsafe_code,
        reason = "Python's files tell their descriptors as numbers"
    )]
    // SAFETY: the number is not -1, and a `FileIO`'s own method, which runs no Python, has just said that it has it open: the thread
    // has been attached since, and who closes the file has to be, and takes its number from it first.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    Ok(File::from(borrowed.try_clone_to_owned()?))
}

/// What is left of a file on disk.
#[derive(Debug)]
pub(crate) struct OnDisk {
    file: File,
    from: u64,
    len: u64,
}

impl OnDisk {
    /// How much that is.
    pub(crate) const fn len(&self) -> u64 {
        self.len
    }

    /// Its beginning as a body, with which goes what is to be closed.
    pub(crate) fn body(self, len: u64, closing: Closing) -> Body {
        let source = Sent {
            file: Arc::new(self.file),
            _closing: closing,
        };
        Body::file(FileRegion::new(Arc::new(source), self.from, len))
    }
}

/// A file that is being sent.
#[derive(Debug)]
struct Sent {
    file: Arc<File>,
    _closing: Closing,
}

impl ReadAt for Sent {
    fn read_at(self: Arc<Self>, offset: u64, len: usize) -> Read {
        // Who reads has the file alone: what is to be closed is so where the body is dropped, not in a thread that waits for a disk.
        let file = Arc::clone(&self.file);
        let reading = tokio::task::spawn_blocking(move || {
            let mut buf = vec![0; len];
            let read = file.read_at(&mut buf, offset)?;
            buf.truncate(read);
            Ok(Bytes::from(buf))
        });
        Read::Soon(Box::pin(async { reading.await.map_err(io::Error::other)? }))
    }

    fn file(&self) -> Option<&File> {
        Some(&self.file)
    }
}

/// The bytes of a block, if it is one.
pub(crate) fn block<'a, 'py>(object: &'a Bound<'py, PyAny>) -> PyResult<&'a Bound<'py, PyBytes>> {
    if let Ok(bytes) = object.cast::<PyBytes>() {
        return Ok(bytes);
    }
    let name = object.get_type().qualname()?;
    let problem = format!("the application gave {name} where bytes must be");
    Err(PyTypeError::new_err(problem))
}
