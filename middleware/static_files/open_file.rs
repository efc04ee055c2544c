//! An open file: what it is, and its bytes without blocking.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use rustix::io::Errno;
use tokio::runtime::Handle;

use super::blocking::Blocking;
use super::buffers::Buffer;
use super::kernel;
use super::root::Wait;
use crate::body::{Read, ReadAt};

/// How coarse the clocks of file systems are: FAT counts in two seconds.
const GRAIN: Duration = Duration::from_secs(2);

/// 1990, before which there were no web sites: who dates a file earlier has made its time up. A
/// second or none after 1970 are of Nix and images of containers, 1980 of ZIP, 1985 of npm.
const FIRST: i64 = 631_152_000;

/// What tells one state of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    pub(super) inode: u64,
    pub(super) len: u64,
    /// Seconds since the epoch and nanoseconds of the second.
    pub(super) modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            len: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// When the file was last written, if it was after 1970.
    pub(super) fn modified(&self) -> Option<SystemTime> {
        since_1970(self.modified)
    }

    /// Whether the time of modification tells one content from another.
    pub(super) const fn is_dated(&self) -> bool {
        self.modified.0 >= FIRST
    }

    /// What a strong validator can be made of, coding apart, unless it is the content; nothing if
    /// no time tells one content from another.
    ///
    /// When a file changed is the system's word, if a file system has it: it stands in for a
    /// time of modification that was made up. It is of one machine, as the inode is.
    pub(super) fn opaque(&self, inode: bool, now: SystemTime) -> Option<String> {
        let (seconds, nanos) = if self.is_dated() {
            self.modified
        } else if inode && self.changed.0 >= FIRST && !is_new(since_1970(self.changed), now) {
            self.changed
        } else {
            return None;
        };
        let inode = if inode { self.inode } else { 0 };
        Some(format!("{seconds:x}.{nanos:x}-{:x}-{inode:x}", self.len))
    }
}

fn since_1970((seconds, nanos): (i64, i64)) -> Option<SystemTime> {
    let since = Duration::new(u64::try_from(seconds).ok()?, u32::try_from(nanos).ok()?);
    SystemTime::UNIX_EPOCH.checked_add(since)
}

/// Whether there may be another change at the same time, because the clock has not ticked: then it is
/// no strong validator (RFC 9110, section 8.8.1). A time in the future is not to be trusted either.
fn is_new(at: Option<SystemTime>, now: SystemTime) -> bool {
    at.is_some_and(|at| now.duration_since(at).is_ok_and(|age| age < GRAIN) || at > now)
}

/// A regular file, open for reading.
#[derive(Debug)]
pub(super) struct OpenFile {
    file: File,
    stamp: Stamp,
    path: PathBuf,
    new: bool,
}

impl OpenFile {
    /// `stamp` is of this `file`, taken after it was opened at `path`; `now` is no earlier.
    pub(super) fn new(file: File, stamp: Stamp, path: PathBuf, now: SystemTime) -> Self {
        let new = is_new(stamp.modified(), now);
        Self {
            file,
            stamp,
            path,
            new,
        }
    }

    /// Whether it was written so lately that it may have been again, with no trace in the stamp.
    pub(super) const fn is_new(&self) -> bool {
        self.new
    }

    pub(super) const fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// All bytes, if no one wrote the file while it was read.
    pub(super) fn read_whole(&self, wait: Wait) -> Result<Option<Bytes>, Errno> {
        let Ok(len) = usize::try_from(self.stamp.len) else {
            return Ok(None);
        };
        let mut bytes = vec![0; len];
        let mut filled = 0;
        while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let offset = filled as u64;
            let read = match wait {
                Wait::Never => kernel::read_now(&self.file, rest, offset),
                Wait::Allowed => self
                    .file
                    .read_at(rest, offset)
                    .map_err(|error| errno(&error)),
            };
            match read {
                Ok(0) => return Ok(None),
                Ok(n) => filled = filled.saturating_add(n),
                Err(Errno::INTR) => {}
                // Some file systems never read without waiting.
                Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) if wait == Wait::Never => {
                    return Err(Errno::AGAIN);
                }
                Err(errno) => return Err(errno),
            }
        }
        let after = Stamp::of(&self.file.metadata().map_err(|error| errno(&error))?);
        Ok((after == self.stamp).then(|| bytes.into()))
    }

    /// The bytes that the page cache has, `None` if the disk must be waited for.
    fn read_now(&self, offset: u64, len: usize) -> Option<io::Result<Bytes>> {
        let mut buffer = Buffer::new(len);
        match kernel::read_now(&self.file, buffer.as_mut(), offset) {
            // The end, which is early: whoever may wait for the disk makes sure.
            Ok(0) | Err(_) => None,
            Ok(n) => Some(self.checked(buffer, n)),
        }
    }

    fn read_waiting(&self, offset: u64, len: usize) -> io::Result<Bytes> {
        let mut buffer = Buffer::new(len);
        loop {
            match self.file.read_at(buffer.as_mut(), offset) {
                Ok(n) => return self.checked(buffer, n),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The first `n` bytes read, if they are still of what was announced.
    ///
    /// A file that was written in place is another representation, and the bytes of two must not be
    /// mixed under the strong validator of one. One that is new has none, and has as a rule been
    /// appended to, as logs are: it is sent as long as it was.
    fn checked(&self, buffer: Buffer, n: usize) -> io::Result<Bytes> {
        let now = Stamp::of(&self.file.metadata()?);
        let same = now.len == self.stamp.len && now.modified == self.stamp.modified;
        if same || self.new && now.len > self.stamp.len {
            Ok(buffer.freeze(n))
        } else {
            Err(io::Error::other("the file changed while it was sent"))
        }
    }
}

impl ReadAt for OpenFile {
    fn read_at(self: Arc<Self>, offset: u64, len: usize) -> Read {
        if let Some(read) = self.read_now(offset, len) {
            return Read::Now(read);
        }
        match Handle::try_current() {
            Ok(runtime) => {
                let reading = Blocking::run(&runtime, move || self.read_waiting(offset, len));
                Read::Soon(Box::pin(async move {
                    reading
                        .await
                        .unwrap_or_else(|gone| Err(io::Error::other(gone)))
                }))
            }
            Err(_) => Read::Now(self.read_waiting(offset, len)),
        }
    }

    fn file(&self) -> Option<&File> {
        Some(&self.file)
    }

    fn path(&self) -> Option<&Path> {
        Some(&self.path)
    }
}

/// The system's number for an error.
pub(super) fn errno(error: &io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opaque(modified: i64, changed: i64, inode: bool) -> Option<String> {
        let stamp = Stamp {
            device: 1,
            inode: 0xa,
            len: 0xb,
            modified: (modified, 1),
            changed: (changed, 2),
        };
        stamp.opaque(inode, since_1970((FIRST + 100, 0)).unwrap())
    }

    #[test]
    fn a_time_that_was_made_up_is_in_no_tag() {
        let is = |tag: Option<String>, text| assert_eq!(tag.as_deref(), text);
        is(opaque(FIRST, 0, true), Some("259e9d80.1-b-a"));
        is(opaque(FIRST, 0, false), Some("259e9d80.1-b-0"));
        for made_up in [-1, 0, 1, FIRST - 1] {
            // The system's word stands in for it, on one machine.
            is(opaque(made_up, FIRST + 1, true), Some("259e9d81.2-b-a"));
            is(opaque(made_up, FIRST + 1, false), None);
            // A read-only image has made that up too.
            is(opaque(made_up, made_up, true), None);
            // The clock need not have ticked since.
            is(opaque(made_up, FIRST + 99, true), None);
            is(opaque(made_up, FIRST + 101, true), None);
        }
    }
}
