//! All workers, and what becomes of them.

use std::io;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use gopuram::gateway::Sockets;
use tokio::sync::mpsc::Sender;
use tracing::{debug, error, info, warn};

use super::ending::{NO_WORKER, Stage, said};
use super::pause::Pause;
use super::reload::Reload;
use super::settings::Settings;
use super::signals::Wish;
use super::word;
use super::worker::{Event, Phase, Role, Why, Worker};
use crate::share::{MOST, Table};

/// A worker that has served for so long says nothing against the next.
pub(super) const SOUND: Duration = Duration::from_secs(1);

/// How often the memory is looked at.
const LOOK: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Fleet {
    pub(super) settings: Settings,
    table: Table,
    /// None when nobody is started any more.
    pub(super) sockets: Option<Sockets>,
    events: Sender<(u64, Event)>,
    pub(super) workers: Vec<Worker>,
    wanted: usize,
    last_id: u64,
    pub(super) pause: Pause,
    pub(super) stage: Stage,
    /// To end with.
    pub(super) status: u8,
    /// Some worker has served.
    came_up: bool,
    /// All have, and it was told.
    announced: bool,
    pub(super) reload: Reload,
    looked: Instant,
    /// It was told that there are more workers than the table has places for.
    crowded: bool,
}

impl Fleet {
    pub(super) fn new(
        settings: Settings,
        sockets: Sockets,
        events: Sender<(u64, Event)>,
    ) -> io::Result<Self> {
        let mut fleet = Self {
            table: Table::new()?,
            wanted: settings.workers,
            settings,
            sockets: Some(sockets),
            events,
            workers: Vec::new(),
            last_id: 0,
            pause: Pause::NONE,
            stage: Stage::Running,
            status: 0,
            came_up: false,
            announced: false,
            reload: Reload::None,
            looked: Instant::now(),
            crowded: false,
        };
        fleet.crowd(fleet.wanted);
        Ok(fleet)
    }

    /// Says once what becomes of so many workers.
    fn crowd(&mut self, workers: usize) {
        if workers > MOST && !self.crowded {
            self.crowded = true;
            warn!(
                "there are more than {MOST} workers: no page of `metrics` has what those beyond count but their own, \
                 and connections are not spread to them"
            );
        }
    }

    /// The command for a successor of this process, and how long it may take.
    pub(super) fn successor(&self) -> (Command, Duration) {
        let turns = u32::try_from(self.wanted).unwrap_or(u32::MAX);
        let start = self.settings.start.unwrap_or(Duration::MAX);
        let patience = start.saturating_mul(turns.saturating_add(1));
        let mut command = self.settings.command();
        // What was asked for by signals is in no argument.
        let other = self.wanted != self.settings.workers;
        let wanted = other.then(|| self.wanted.to_string());
        command.env("GOPURAM_SUCCESSOR", wanted.unwrap_or_default());
        (command, patience)
    }

    /// Does what a signal asks for.
    pub(super) fn heed(&mut self, wish: Wish) {
        match wish {
            Wish::More => self.wanted = self.wanted.saturating_add(1),
            Wish::Fewer => self.wanted = self.wanted.saturating_sub(1).max(1),
            Wish::Reload if self.stage == Stage::Running => self.reload(Instant::now()),
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

    /// Hears of what happened to a worker.
    pub(super) fn hear(&mut self, id: u64, event: Event, now: Instant) {
        match event {
            Event::Said(word::READY) => self.ready(id, now),
            Event::Said(word::CHANGED) => {
                let is_of_use = |worker: &Worker| worker.id == id && !worker.told;
                if self.stage == Stage::Running && self.workers.iter().any(is_of_use) {
                    self.reload(now);
                }
            }
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
        self.prove(now);
    }

    fn ended(&mut self, id: u64, status: &io::Result<ExitStatus>, now: Instant) {
        let Some(at) = self.workers.iter().position(|worker| worker.id == id) else {
            return;
        };
        let worker = self.workers.swap_remove(at);
        self.table.vacate(worker.place);
        let pid = worker.pid;
        let said = said(status);
        let status = match status {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        if worker.told || self.stage != Stage::Running {
            debug!(pid, status, "a worker has ended");
            return;
        }
        // Whoever was to take its place just does.
        for other in &mut self.workers {
            if other.replaces == Some(id) {
                other.replaces = None;
            }
        }
        let lasted = |ready: Instant| now.duration_since(ready) >= SOUND;
        if worker.ready.is_some_and(lasted) {
            warn!(pid, status, "a worker ended; another takes its place");
            self.pause.forget();
            return;
        }
        if !self.came_up {
            error!(pid, status, "no worker came up; giving up");
            self.fail(said, now);
            return;
        }
        if worker.ready.is_some() {
            warn!(pid, status, "a worker ended; another takes its place");
        } else {
            error!(pid, status, "a worker ended before it was ready");
        }
        self.keep();
        if self.settings.succeeds && !self.announced {
            error!("giving up: the predecessor goes on");
            self.fail(said, now);
            return;
        }
        // What failed once is mended if one that was started since has lasted.
        let mended =
            |other: &Worker| self.pause.is_before(other.started) && other.ready.is_some_and(lasted);
        if self.workers.iter().any(mended) {
            self.pause.forget();
        }
        if let Some(after) = self.pause.lengthen(worker.started, now) {
            info!(?after, "the next workers wait");
        }
    }

    /// Starts and ends workers as it is time to; the status to end with, when there is nothing left to do.
    pub(super) fn settle(&mut self, now: Instant) -> Option<u8> {
        for worker in &mut self.workers {
            worker.look(&self.settings, now);
            let ends = matches!(worker.phase, Phase::Leaving | Phase::Doomed);
            if ends && worker.ready.is_some() {
                self.table.leave(worker.place);
            }
        }
        if self.stage != Stage::Running {
            return self.over(now);
        }
        self.prove(now);
        self.weigh(now);
        self.number(now);
        self.replace(now);
        self.announce(now);
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
            self.reloaded();
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
        let command = self.settings.worker();
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
                self.crowd(role.place.saturating_add(1));
                true
            }
            Err(error) => {
                error!(%error, "cannot start a worker");
                if self.came_up {
                    self.keep();
                } else if self.workers.is_empty() {
                    self.fail(NO_WORKER, now);
                }
                self.pause.lengthen(now, now);
                false
            }
        }
    }

    /// Says once that all workers serve; as a successor when they have lasted, for then the predecessor ends.
    fn announce(&mut self, now: Instant) {
        let lasts = |ready: Instant| !self.settings.succeeds || ready + SOUND <= now;
        let serving =
            |worker: &&Worker| worker.phase == Phase::Serving && worker.ready.is_some_and(lasts);
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

    /// Whether all workers serve, or have served.
    pub(super) const fn is_announced(&self) -> bool {
        self.announced
    }

    /// When to settle again, if nothing happens before.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        let workers = self.workers.iter();
        let due = workers.filter_map(|worker| worker.due(&self.settings));
        let end = match self.stage {
            Stage::Insisting(end) => Some(end),
            _ => None,
        };
        let pause = self.pause.end(now);
        let looks = self.settings.memory.is_some() && self.stage == Stage::Running;
        let look = looks.then(|| self.looked + LOOK);
        let proof = self.proof(now);
        due.chain(end).chain(pause).chain(look).chain(proof).min()
    }
}
