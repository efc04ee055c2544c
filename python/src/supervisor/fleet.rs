//! All workers, and what becomes of them.

use std::io;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use gopuram::gateway::{Sockets, notify};
use rustix::process::Signal;
use tokio::sync::mpsc::Sender;
use tracing::{debug, error, info, warn};

use super::pause::Pause;
use super::settings::Settings;
use super::signals::Wish;
use super::word;
use super::worker::{Event, Phase, Role, Why, Worker};
use crate::share::Table;

/// The status of a command whose workers cannot serve; gunicorn's.
const NO_WORKER: u8 = 3;

/// A worker that has served for so long says nothing against the next.
const SOUND: Duration = Duration::from_secs(1);

/// How often the memory is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// How long those that are told to end at once have for it.
const AT_ONCE: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    Running,
    /// No worker is started any more: it was asked for, or came with a successor.
    Ending {
        asked: bool,
    },
    /// Whoever is left then is killed.
    Insisting(Instant),
    Failed,
}

#[derive(Debug)]
pub(super) struct Fleet {
    settings: Settings,
    table: Table,
    /// None when nobody is started any more.
    sockets: Option<Sockets>,
    events: Sender<(u64, Event)>,
    workers: Vec<Worker>,
    wanted: usize,
    last_id: u64,
    pause: Pause,
    stage: Stage,
    /// Some worker has served.
    came_up: bool,
    /// All have, and it was told.
    announced: bool,
    reloading: bool,
    looked: Instant,
}

impl Fleet {
    pub(super) fn new(
        settings: Settings,
        sockets: Sockets,
        events: Sender<(u64, Event)>,
    ) -> io::Result<Self> {
        Ok(Self {
            table: Table::new()?,
            wanted: settings.workers,
            settings,
            sockets: Some(sockets),
            events,
            workers: Vec::new(),
            last_id: 0,
            pause: Pause::NONE,
            stage: Stage::Running,
            came_up: false,
            announced: false,
            reloading: false,
            looked: Instant::now(),
        })
    }

    /// The command for a successor of this process, and how long it may take.
    pub(super) fn successor(&self) -> (Command, Duration) {
        let turns = u32::try_from(self.wanted).unwrap_or(u32::MAX);
        let patience = self.settings.start.saturating_mul(turns.saturating_add(1));
        (self.settings.command(), patience)
    }

    /// Does what a signal asks for.
    pub(super) fn heed(&mut self, wish: Wish) {
        match wish {
            Wish::More => self.wanted = self.wanted.saturating_add(1),
            Wish::Fewer => self.wanted = self.wanted.saturating_sub(1).max(1),
            Wish::Reload if self.stage == Stage::Running => {
                info!("reloading");
                notify::reloading();
                self.reloading = true;
                for worker in &mut self.workers {
                    worker.why.get_or_insert(Why::Reload);
                }
            }
            Wish::Reopen => {
                for worker in &self.workers {
                    worker.say(word::REOPEN);
                }
            }
            Wish::Reload | Wish::End | Wish::Succeed => {}
        }
        if matches!(wish, Wish::More | Wish::Fewer) {
            info!(workers = self.wanted, "another number of workers");
        }
    }

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

    /// Hears of what happened to a worker.
    pub(super) fn hear(&mut self, id: u64, event: Event, now: Instant) {
        match event {
            Event::Said(word::READY) => self.ready(id, now),
            Event::Said(said) => {
                if let Some(worker) = self.workers.iter_mut().find(|worker| worker.id == id) {
                    match said {
                        word::BEAT => worker.beats(now),
                        word::OLD => drop(worker.why.get_or_insert(Why::Worn)),
                        _ => {}
                    }
                }
            }
            Event::Ended(status) => self.ended(id, &status, now),
        }
    }

    fn ready(&mut self, id: u64, now: Instant) {
        let Some(worker) = self.workers.iter_mut().find(|worker| worker.id == id) else {
            return;
        };
        if worker.phase != Phase::Starting {
            return;
        }
        worker.enter(Phase::Serving, now);
        worker.beats(now);
        worker.ready = Some(now);
        info!(pid = worker.pid, "a worker is ready");
        self.came_up = true;
        let replaced = worker.replaces.take();
        if let Some(old) = self.workers.iter_mut().find(|w| Some(w.id) == replaced) {
            old.finish(word::LEAVE, now);
        }
    }

    fn ended(&mut self, id: u64, status: &io::Result<ExitStatus>, now: Instant) {
        let Some(at) = self.workers.iter().position(|worker| worker.id == id) else {
            return;
        };
        let worker = self.workers.swap_remove(at);
        self.table.vacate(worker.place);
        let pid = worker.pid;
        let status = match status {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        if worker.phase == Phase::Leaving || self.stage != Stage::Running {
            debug!(pid, status, "a worker has ended");
            return;
        }
        // Whoever was to take its place just does.
        for other in &mut self.workers {
            if other.replaces == Some(id) {
                other.replaces = None;
            }
        }
        if let Some(ready) = worker.ready {
            warn!(pid, status, "a worker ended; another takes its place");
            if now.duration_since(ready) >= SOUND {
                self.pause = Pause::NONE;
                return;
            }
        } else if self.came_up {
            error!(pid, status, "a worker ended before it was ready");
            self.keep();
        } else {
            error!(pid, status, "no worker came up; giving up");
            self.stage = Stage::Failed;
            return;
        }
        let after = self.pause.lengthen(now);
        info!(?after, "the next worker waits");
    }

    /// A new worker failed: those that were to be reloaded go on.
    fn keep(&mut self) {
        if std::mem::take(&mut self.reloading) {
            error!("not reloaded: the workers that are there go on");
            notify::tell("READY=1");
            for worker in &mut self.workers {
                worker.why = worker.why.filter(|why| *why != Why::Reload);
            }
        }
    }

    /// Starts and ends workers as it is time to; the status to end with, when there is nothing left to do.
    pub(super) fn settle(&mut self, now: Instant) -> Option<u8> {
        for worker in &mut self.workers {
            worker.look(&self.settings, now);
            if matches!(worker.phase, Phase::Leaving | Phase::Doomed) {
                self.table.vacate(worker.place);
            }
        }
        match self.stage {
            Stage::Failed => return Some(NO_WORKER),
            Stage::Ending { .. } | Stage::Insisting(_) if self.workers.is_empty() => {
                return Some(0);
            }
            Stage::Ending { .. } => return None,
            Stage::Insisting(end) => {
                if end <= now {
                    for worker in &self.workers {
                        worker.signal(Signal::KILL);
                    }
                    self.stage = Stage::Insisting(now + AT_ONCE);
                }
                return None;
            }
            Stage::Running => {}
        }
        self.weigh(now);
        self.number(now);
        self.replace(now);
        self.announce();
        None
    }

    /// Marks who has too much of the memory.
    fn weigh(&mut self, now: Instant) {
        let Some(most) = self.settings.memory else {
            return;
        };
        if now < self.looked + LOOK {
            return;
        }
        self.looked = now;
        let serving = |worker: &&mut Worker| worker.phase == Phase::Serving && worker.why.is_none();
        for worker in self.workers.iter_mut().filter(serving) {
            if worker.memory().is_some_and(|memory| memory > most) {
                worker.why = Some(Why::Memory);
            }
        }
    }

    /// How many serve or will, beside those that are about to replace others.
    fn count(&self) -> usize {
        let counts = |worker: &&Worker| {
            matches!(worker.phase, Phase::Starting | Phase::Serving) && worker.replaces.is_none()
        };
        self.workers.iter().filter(counts).count()
    }

    /// Comes to the number that is wanted.
    fn number(&mut self, now: Instant) {
        // The first is waited for: if it fails, so would the others, and the log has it once.
        while self.count() < self.wanted
            && self.pause.is_over(now)
            && (self.came_up || self.workers.is_empty())
        {
            if !self.start(None, now) {
                return;
            }
        }
        while self.count() > self.wanted {
            let counted = self.workers.iter_mut().filter(|w| w.replaces.is_none());
            let starting = |worker: &Worker| worker.phase != Phase::Starting;
            let live = counted.filter(|w| matches!(w.phase, Phase::Starting | Phase::Serving));
            let Some(oldest) = live.min_by_key(|worker| (starting(worker), worker.id)) else {
                return;
            };
            info!(pid = oldest.pid, "a worker is not needed any more");
            oldest.finish(word::LEAVE, now);
        }
    }

    /// Starts the next in another's place, one at a time.
    fn replace(&mut self, now: Instant) {
        let is_busy = self.workers.iter().any(|worker| {
            worker.replaces.is_some() || (worker.phase == Phase::Starting && self.came_up)
        });
        if is_busy || !self.pause.is_over(now) {
            return;
        }
        let marked = self
            .workers
            .iter()
            .filter(|worker| worker.phase == Phase::Serving && worker.why.is_some());
        let Some(oldest) = marked.min_by_key(|worker| worker.id) else {
            if std::mem::take(&mut self.reloading) {
                info!("reloaded");
                notify::tell("READY=1");
            }
            return;
        };
        let (id, pid) = (oldest.id, oldest.pid);
        if let Some(why) = oldest.why {
            info!(pid, %why, "replacing a worker");
        }
        self.start(Some(id), now);
    }

    fn start(&mut self, replaces: Option<u64>, now: Instant) -> bool {
        let Some(sockets) = &self.sockets else {
            return false;
        };
        self.last_id += 1;
        let command = self.settings.command();
        let events = self.events.clone();
        let is_free = |place: &usize| self.workers.iter().all(|worker| worker.place != *place);
        let role = Role {
            id: self.last_id,
            place: (0..=self.workers.len()).find(is_free).unwrap_or(usize::MAX),
            replaces,
        };
        match Worker::start(command, sockets, &self.table, role, events) {
            Ok(worker) => {
                info!(pid = worker.pid, "started a worker");
                self.workers.push(worker);
                true
            }
            Err(error) => {
                error!(%error, "cannot start a worker");
                if self.came_up {
                    self.keep();
                } else if self.workers.is_empty() {
                    self.stage = Stage::Failed;
                }
                self.pause.lengthen(now);
                false
            }
        }
    }

    /// Says once that all workers serve.
    fn announce(&mut self) {
        let serving = |worker: &&Worker| worker.phase == Phase::Serving;
        if self.announced || self.workers.iter().filter(serving).count() < self.wanted {
            return;
        }
        if let Some(sockets) = &self.sockets {
            self.announced = true;
            for address in sockets.addresses() {
                info!(%address, workers = self.wanted, "serving");
            }
            sockets.ready();
        }
    }

    /// When to settle again, if nothing happens before.
    pub(super) fn due(&self) -> Option<Instant> {
        let workers = self.workers.iter();
        let due = workers.filter_map(|worker| worker.due(&self.settings));
        let end = match self.stage {
            Stage::Insisting(end) => Some(end),
            _ => None,
        };
        let now = Instant::now();
        let pause = self.pause.end(now);
        let looks = self.settings.memory.is_some() && self.stage == Stage::Running;
        let look = looks.then(|| self.looked + LOOK);
        due.chain(end).chain(pause).chain(look).min()
    }
}
