//! Files that whoever runs a server names, read whole: what is no file, or has no end, hangs nobody.

use std::fs::{FileType, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

/// What is in a file, of so many MiB at most.
pub(crate) fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut options = OpenOptions::new();
    // Else who opens a FIFO waits for somebody to write to it.
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = options.read(true).custom_flags(flags).open(path)?;
    let kind = file.metadata()?.file_type();
    if !kind.is_file() {
        let text = format!("it is {}", name(kind));
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    let mut bytes = Vec::new();
    let length = file.take((most << 20) + 1).read_to_end(&mut bytes)?;
    if length as u64 > most << 20 {
        let text = format!("it is longer than {most} MiB");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
    }
    Ok(bytes)
}

fn name(kind: FileType) -> &'static str {
    if kind.is_dir() {
        "a directory, and no file"
    } else if kind.is_fifo() {
        "a FIFO, and no file: write what comes from it to one"
    } else {
        "a device, and no file"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_file_is_not_waited_for() {
        let wrong = |path: &str| read(path.as_ref(), 1).unwrap_err().to_string();
        assert_eq!(wrong("/"), "it is a directory, and no file");
        assert_eq!(wrong("/dev/zero"), "it is a device, and no file");
        assert!(wrong("/none/there").contains("No such file"));
    }
}
