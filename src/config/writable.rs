//! Whether a log could be written, without making or opening it.

use std::fs;
use std::io;
use std::path::Path;

use rustix::fs::{Access, AtFlags, CWD, accessat};
use rustix::io::Errno;

/// How many links may lead to each other, as the kernel has it.
const LINKS: usize = 40;

/// Whether a file could be opened for lines to be appended, or made if there is none; nothing is opened or made.
///
/// # Errors
///
/// What opening it would say.
pub fn writable(file: impl AsRef<Path>) -> io::Result<()> {
    let mut file = file.as_ref().to_owned();
    for _ in 0..LINKS {
        if file.is_dir() {
            return Err(Errno::ISDIR.into());
        }
        match may(&file, Access::WRITE_OK) {
            Err(Errno::NOENT) => {}
            done => return done.map_err(io::Error::from),
        }
        let directory = match file.parent() {
            None => return Err(Errno::NOENT.into()),
            Some(here) if here.as_os_str().is_empty() => Path::new("."),
            Some(directory) => directory,
        };
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
