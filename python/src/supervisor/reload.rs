//! Reloading: new workers in the places of old ones, whose first is tried before the others follow.

use std::time::Instant;

use gopuram::gateway::notify;
use tracing::{error, info};

use super::fleet::{Fleet, SOUND};
use super::word;
use super::worker::{Phase, Why};

/// How far a reload has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Reload {
    None,
    /// No new worker has served for a while: the one in whose place it starts goes on as long.
    Trying,
    /// One has; the others follow as they are ready.
    Following,
}

impl Fleet {
    /// Has all workers replaced.
    pub(super) fn reload(&mut self, now: Instant) {
        info!("reloading");
        notify::reloading();
        // Somebody waits to see what changes at once.
        self.reload = if self.settings.watched {
            Reload::Following
        } else {
            Reload::Trying
        };
        self.pause.forget();
        for worker in &mut self.workers {
            if worker.phase == Phase::Starting || worker.replaces.is_some() {
                // What it has loaded may be older than what is meant; the one that it was to replace is marked itself.
                worker.replaces = None;
                worker.finish(word::LEAVE, now);
            } else {
                worker.why.get_or_insert(Why::Reload);
            }
        }
    }

    /// Lets those go whose successors have lasted.
    pub(super) fn prove(&mut self, now: Instant) {
        let is_tried = self.reload == Reload::Trying;
        let lasts = |ready: Instant| !is_tried || ready + SOUND <= now;
        let proven = self
            .workers
            .iter_mut()
            .find(|worker| worker.replaces.is_some() && worker.ready.is_some_and(lasts));
        let Some(old) = proven.and_then(|worker| worker.replaces.take()) else {
            return;
        };
        if is_tried {
            self.reload = Reload::Following;
        }
        let word = if self.settings.watched {
            word::YIELD
        } else {
            word::LEAVE
        };
        if let Some(old) = self.workers.iter_mut().find(|worker| worker.id == old) {
            old.finish(word, now);
        }
    }

    /// When that is to be looked at, or whether a successor has lasted.
    pub(super) fn proof(&self, now: Instant) -> Option<Instant> {
        let tried = self
            .workers
            .iter()
            .filter(|worker| worker.replaces.is_some() || self.settings.succeeds);
        let lasts = tried
            .filter_map(|worker| worker.ready)
            .map(|ready| ready + SOUND);
        lasts.filter(|lasts| *lasts > now).min()
    }

    /// There is nobody left to replace.
    pub(super) fn reloaded(&mut self) {
        if self.reload != Reload::None {
            self.reload = Reload::None;
            info!("reloaded");
            notify::tell("READY=1");
        }
    }

    /// A new worker failed: those that were to be reloaded go on.
    pub(super) fn keep(&mut self) {
        if self.reload != Reload::None {
            self.reload = Reload::None;
            error!("not reloaded: the workers that are there go on");
            notify::tell("READY=1");
            for worker in &mut self.workers {
                worker.why = worker.why.filter(|why| *why != Why::Reload);
            }
        }
    }
}
