//! A file with the number of the process that serves, for who sends it signals.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process;

use rustix::process::{Pid, test_kill_process};

/// The file, if one is wanted; removed when this is dropped, unless another process has taken it over.
#[derive(Debug)]
pub(crate) struct PidFile {
    path: Option<PathBuf>,
    /// Another process that lives is to be followed.
    succeeds: bool,
    written: bool,
}

impl PidFile {
    pub(crate) const fn at(path: Option<PathBuf>, succeeds: bool) -> Self {
        Self {
            path,
            succeeds,
            written: false,
        }
    }

    /// Writes it once, or takes it over: whoever reads it finds a number, whenever that is.
    pub(crate) fn write(&mut self) -> Result<(), String> {
        let Some(path) = self.path.as_ref().filter(|_| !self.written) else {
            return Ok(());
        };
        if !self.succeeds {
            is_free(path).map_err(|why| format!("the file of --pid {}: {why}", path.display()))?;
        }
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

/// Whether it may be written: what is there is no other's, and is such a number or nothing.
fn is_free(path: &Path) -> Result<(), String> {
    let known = match fs::symlink_metadata(path) {
        Ok(known) => known,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.to_string()),
    };
    if !known.is_file() || known.len() > 32 {
        return Err("what is there is not the number of a process".to_owned());
    }
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    let text = text.trim();
    if text.is_empty() {
        return Ok(());
    }
    let number = text.parse::<i32>().ok().and_then(Pid::from_raw);
    let Some(number) = number else {
        return Err("what is there is not the number of a process".to_owned());
    };
    // One of another user's, which may not be asked, lives as well.
    let lives = test_kill_process(number) != Err(rustix::io::Errno::SRCH);
    if lives && number != rustix::process::getpid() {
        return Err(format!("process {text} has it, and lives"));
    }
    Ok(())
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
