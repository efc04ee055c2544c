//! Where lines are written to, on the writer's thread.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What takes whole batches of lines.
pub(super) enum Sink {
    File { path: PathBuf, file: File },
    Other(Box<dyn Write + Send>),
}

impl Sink {
    pub(super) fn file(path: &Path) -> io::Result<Self> {
        Ok(Self::File {
            file: append_to(path)?,
            path: path.to_owned(),
        })
    }

    /// Opens a file anew by its name; nothing else is ever closed.
    pub(super) fn reopen(&mut self) -> io::Result<()> {
        if let Self::File { path, file } = self {
            *file = append_to(path)?;
        }
        Ok(())
    }
}

/// Every write of a batch goes to the end of the file, even if other processes write there too.
#[cfg(not(unix))]
fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

/// The same. Who opens a FIFO waits for who reads from it, unless told not to; writing may wait, on the writer's thread.
#[cfg(unix)]
fn append_to(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};

    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
    use rustix::io::Errno;

    let mut options = OpenOptions::new();
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let options = options.append(true).create(true).custom_flags(flags);
    let file = options.open(path).map_err(|error| {
        let is_there = error.raw_os_error() == Some(Errno::NXIO.raw_os_error());
        let kind = is_there.then(|| std::fs::metadata(path).map(|of| of.file_type()));
        let text = match kind {
            Some(Ok(kind)) if kind.is_fifo() => "nobody reads from it",
            Some(Ok(kind)) if kind.is_socket() => "it is a socket, which cannot be opened",
            _ => return error,
        };
        io::Error::new(error.kind(), text)
    })?;
    fcntl_setfl(&file, fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
    Ok(file)
}

impl Write for Sink {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Self::File { file, .. } => file.write(buf),
            Self::Other(sink) => sink.write(buf),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::File { file, .. } => file.flush(),
            Self::Other(sink) => sink.flush(),
        }
    }
}
