//! A writer on a thread of its own, behind a buffer that is bounded: requests never wait for it.

use std::fmt;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::sink::Sink;
use super::writer;

/// How many bytes are written without waiting for more: few enough to stay in the processor's
/// cache on their way, enough for a few hundred writes a second at the most.
const BATCH: usize = 128 << 10;

/// How long [`Log::flush`] and the end of a log wait for a sink that does not answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where lines go: a file, a stream, the system log, anything that can be written to.
///
/// Clones are the same log, and several [`AccessLog`](super::AccessLog)s may share one. Lines are
/// put in a buffer, and a thread that starts with the first of them writes what has
/// come in, whole lines and many at once: every [`linger`](Self::linger), or as soon as there are 128 KiB.
///
/// A line for which there is no room is dropped, since a log must not stop a server: it is
/// counted ([`dropped`](Self::dropped)), and a line in its place says how many were
/// (`# 12 lines dropped`, or `{"dropped":12}`). A write that fails is counted
/// ([`errors`](Self::errors)) and made again each second, from the byte where it broke off, while
/// the buffer fills.
///
/// When the last clone is dropped, what is in the buffer is written, for 5 seconds at most.
#[derive(Clone)]
pub struct Log(Arc<Handle>);

/// What the last clone drops.
struct Handle {
    shared: Arc<Shared>,
}

/// What requests and the writer share.
pub(super) struct Shared {
    state: Mutex<State>,
    /// Wakes the writer.
    pub(super) work: Condvar,
    /// Wakes those that wait for the writer.
    pub(super) progress: Condvar,
}

pub(super) struct State {
    pub(super) lines: Vec<u8>,
    /// Taken by the writer when it starts.
    pub(super) sink: Option<Sink>,
    pub(super) capacity: usize,
    pub(super) linger: Duration,
    pub(super) notices: Notices,
    pub(super) thread: Thread,
    pub(super) requests: Requests,
    /// Lines that came, and of them those that are written, or said to be lost.
    pub(super) pushed: u64,
    pub(super) written: u64,
    /// Lines dropped since it was last said, and all in all.
    pub(super) lost: u64,
    dropped: u64,
    pub(super) errors: u64,
    pub(super) last_error: Option<(io::ErrorKind, String)>,
}

/// How the log says what happened to itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Notices {
    Comment,
    Json,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Thread {
    NotStarted,
    /// Waits for work, without a limit.
    Asleep,
    Awake,
    /// Will write nothing any more.
    Ended,
}

/// What the writer is asked for besides writing.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Requests {
    pub(super) close: bool,
    pub(super) reopen: bool,
    /// Taken back with the next batch: a sink that fails is not tried for it again and again.
    pub(super) flush: bool,
}

impl Log {
    /// How long lines wait for others by default, so that a busy server writes fifty times a second and not for
    /// every request.
    pub const LINGER: Duration = Duration::from_millis(20);

    /// How many bytes may wait by default, twenty thousand lines or so: what a server logs while a disk does not
    /// answer for a moment.
    pub const CAPACITY: usize = 4 << 20;

    /// Appends to a file, made if there is none, that can be [reopened](Self::reopen).
    ///
    /// # Errors
    ///
    /// If it cannot be opened, or is a FIFO that nobody reads.
    pub fn file(path: impl AsRef<Path>) -> io::Result<Self> {
        Ok(Self::new(Sink::file(path.as_ref())?))
    }

    /// Writes to the standard output.
    pub fn stdout() -> Self {
        Self::to(io::stdout())
    }

    /// Writes to the standard error.
    pub fn stderr() -> Self {
        Self::to(io::stderr())
    }

    /// Writes to `sink`, which gets whole lines, many in one call, and is flushed after each batch.
    ///
    /// It may block: only its own thread waits.
    pub fn to(sink: impl Write + Send + 'static) -> Self {
        Self::new(Sink::Other(Box::new(sink)))
    }

    /// Writes to the system log as `tag`, see [`Syslog`](super::Syslog).
    ///
    /// # Errors
    ///
    /// If nobody listens at `/dev/log`.
    #[cfg(unix)]
    pub fn syslog(tag: &str) -> io::Result<Self> {
        super::Syslog::new(tag).map(Self::to)
    }

    /// Sets how long lines wait for others before they are written; 20 ms by default.
    #[must_use]
    pub fn linger(self, time: Duration) -> Self {
        self.lock().linger = time;
        self
    }

    /// Sets how many bytes of lines may wait; 4 MiB by default. Twice that is used at most.
    #[must_use]
    pub fn capacity(self, bytes: usize) -> Self {
        self.lock().capacity = bytes;
        self
    }

    /// Opens the file anew by its name, soon: for a signal that says that it was moved away.
    ///
    /// What is still in the buffer goes to the new file. If that cannot be opened, the old
    /// one is written on, the error is counted, and a line says so. Other sinks stay as they are.
    pub fn reopen(&self) {
        self.ask(|requests| requests.reopen = true);
    }

    /// Waits until all that was logged before is written and flushed.
    ///
    /// It blocks: at the end of a program or in a test, not in a task.
    ///
    /// # Errors
    ///
    /// If the sink failed meanwhile (it is tried again none the less), or has not taken the
    /// lines within 5 seconds.
    pub fn flush(&self) -> io::Result<()> {
        let shared = &self.0.shared;
        let mut state = shared.lock();
        let (target, errors) = (state.pushed, state.errors);
        if state.is_idle() {
            return Ok(());
        }
        state.requests.flush = true;
        state = shared.start(state);
        shared.work.notify_one();
        let waits = |state: &mut State| {
            let open = state.written < target || state.requests.reopen;
            open && state.errors == errors && state.thread != Thread::Ended
        };
        let waited = shared.progress.wait_timeout_while(state, PATIENCE, waits);
        let (state, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        if state.errors != errors {
            let error = state.last_error.clone();
            let (kind, text) = error.unwrap_or((io::ErrorKind::Other, String::new()));
            return Err(io::Error::new(kind, text));
        }
        if timeout.timed_out() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        if state.written < target {
            return Err(io::Error::new(
                io::ErrorKind::BrokenPipe,
                "the writer has ended",
            ));
        }
        Ok(())
    }

    /// How many lines were dropped since there was no room for them.
    pub fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    /// How many times writing or reopening failed.
    pub fn errors(&self) -> u64 {
        self.lock().errors
    }

    /// Sets in which language it speaks, as long as nobody has logged anything in another.
    pub(super) fn notices(&self, notices: Notices) {
        let mut state = self.lock();
        if state.pushed == 0 {
            state.notices = notices;
        }
    }

    /// Puts whole lines in the buffer, or drops them; from then on it speaks in their language.
    #[inline]
    pub(super) fn push(&self, line: &[u8], notices: Notices) {
        let shared = &self.0.shared;
        let mut state = shared.lock();
        state.notices = notices;
        let before = state.lines.len();
        let after = before + line.len();
        if after > state.capacity || state.thread == Thread::Ended {
            state.lost += 1;
            state.dropped += 1;
        } else {
            state.lines.extend_from_slice(line);
        }
        state.pushed += 1;
        if state.thread == Thread::NotStarted {
            state = shared.start(state);
        }
        let enough = state.batch();
        let wake = state.thread == Thread::Asleep || (before < enough && after >= enough);
        if wake {
            state.thread = Thread::Awake;
            drop(state);
            shared.work.notify_one();
        }
    }

    fn new(sink: Sink) -> Self {
        let state = State {
            lines: Vec::new(),
            sink: Some(sink),
            capacity: Self::CAPACITY,
            linger: Self::LINGER,
            notices: Notices::Comment,
            thread: Thread::NotStarted,
            requests: Requests::default(),
            pushed: 0,
            written: 0,
            lost: 0,
            dropped: 0,
            errors: 0,
            last_error: None,
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            work: Condvar::new(),
            progress: Condvar::new(),
        });
        Self(Arc::new(Handle { shared }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.shared.lock()
    }

    fn ask(&self, change: impl FnOnce(&mut Requests)) {
        let shared = &self.0.shared;
        let mut state = shared.lock();
        change(&mut state.requests);
        drop(shared.start(state));
        shared.work.notify_one();
    }
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the writer if it was not: with the first line and not before, for programs that
    /// fork when they are set up.
    fn start<'a>(self: &'a Arc<Self>, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        if state.thread == Thread::NotStarted {
            let shared = Arc::clone(self);
            let thread = std::thread::Builder::new().name("access log".into());
            match thread.spawn(move || writer::run(&shared)) {
                Ok(_) => state.thread = Thread::Awake,
                // The next line tries again.
                Err(error) => state.fail(&error),
            }
        }
        state
    }
}

impl State {
    /// How many bytes are not kept waiting.
    const fn batch(&self) -> usize {
        let half = self.capacity / 2;
        if half < BATCH { half } else { BATCH }
    }

    /// Whether there is nothing to do.
    pub(super) fn is_idle(&self) -> bool {
        self.written == self.pushed && !self.requests.reopen
    }

    /// Whether the writer should not wait for more lines.
    pub(super) fn is_urgent(&self) -> bool {
        let requests = self.requests;
        let enough = self.lines.len() >= self.batch();
        enough || requests.close || requests.reopen || requests.flush
    }

    pub(super) fn fail(&mut self, error: &io::Error) {
        self.errors += 1;
        self.last_error = Some((error.kind(), error.to_string()));
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let shared = &self.shared;
        let mut state = shared.lock();
        state.requests.close = true;
        shared.work.notify_one();
        let deadline = Instant::now() + PATIENCE;
        while !state.is_idle() && !matches!(state.thread, Thread::Ended | Thread::NotStarted) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = shared.progress.wait_timeout(state, left);
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Anything that can be written to, see [`Log::to`].
impl<W: Write + Send + 'static> From<W> for Log {
    fn from(sink: W) -> Self {
        Self::to(sink)
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("Log")
            .field("dropped", &state.dropped)
            .field("errors", &state.errors)
            .finish_non_exhaustive()
    }
}
