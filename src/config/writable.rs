//! Whether a log could be written, without making or opening it.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;

use rustix::fs::{Access, AtFlags, CWD, accessat};
use rustix::io::Errno;

/// How many links may lead to each other, as the kernel has it.
const LINKS: usize = 40;

/// Whether a file could be opened for lines to be appended, or made if there is none; nothing is opened or made.
///
/// Whether somebody reads from a FIFO is not told: who opens and closes one ends who waits there for a log.
///
/// # Errors
///
/// What opening it would say.
pub fn writable(file: impl AsRef<Path>) -> io::Result<()> {
    let mut file = file.as_ref().to_owned();
    for _ in 0..LINKS {
        let kind = fs::metadata(&file).map(|of| of.file_type());
        if kind.as_ref().is_ok_and(fs::FileType::is_dir) {
            return Err(Errno::ISDIR.into());
        }
        if kind.is_ok_and(|kind| kind.is_socket()) {
            may(&file, Access::WRITE_OK)?;
            let text = "it is a socket, which cannot be opened";
            return Err(io::Error::new(io::Error::from(Errno::NXIO).kind(), text));
        }
        let directory = match file.parent() {
            None => return Err(Errno::NOENT.into()),
            Some(here) if here.as_os_str().is_empty() => Path::new("."),
            Some(directory) => directory,
        };
        // What is named as a directory is never made as a file, nor opened as one.
        let name = file.as_os_str().as_bytes();
        if name.ends_with(b"/") {
            may(directory, Access::EXEC_OK)?;
            return Err(Errno::ISDIR.into());
        }
        match may(&file, Access::WRITE_OK) {
            Err(Errno::NOENT) if !name.ends_with(b"/.") => {}
            done => return done.map_err(io::Error::from),
        }
        match fs::read_link(&file) {
            // It would be made where the link leads to.
            Ok(target) => file = directory.join(target),
            Err(_) => return Ok(may(directory, Access::WRITE_OK | Access::EXEC_OK)?),
        }
    }
    Err(Errno::LOOP.into())
}

/// By whom the process acts, as when it opens something.
fn may(path: &Path, access: Access) -> rustix::io::Result<()> {
    accessat(CWD, path, access, AtFlags::EACCESS)
}
