//! One worker, as its supervisor sees it.

use std::fmt;
use std::fs;
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as Channel;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use gopuram::gateway::Sockets;
use rustix::process::{
    Pid, PidfdFlags, Signal, getpid, getppid, pidfd_open, pidfd_send_signal,
    set_parent_process_death_signal,
};
use tokio::io::AsyncReadExt as _;
use tokio::net::UnixStream;
use tokio::process::Child;
use tokio::sync::mpsc::Sender;
use tracing::{error, warn};

use super::settings::Settings;
use crate::share::Table;

/// How long a worker has to write tracebacks before it is killed.
pub(crate) const LAST_WORDS: Duration = Duration::from_secs(3);

/// How long a sign of life may have been on its way to a supervisor that was held up itself.
const DOUBT: Duration = Duration::from_millis(250);

/// How much longer a worker may take to end than requests may take to finish: what the application does at the end.
pub(crate) const GRACE: Duration = Duration::from_secs(5);

/// What happened to a worker.
#[derive(Debug)]
pub(super) enum Event {
    Said(u8),
    Ended(io::Result<ExitStatus>),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Phase {
    Starting,
    Serving,
    /// It finishes what has begun.
    Leaving,
    /// It has been told to die, since it does nothing else.
    Doomed,
}

/// Why a worker is to be replaced.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Why {
    Age,
    Memory,
    Reload,
    /// It says so itself: it has had as many requests as it should, or has lost its threads.
    Worn,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Age => "age",
            Self::Memory => "memory",
            Self::Reload => "reload",
            Self::Worn => "worn",
        })
    }
}

/// Who a new worker is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Role {
    pub(super) id: u64,
    pub(super) place: usize,
    pub(super) replaces: Option<u64>,
}

#[derive(Debug)]
pub(super) struct Worker {
    pub(super) id: u64,
    pub(super) pid: u32,
    /// Its place among all.
    pub(super) place: usize,
    pub(super) phase: Phase,
    /// In this phase.
    pub(super) since: Instant,
    pub(super) started: Instant,
    /// Since when it has served, if it ever has.
    pub(super) ready: Option<Instant>,
    /// It is to be replaced.
    pub(super) why: Option<Why>,
    /// The one in whose place it starts, which goes on until it is ready.
    pub(super) replaces: Option<u64>,
    /// It has been told to finish: that it ends is no surprise.
    pub(super) told: bool,
    beat: Instant,
    doubted: Option<Instant>,
    process: OwnedFd,
    channel: Channel,
}

impl Worker {
    /// Starts one.
    pub(super) fn start(
        mut program: Command,
        sockets: &Sockets,
        table: &Table,
        role: Role,
        events: Sender<(u64, Event)>,
    ) -> io::Result<Self> {
        let (ours, theirs) = Channel::pair()?;
        table.give(role.place, &ours)?;
        ours.set_nonblocking(true)?;
        let hears = UnixStream::from_std(ours.try_clone()?)?;
        program
            .env("GOPURAM_WORKER", role.id.to_string())
            .stdin(OwnedFd::from(theirs));
        deafen(&mut program);
        sockets.pass(&mut program)?;
        let mut program = tokio::process::Command::from(program);
        let child = program.kill_on_drop(true).spawn()?;
        // The child is there for as long as it was not waited for, and its number its own.
        let pid = child.id().unwrap_or_default();
        let number = Pid::from_raw(pid.cast_signed()).ok_or(io::ErrorKind::NotFound)?;
        let process = pidfd_open(number, PidfdFlags::empty())?;
        tokio::spawn(attend(child, hears, role.id, events));
        let now = Instant::now();
        Ok(Self {
            id: role.id,
            pid,
            place: role.place,
            phase: Phase::Starting,
            since: now,
            started: now,
            ready: None,
            why: None,
            replaces: role.replaces,
            told: false,
            beat: now,
            doubted: None,
            process,
            channel: ours,
        })
    }

    pub(super) fn enter(&mut self, phase: Phase, now: Instant) {
        self.phase = phase;
        self.since = now;
    }

    /// A sign of life.
    pub(super) const fn beats(&mut self, now: Instant) {
        self.beat = now;
        self.doubted = None;
    }

    pub(super) fn say(&self, word: u8) {
        // One that does not read has other troubles, and one that is gone is heard of.
        drop((&self.channel).write(&[word]));
    }

    pub(super) fn signal(&self, signal: Signal) {
        // It may have ended.
        pidfd_send_signal(&self.process, signal).ok();
    }

    /// Has it finish what has begun.
    pub(super) fn finish(&mut self, word: u8, now: Instant) {
        match self.phase {
            Phase::Starting => self.signal(Signal::TERM),
            Phase::Serving | Phase::Leaving => self.say(word),
            Phase::Doomed => return,
        }
        self.told = true;
        if self.phase != Phase::Leaving {
            self.enter(Phase::Leaving, now);
        }
    }

    /// When to look at it again.
    pub(super) fn due(&self, settings: &Settings) -> Option<Instant> {
        match self.phase {
            Phase::Starting => settings.start.map(|start| self.since + start),
            Phase::Serving => {
                let silent = settings.timeout.map(|time| match self.doubted {
                    Some(since) => since + DOUBT,
                    None => self.beat + time,
                });
                let old = settings.age.filter(|_| self.why.is_none());
                let old = old.map(|age| self.since + age);
                silent.into_iter().chain(old).min()
            }
            Phase::Leaving => Some(self.since + settings.drain + GRACE),
            Phase::Doomed => Some(self.since + LAST_WORDS),
        }
    }

    /// Does what its time has come for.
    pub(super) fn look(&mut self, settings: &Settings, now: Instant) {
        if self.due(settings).is_none_or(|due| due > now) {
            return;
        }
        let pid = self.pid;
        match self.phase {
            Phase::Starting => {
                if let Some(timeout) = settings.start {
                    error!(pid, ?timeout, "a worker is not ready in time; killed");
                }
                self.doom(now);
            }
            Phase::Serving => {
                if let Some(timeout) = settings.timeout
                    && self.beat + timeout <= now
                {
                    match self.doubted {
                        None => self.doubted = Some(now),
                        Some(since) if since + DOUBT <= now => {
                            error!(pid, ?timeout, "a worker gives no sign of life; killed");
                            self.doom(now);
                        }
                        Some(_) => {}
                    }
                }
                if settings.age.is_some_and(|age| self.since + age <= now) {
                    self.why.get_or_insert(Why::Age);
                }
            }
            Phase::Leaving => {
                warn!(pid, "a worker does not end; killed");
                self.doom(now);
            }
            Phase::Doomed => {
                self.signal(Signal::KILL);
                self.since = now;
            }
        }
    }

    /// Kills it, after it has said what all its threads do: it has a handler for the signal that needs no Python.
    fn doom(&mut self, now: Instant) {
        self.signal(Signal::ABORT);
        self.enter(Phase::Doomed, now);
    }

    /// How many bytes of the memory it has.
    pub(super) fn memory(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        kib.checked_mul(1024)
    }
}

/// Has a worker hear no signal before it can say what becomes of it, but the one by which it ends with its supervisor.
///
/// A service manager or an operator may signal all processes at once, of which this one knows nothing yet.
fn deafen(program: &mut Command) {
    let supervisor = getpid();
    let deafen = move || {
        for sign in [libc::SIGINT, libc::SIGHUP, libc::SIGUSR1, libc::SIGUSR2] {
            #[expect(unsafe_code, reason = "no crate at hand ignores signals")]
            // SAFETY: no handler is set, and the process has one thread.
            unsafe {
                libc::signal(sign, libc::SIG_IGN);
            }
        }
        set_parent_process_death_signal(Some(Signal::TERM))?;
        // It may have died before.
        if getppid() == Some(supervisor) {
            Ok(())
        } else {
            Err(io::ErrorKind::NotFound.into())
        }
    };
    #[expect(
        unsafe_code,
        reason = "between `fork` and `exec` there is nothing safe"
    )]
    // SAFETY: these are system calls and nothing else: no memory is asked for and no lock is taken.
    unsafe {
        program.pre_exec(deafen);
    }
}

/// Hears what a worker says, until it ends.
async fn attend(mut child: Child, mut hears: UnixStream, id: u64, events: Sender<(u64, Event)>) {
    let mut said = [0; 64];
    let mut open = true;
    loop {
        tokio::select! {
            read = hears.read(&mut said), if open => {
                let len = read.unwrap_or_default();
                open = len > 0;
                for word in said.iter().take(len) {
                    if events.send((id, Event::Said(*word))).await.is_err() {
                        return;
                    }
                }
            }
            status = child.wait() => {
                drop(events.send((id, Event::Ended(status))).await);
                return;
            }
        }
    }
}
