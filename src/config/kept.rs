//! What outlives the file that it came from, when that is read again.

use std::fmt;
use std::io;
use std::time::Duration;

use super::counted::Counted;
use super::destination::Destination;
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
    /// Who comes after this is to open no log, and to see whether it could.
    only_checks: bool,
}

/// A log, and how the file sets it.
#[derive(Clone)]
struct Open {
    to: Destination,
    /// None of a file that was only checked.
    log: Option<Log>,
    pace: Pace,
}

impl Open {
    /// One that goes nowhere, of a file that was only checked.
    fn log(&self) -> Log {
        self.log.clone().unwrap_or_else(|| Log::to(io::sink()))
    }

    fn set(&self) {
        if let Some(log) = self.log.clone() {
            let log = log.linger(self.pace.linger.unwrap_or(Log::LINGER));
            drop(log.capacity(self.pace.capacity.unwrap_or(Log::CAPACITY)));
        }
    }
}

/// How fast a log writes, and how much may wait for that; what is not said is as by default.
#[derive(Clone, Copy, Default)]
pub(super) struct Pace {
    pub(super) linger: Option<Duration>,
    pub(super) capacity: Option<usize>,
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
    ///
    /// One that is there already is written to by others: it is set when the file [takes effect](Self::take_effect).
    pub(super) fn log(&mut self, to: Destination, pace: Pace, before: &Self) -> io::Result<Log> {
        if let Some(known) = self.logs.iter_mut().find(|known| known.to == to) {
            known.pace.linger = pace.linger.or(known.pace.linger);
            known.pace.capacity = pace.capacity.or(known.pace.capacity);
            return Ok(known.log());
        }
        let known = before.logs.iter().find(|known| known.to == to);
        let log = match known.and_then(|known| known.log.as_ref()) {
            Some(log) => Some(log.clone()),
            // A fuzzer names any file.
            None if cfg!(fuzzing) => Some(Log::to(io::sink())),
            None if before.only_checks => to.check().map(|()| None)?,
            None => Some(to.open()?),
        };
        let open = Open { to, log, pace };
        let log = open.log();
        self.logs.push(open);
        Ok(log)
    }

    /// Sets all logs as this file says.
    pub(super) fn take_effect(&self) {
        self.logs.iter().for_each(Open::set);
    }

    /// Sets the logs that it has opened itself as this file says, which nobody else has.
    pub(super) fn begin(&self, before: &Self) {
        let is_open = |open: &Open| open.log.is_some();
        let had = |to: &Destination| {
            before
                .logs
                .iter()
                .any(|open| open.to == *to && is_open(open))
        };
        let own = self.logs.iter().filter(|open| !had(&open.to));
        own.for_each(Open::set);
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
        self.logs.iter().map(|open| &open.to)
    }

    /// All logs that are open.
    pub(super) fn logs(&self) -> impl Iterator<Item = &Log> {
        self.logs.iter().filter_map(|open| open.log.as_ref())
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let logs = self.logs.iter().map(|open| format!("{:?}", open.to));
        let layers = self.layers.iter().map(|(set, _)| set.clone());
        f.debug_list().entries(logs.chain(layers)).finish()
    }
}
