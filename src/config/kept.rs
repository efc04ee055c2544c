//! What outlives the file that it came from, when that is read again.

use std::fmt;
use std::io;

use super::counted::Counted;
use super::destination::Destination;
use super::stack::Layer;
use crate::middleware::access_log::Log;

/// What outlives the file that it came from: a file that is read again takes over what it says as before.
///
/// Logs, so that those are opened anew that connections of before write to; and layers with a memory.
#[derive(Clone, Default)]
pub(super) struct Kept {
    /// None of a file that was only checked.
    logs: Vec<(Destination, Option<Log>)>,
    /// Each by how it was set.
    layers: Vec<(String, Layer)>,
    /// However that layer is set.
    pub(super) counted: Option<Counted>,
    /// Who comes after this is to open no log, and to see whether it could.
    only_checks: bool,
}

impl Kept {
    /// What a file comes after that is only checked.
    pub(super) fn checking() -> Self {
        Self {
            only_checks: true,
            ..Self::default()
        }
    }

    /// The log that goes there, of this file or the one before, or else one that is opened.
    pub(super) fn log(&mut self, to: Destination, before: &Self) -> io::Result<Log> {
        let log = match self.opened(&to).or_else(|| before.opened(&to)) {
            Some(log) => Some(log.clone()),
            // A fuzzer names any file.
            None if cfg!(fuzzing) => Some(Log::to(io::sink())),
            None if before.only_checks => to.check().map(|()| None)?,
            None => Some(to.open()?),
        };
        if self.logs.iter().all(|(known, _)| *known != to) {
            self.logs.push((to, log.clone()));
        }
        Ok(log.unwrap_or_else(|| Log::to(io::sink())))
    }

    fn opened(&self, to: &Destination) -> Option<&Log> {
        let mut logs = self.logs.iter();
        logs.find(|(known, _)| known == to)?.1.as_ref()
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

    /// Where logs go, open or not.
    pub(super) fn destinations(&self) -> impl Iterator<Item = &Destination> {
        self.logs.iter().map(|(to, _)| to)
    }

    /// All logs that are open.
    pub(super) fn logs(&self) -> impl Iterator<Item = &Log> {
        self.logs.iter().filter_map(|(_, log)| log.as_ref())
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let logs = self.logs.iter().map(|(to, _)| format!("{to:?}"));
        let layers = self.layers.iter().map(|(set, _)| set.clone());
        f.debug_list().entries(logs.chain(layers)).finish()
    }
}
