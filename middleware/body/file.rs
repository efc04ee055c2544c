//! A region of a file as a body.

use std::fmt;
use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;

/// How much is asked of a file at once.
///
/// 40 KiB: a few system calls for a page's picture, and small enough that a slow reader of a
/// large file holds less than 64 KiB, its connection included.
pub(crate) const STEP: usize = 40 * 1024;

/// Something that can be read at any offset, usually an open file.
///
/// A region does not know how its bytes are read: whoever opened the file knows
/// whether the page cache may be asked at once, and which threads may wait for
/// a disk.
pub trait ReadAt: Send + Sync + 'static {
    /// Reads at most `len` bytes from `offset`; no bytes mean the end of the file.
    fn read_at(self: Arc<Self>, offset: u64, len: usize) -> Read;

    /// The open file, for a gateway that hands it to the kernel.
    fn file(&self) -> Option<&std::fs::File> {
        None
    }

    /// Where the file was opened, for a front server that sends it itself.
    ///
    /// A name and no more: it may have come to stand for another file since.
    fn path(&self) -> Option<&Path> {
        None
    }
}

/// Bytes read, now or soon.
#[expect(clippy::exhaustive_enums, reason = "there is no third")]
pub enum Read {
    /// They were at hand.
    Now(io::Result<Bytes>),
    /// They must be waited for.
    Soon(Pin<Box<dyn Future<Output = io::Result<Bytes>> + Send>>),
}

impl fmt::Debug for Read {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Now(read) => f.debug_tuple("Now").field(read).finish(),
            Self::Soon(_) => f.write_str("Soon(..)"),
        }
    }
}

/// A region of a file: which, from where, how much.
pub struct FileRegion {
    source: Arc<dyn ReadAt>,
    offset: u64,
    len: u64,
    /// A lock that is never taken makes the future `Sync`.
    reading: Option<Mutex<Pin<Box<dyn Future<Output = io::Result<Bytes>> + Send>>>>,
}

impl FileRegion {
    /// `len` bytes of `source` from `offset`.
    pub fn new(source: Arc<dyn ReadAt>, offset: u64, len: u64) -> Self {
        Self {
            source,
            offset,
            len,
            reading: None,
        }
    }

    /// What is read from.
    pub fn source(&self) -> &Arc<dyn ReadAt> {
        &self.source
    }

    /// Where in the file the region starts.
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// How many bytes are left of it.
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing is left of it.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// A part of this region, `len` bytes from `start` on, no more than there are.
    #[must_use]
    pub fn part(&self, start: u64, len: u64) -> Self {
        let start = start.min(self.len);
        Self::new(
            Arc::clone(&self.source),
            self.offset.saturating_add(start),
            len.min(self.len.saturating_sub(start)),
        )
    }

    /// The next bytes. A file that has shrunk is an error, never padding.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if self.is_empty() {
            return Poll::Ready(None);
        }
        let read = if let Some(reading) = &mut self.reading {
            let reading = reading.get_mut().unwrap_or_else(PoisonError::into_inner);
            let read = ready!(reading.as_mut().poll(cx));
            self.reading = None;
            read
        } else {
            let len = usize::try_from(self.len).map_or(STEP, |left| left.min(STEP));
            match Arc::clone(&self.source).read_at(self.offset, len) {
                Read::Now(read) => read,
                Read::Soon(reading) => {
                    self.reading = Some(Mutex::new(reading));
                    return self.poll_read(cx);
                }
            }
        };
        let read = read.and_then(|mut bytes| {
            // A file that has grown is no longer than it was announced.
            bytes.truncate(usize::try_from(self.len).unwrap_or(usize::MAX));
            if bytes.is_empty() {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "the file ended before its announced length",
                ));
            }
            Ok(bytes)
        });
        match &read {
            Ok(bytes) => {
                self.offset = self.offset.saturating_add(bytes.len() as u64);
                self.len = self.len.saturating_sub(bytes.len() as u64);
            }
            Err(_) => self.len = 0,
        }
        Poll::Ready(Some(read))
    }
}

impl fmt::Debug for FileRegion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileRegion")
            .field("offset", &self.offset)
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}
