//! What outlives the file that it came from, when that is read again.

use std::fmt;
use std::io;

use super::counted::Counted;
use super::stack::Layer;
use crate::middleware::access_log::Log;

/// What outlives the file that it came from: a file that is read again takes over what it says as before.
///
/// Logs, so that those are opened anew that connections of before write to; and layers with a memory.
#[derive(Clone, Default)]
pub(super) struct Kept {
    /// Each by what it was opened by.
    logs: Vec<(String, Log)>,
    /// Each by how it was set.
    layers: Vec<(String, Layer)>,
    /// However that layer is set.
    pub(super) counted: Option<Counted>,
}

impl Kept {
    /// The log of this name, of this file or the one before, or else what `open` opens.
    pub(super) fn log(
        &mut self,
        name: String,
        before: &Self,
        open: impl FnOnce() -> io::Result<Log>,
    ) -> io::Result<Log> {
        if let Some((_, log)) = self.logs.iter().find(|(known, _)| *known == name) {
            return Ok(log.clone());
        }
        let log = match before.logs.iter().find(|(known, _)| *known == name) {
            Some((_, log)) => log.clone(),
            // A fuzzer names any file.
            None if cfg!(fuzzing) => Log::to(io::sink()),
            None => open()?,
        };
        self.logs.push((name, log.clone()));
        Ok(log)
    }

    /// The layer that was set so in the file before, or else what `build` builds: of several the one at the same place among them.
    pub(super) fn layer<E>(
        &mut self,
        set: String,
        before: &Self,
        build: impl FnOnce(&mut Self) -> Result<Layer, E>,
    ) -> Result<Layer, E> {
        let is_same = |(known, _): &&(String, Layer)| *known == set;
        let number = self.layers.iter().filter(is_same).count();
        let layer = match before.layers.iter().filter(is_same).nth(number) {
            Some((_, layer)) => layer.clone(),
            None => build(self)?,
        };
        self.layers.push((set, layer.clone()));
        Ok(layer)
    }

    /// All logs.
    pub(super) fn logs(&self) -> impl Iterator<Item = &Log> {
        self.logs.iter().map(|(_, log)| log)
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let logs = self.logs.iter().map(|(name, _)| name);
        let layers = self.layers.iter().map(|(set, _)| set);
        f.debug_list().entries(logs.chain(layers)).finish()
    }
}
