//! A file with the number of the process that serves, for who sends it signals.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process;

/// The file, if one is wanted; removed when this is dropped, unless another process has taken it over.
#[derive(Debug)]
pub(crate) struct PidFile {
    path: Option<PathBuf>,
    written: bool,
}

impl PidFile {
    pub(crate) const fn at(path: Option<PathBuf>) -> Self {
        Self {
            path,
            written: false,
        }
    }

    pub(crate) const fn is_wanted(&self) -> bool {
        self.path.is_some()
    }

    /// Writes it once, or takes it over: whoever reads it finds a number, whenever that is.
    pub(crate) fn write(&mut self) -> Result<(), String> {
        let Some(path) = self.path.as_ref().filter(|_| !self.written) else {
            return Ok(());
        };
        self.written = true;
        let mut beside = OsString::from(path);
        beside.push(format!(".{}", process::id()));
        let written = fs::write(&beside, format!("{}\n", process::id()));
        written
            .and_then(|()| fs::rename(&beside, path))
            .map_err(|error| {
                drop(fs::remove_file(&beside));
                format!("cannot write the file of --pid {}: {error}", path.display())
            })
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        if let Some(path) = self.path.as_ref().filter(|_| self.written) {
            let ours = process::id().to_string();
            if fs::read_to_string(path).is_ok_and(|number| number.trim_end() == ours) {
                drop(fs::remove_file(path));
            }
        }
    }
}
