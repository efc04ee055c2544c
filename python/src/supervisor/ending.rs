//! How all workers end, and what with.

use std::io;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use gopuram::gateway::notify;
use rustix::process::Signal;
use tracing::info;

use super::fleet::Fleet;
use super::word;

/// The status of a command whose workers cannot serve and say not why; gunicorn's.
pub(super) const NO_WORKER: u8 = 3;

/// The status of a command whose workers cannot serve: what one ended with by itself, as the command does without workers.
pub(super) fn said(ended: &io::Result<ExitStatus>) -> u8 {
    let code = ended.as_ref().ok().and_then(ExitStatus::code);
    let code = code.and_then(|code| u8::try_from(code).ok());
    code.filter(|code| *code != 0).unwrap_or(NO_WORKER)
}

/// How long those that are told to end at once have for it.
pub(crate) const AT_ONCE: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stage {
    Running,
    /// No worker is started any more: it was asked for, or came with a successor.
    Ending {
        asked: bool,
    },
    /// Whoever is left then is killed.
    Insisting(Instant),
}

impl Fleet {
    /// Has all workers finish; asked for twice, ends them at once.
    pub(super) fn end(&mut self) {
        let now = Instant::now();
        if self.stage == Stage::Running {
            notify::tell("STOPPING=1");
            info!("ending: requests in flight may finish");
            self.stage = Stage::Ending { asked: true };
            // Before the workers let go of them: nobody may connect to sockets that none accepts from.
            self.sockets = None;
            for worker in &mut self.workers {
                worker.finish(word::STOP, now);
            }
        } else if self.stage == (Stage::Ending { asked: false }) {
            // Who has a successor is often told as well, and finishes already.
            self.stage = Stage::Ending { asked: true };
        } else if self.stage == (Stage::Ending { asked: true }) {
            self.stage = Stage::Insisting(now + AT_ONCE);
            for worker in &self.workers {
                worker.say(word::END);
            }
        }
    }

    /// Has all workers finish, since a successor serves.
    pub(super) fn leave(&mut self) {
        let now = Instant::now();
        self.stage = Stage::Ending { asked: false };
        self.sockets = None;
        for worker in &mut self.workers {
            worker.finish(word::LEAVE, now);
        }
    }

    /// Ends, without anything served or in favour of the predecessor.
    pub(super) fn fail(&mut self, status: u8, now: Instant) {
        self.status = status;
        self.stage = Stage::Ending { asked: true };
        self.sockets = None;
        for worker in &mut self.workers {
            worker.finish(word::LEAVE, now);
        }
    }

    /// The status to end with, when nobody is left; kills those that stay though they were told to end at once.
    pub(super) fn over(&mut self, now: Instant) -> Option<u8> {
        if self.workers.is_empty() {
            return Some(self.status);
        }
        if let Stage::Insisting(end) = self.stage
            && end <= now
        {
            for worker in &self.workers {
                worker.signal(Signal::KILL);
            }
            self.stage = Stage::Insisting(now + AT_ONCE);
        }
        None
    }
}
