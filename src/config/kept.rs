//! What outlives the file that it came from, when that is read again.

use std::fmt;
use std::io;
use std::time::Duration;

use super::counted::Counted;
use super::stack::Layer;
use crate::middleware::access_log::Log;

/// What outlives the file that it came from: a file that is read again takes over what it says as before.
///
/// Logs, so that those are opened anew that connections of before write to; and layers with a memory.
#[derive(Clone, Default)]
pub(super) struct Kept {
    logs: Vec<Open>,
    /// Each by how it was set.
    layers: Vec<(String, Layer)>,
    /// However that layer is set.
    pub(super) counted: Option<Counted>,
}

/// A log, and how the file sets it.
#[derive(Clone)]
struct Open {
    /// What it was opened by.
    name: String,
    log: Log,
    pace: Pace,
}

/// How fast a log writes, and how much may wait for that; what is not said is as by default.
#[derive(Clone, Copy, Default)]
pub(super) struct Pace {
    pub(super) linger: Option<Duration>,
    pub(super) capacity: Option<usize>,
}

impl Kept {
    /// The log of this name, of this file or the one before, or else what `open` opens.
    ///
    /// One that is there already is written to by others: it is set when the file [takes effect](Self::take_effect).
    pub(super) fn log(
        &mut self,
        name: String,
        pace: Pace,
        before: &Self,
        open: impl FnOnce() -> io::Result<Log>,
    ) -> io::Result<Log> {
        if let Some(known) = self.logs.iter_mut().find(|known| known.name == name) {
            known.pace.linger = pace.linger.or(known.pace.linger);
            known.pace.capacity = pace.capacity.or(known.pace.capacity);
            return Ok(known.log.clone());
        }
        let log = match before.logs.iter().find(|known| known.name == name) {
            Some(known) => known.log.clone(),
            // A fuzzer names any file.
            None if cfg!(fuzzing) => Log::to(io::sink()),
            None => open()?,
        };
        self.logs.push(Open {
            name,
            log: log.clone(),
            pace,
        });
        Ok(log)
    }

    /// Sets all logs as this file says.
    pub(super) fn take_effect(&self) {
        for Open { log, pace, .. } in &self.logs {
            let log = log.clone().linger(pace.linger.unwrap_or(Log::LINGER));
            drop(log.capacity(pace.capacity.unwrap_or(Log::CAPACITY)));
        }
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
        self.logs.iter().map(|open| &open.log)
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let logs = self.logs.iter().map(|open| &open.name);
        let layers = self.layers.iter().map(|(set, _)| set);
        f.debug_list().entries(logs.chain(layers)).finish()
    }
}
