//! A file with the number of the process that serves, for who sends it signals.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process;

use gopuram::config::writable;
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
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
            is_free(path).map_err(|why| refused(path, &why))?;
        }
        self.written = true;
        let beside = beside(path);
        let written = fs::write(&beside, format!("{}\n", process::id()));
        written
            .and_then(|()| fs::rename(&beside, path))
            .map_err(|error| {
                drop(fs::remove_file(&beside));
                unwritable(path, &error)
            })
    }
}

/// Whether it could be written, but for a process that has it, which may be the one to be replaced; nothing is made.
#[pyfunction]
#[pyo3(signature = (path, /))]
#[expect(clippy::needless_pass_by_value, reason = "it is what Python gives")]
pub(crate) fn check_pid_file(path: PathBuf) -> PyResult<()> {
    let told = found(&path).map_err(|why| refused(&path, &why));
    told.and_then(|_| writable(beside(&path)).map_err(|error| unwritable(&path, &error)))
        .map_err(PyOSError::new_err)
}

/// What it is written as until it is whole.
fn beside(path: &Path) -> OsString {
    let mut beside = OsString::from(path);
    beside.push(format!(".{}", process::id()));
    beside
}

fn refused(path: &Path, why: &str) -> String {
    format!("the file of --pid {}: {why}", path.display())
}

fn unwritable(path: &Path, error: &io::Error) -> String {
    format!("cannot write the file of --pid {}: {error}", path.display())
}

/// Whether it may be written: what is there is no other's, and is such a number or nothing.
fn is_free(path: &Path) -> Result<(), String> {
    let Some(number) = found(path)? else {
        return Ok(());
    };
    // One of another user's, which may not be asked, lives as well.
    let lives = test_kill_process(number) != Err(rustix::io::Errno::SRCH);
    if lives && number != rustix::process::getpid() {
        return Err(format!("process {number} has it, and lives"));
    }
    Ok(())
}

/// The number that is there, if any is; nothing else may be there.
fn found(path: &Path) -> Result<Option<Pid>, String> {
    let known = match fs::symlink_metadata(path) {
        Ok(known) => known,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    if !known.is_file() || known.len() > 32 {
        return Err("what is there is not the number of a process".to_owned());
    }
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let number = text.parse::<i32>().ok().and_then(Pid::from_raw);
    let problem = || "what is there is not the number of a process".to_owned();
    number.map(Some).ok_or_else(problem)
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
