//! Where layers write, shared by all that write to the same place.

use std::fmt;
use std::io;

use crate::middleware::access_log::Log;

/// The logs that are open, each by what it was opened by.
///
/// A file that is read again takes over those it names again: what writes to one lives on in connections that there were.
#[derive(Clone, Default)]
pub(super) struct Logs(Vec<(String, Log)>);

impl Logs {
    /// The log that was opened by this name, or else what `open` opens.
    pub(super) fn open(
        &mut self,
        name: String,
        before: &Self,
        open: impl FnOnce() -> io::Result<Log>,
    ) -> io::Result<Log> {
        let known = self
            .0
            .iter()
            .chain(&before.0)
            .find(|(known, _)| *known == name);
        let log = match known {
            Some((_, log)) => log.clone(),
            // A fuzzer names any file.
            None if cfg!(fuzzing) => Log::to(io::sink()),
            None => open()?,
        };
        if !self.0.iter().any(|(known, _)| *known == name) {
            self.0.push((name, log.clone()));
        }
        Ok(log)
    }

    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = &Log> {
        self.0.iter().map(|(_, log)| log)
    }
}

impl fmt::Debug for Logs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(name, _)| name))
            .finish()
    }
}
