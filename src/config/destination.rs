//! Where a log of a file goes.

use std::io;
use std::path::{Path, PathBuf};

use super::writable::writable;
use crate::middleware::access_log::{Log, Syslog};

/// Where a log goes: layers that say the same share it, and by this it is found when the file is read again.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Destination {
    File(PathBuf),
    Stderr,
    Stdout,
    Syslog { tag: String, facility: u8 },
}

impl Destination {
    /// Opens it.
    pub(super) fn open(&self) -> io::Result<Log> {
        Ok(match self {
            Self::File(path) => Log::file(path)?,
            Self::Stderr => Log::stderr(),
            Self::Stdout => Log::stdout(),
            Self::Syslog { tag, facility } => Log::to(Syslog::new(tag)?.facility(*facility)),
        })
    }

    /// Whether it could be opened, of which nothing is left.
    pub(super) fn check(&self) -> io::Result<()> {
        match self {
            Self::File(path) => writable(path),
            Self::Stderr | Self::Stdout => Ok(()),
            Self::Syslog { tag, .. } => Syslog::new(tag).map(drop),
        }
    }

    /// The file that it is, if it is one.
    pub(super) fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Stderr | Self::Stdout | Self::Syslog { .. } => None,
        }
    }
}
