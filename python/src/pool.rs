//! Threads of Python, and the requests that wait for one.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use tokio::runtime::Handle;
use tokio::time::Instant;
use tracing::{error, warn};

use crate::answer;
use crate::application::Variables;
use crate::bell::Bell;
use crate::closing::{By, Close};
use crate::errors;
use crate::exchange::Watched;
use crate::forked::end_if_forked;
use crate::late::{self, Overseer, Seat};
use crate::run::{Job, Run};
use crate::start::Flow;

/// How much of bodies waits for a thread at most before one is called at once: what is not worked on soon has left the processor's
/// cache, and has to be fetched again to be read, and to be sent.
const FRESH: usize = 256 * 1024;

/// How long to wait at the end for threads that have nothing left to do.
const PATIENCE: Duration = Duration::from_secs(1);

/// Where requests wait for a thread.
#[derive(Debug)]
pub(crate) struct Pool(Arc<Queue>);

/// The threads of a pool; Python's own, so that they have names, and locals that end with them.
#[derive(Debug)]
pub(crate) struct Threads(Arc<Queue>);

impl Threads {
    /// Lets them end, and waits for them so long as they may need who have nothing left to do.
    ///
    /// The interpreter must not be taken down while one of ours is about to attach to it.
    pub(crate) fn end(self, py: Python<'_>) -> PyResult<()> {
        self.0.lock().door = Door::Closed;
        self.0.filled.notify_all();
        let end = Instant::now() + PATIENCE;
        let started = std::mem::take(&mut self.0.lock().started);
        let joined = started.into_iter().try_for_each(|thread| {
            let left = end.saturating_duration_since(Instant::now());
            let joined = thread.call_method1(py, "join", (left.as_secs_f64(),));
            joined.map(drop)
        });
        // With the runtime all bodies are gone, so that no more comes.
        let left = std::mem::take(&mut self.0.lock().closes);
        for close in left {
            close.call(py);
        }
        joined
    }
}

#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    filled: Condvar,
    room: usize,
    deadline: Duration,
    /// For those who wait for an answer.
    bell: Arc<Bell>,
    /// How many threads there are when none is lost.
    pub(crate) size: usize,
    pub(crate) overseer: Option<Overseer>,
    /// What threads work on, if there is an overseer; not held while the state is.
    running: Mutex<late::Threads>,
}

#[derive(Debug, Default)]
struct State {
    /// The oldest first.
    jobs: VecDeque<(Instant, Job)>,
    /// What is to be closed, before the next request: so there are never more than connections had answers of when all threads
    /// were last busy.
    closes: VecDeque<Close>,
    /// How many threads wait for a request.
    idle: usize,
    /// Threads will be called.
    calling: bool,
    /// How much of bodies came since one was.
    fresh: usize,
    /// Somebody will look after those that wait too long.
    watched: bool,
    door: Door,
    /// The threads that were started, and have not ended when this was last looked at.
    started: Vec<Py<PyAny>>,
    last: usize,
}

impl State {
    fn pop(&mut self) -> Option<Task> {
        match self.closes.pop_front() {
            Some(close) => Some(Task::Close(close)),
            None => self.jobs.pop_front().map(|(_, job)| Task::Job(job)),
        }
    }
}

/// What a thread is there for.
enum Task {
    Job(Job),
    Close(Close),
}

/// Whether requests may wait.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Door {
    #[default]
    Open,
    /// All threads are lost: nobody would come for a request.
    Lost,
    /// Threads end when they have nothing left to do.
    Closed,
}

impl Pool {
    /// Starts threads; up to `room` requests wait for one, for as long as `deadline`.
    pub(crate) fn start(
        py: Python<'_>,
        threads: usize,
        room: usize,
        deadline: Duration,
        overseer: Option<Overseer>,
    ) -> PyResult<(Self, Threads)> {
        let pool = Self(Arc::new(Queue {
            state: Mutex::default(),
            filled: Condvar::new(),
            room,
            deadline,
            bell: Arc::default(),
            size: threads,
            overseer,
            running: Mutex::default(),
        }));
        let started = Threads(Arc::clone(&pool.0));
        for number in 0..threads {
            if let Err(error) = pool.0.add(py) {
                // Those that there are would wait for ever.
                started.end(py)?;
                let error = errors::line(&error);
                let why = format!("no more than {number} of {threads} threads start: {error}");
                return Err(PyOSError::new_err(why));
            }
        }
        Ok((pool, started))
    }

    /// Wakes those who wait for an answer.
    pub(crate) fn bell(&self) -> Arc<Bell> {
        Arc::clone(&self.0.bell)
    }

    /// Lets a request wait for a thread; it is answered 503 if there are too many, or when it has waited too long.
    ///
    /// Must be called within a runtime.
    pub(crate) fn push(&self, mut job: Job) {
        let mut state = self.0.lock();
        if state.door == Door::Lost {
            drop(state);
            job.sender.whole(answer::busy());
            return;
        }
        if state.door == Door::Closed || state.jobs.len() >= self.0.room {
            let waiting = state.jobs.len();
            drop(state);
            warn!(waiting, "too many requests wait for a thread; answered 503");
            job.sender.whole(answer::busy());
            return;
        }
        if let Some(overseer) = &self.0.overseer {
            overseer.runtime.get_or_init(Handle::current);
        }
        self.0.bell.hang();
        let now = Instant::now();
        state.fresh = state.fresh.saturating_add(job.source.here());
        state.jobs.push_back((now, job));
        if !std::mem::replace(&mut state.watched, true) {
            tokio::spawn(watch(Arc::downgrade(&self.0), now + self.0.deadline));
        }
        if state.idle > 0 && !std::mem::replace(&mut state.calling, true) {
            // Behind the other connections that have something to say now: a thread that is called has all their requests
            // before it, and is not switched to and from for each.
            let queue = Arc::clone(&self.0);
            tokio::spawn(async move { queue.call() });
        }
        if state.fresh >= FRESH {
            state.fresh = 0;
            drop(state);
            self.0.filled.notify_one();
        }
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls as many threads as there is work for.
    fn call(&self) {
        let mut state = self.lock();
        state.calling = false;
        state.fresh = 0;
        let wanted = (state.jobs.len() + state.closes.len()).min(state.idle);
        drop(state);
        for _ in 0..wanted {
            self.filled.notify_one();
        }
    }

    /// Has a thread close what was sent.
    pub(crate) fn close(&self, close: Close) {
        self.lock().closes.push_back(close);
        self.filled.notify_one();
    }

    /// What threads work on.
    pub(crate) fn threads(&self) -> MutexGuard<'_, late::Threads> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers all requests 503 from now on, those that wait too, if all threads are lost; whether they are.
    pub(crate) fn close_if_lost(&self) -> bool {
        let threads = self.threads();
        if !threads.is_empty(self.size) {
            return false;
        }
        let mut state = self.lock();
        if state.door == Door::Open {
            state.door = Door::Lost;
        }
        let jobs = std::mem::take(&mut state.jobs);
        drop(state);
        drop(threads);
        for (_, mut job) in jobs {
            job.sender.whole(answer::busy());
        }
        true
    }

    /// A thread has done with a request; whether it is not needed any more.
    fn done(&self, py: Python<'_>, seat: Seat) -> bool {
        let mut threads = self.threads();
        let (is_replaced, came_back) = threads.end(seat);
        if !threads.is_empty(self.size) {
            let mut state = self.lock();
            if state.door == Door::Lost {
                state.door = Door::Open;
            }
        }
        drop(threads);
        if let Some(late) = came_back {
            py.detach(|| late.came_back());
        }
        is_replaced
    }

    /// Starts a thread more.
    pub(crate) fn add(self: &Arc<Self>, py: Python<'_>) -> PyResult<()> {
        let number = {
            let mut state = self.lock();
            state.last += 1;
            state.last
        };
        let worker = Worker {
            queue: Arc::clone(self),
            number,
        };
        let options = pyo3::types::PyDict::new(py);
        options.set_item("target", Py::new(py, worker)?)?;
        options.set_item("name", format!("wsgi-{number}"))?;
        // One that is stuck must not hold up the end of the process.
        options.set_item("daemon", true)?;
        let thread = py.import("threading")?.getattr("Thread")?;
        let thread = thread.call((), Some(&options))?;
        thread.call_method0("start")?;
        let mut started = std::mem::take(&mut self.lock().started);
        started.retain(|thread| {
            let lives = thread.call_method0(py, "is_alive");
            lives.is_ok_and(|lives| lives.is_truthy(py).unwrap_or(true))
        });
        started.push(thread.unbind());
        self.lock().started = started;
        Ok(())
    }

    /// What to do next, if there is anything.
    fn try_pop(&self) -> Option<Task> {
        self.lock().pop()
    }

    /// What to do next, or nothing when there will be nothing.
    fn pop(&self) -> Option<Task> {
        let mut state = self.lock();
        loop {
            if let Some(task) = state.pop() {
                return Some(task);
            }
            if state.door == Door::Closed {
                return None;
            }
            state.idle += 1;
            state = (self.filled.wait(state)).unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
        }
    }

    /// Answers those that have waited too long; when to look again, if there are any others.
    fn sweep(&self) -> Option<Instant> {
        let now = Instant::now();
        let mut late = Vec::new();
        let mut state = self.lock();
        let next = loop {
            match state.jobs.front() {
                Some((since, _)) if *since + self.deadline > now => {
                    break Some(*since + self.deadline);
                }
                Some(_) => late.extend(state.jobs.pop_front()),
                None => break None,
            }
        };
        state.watched = next.is_some();
        drop(state);
        if !late.is_empty() {
            let (requests, deadline) = (late.len(), self.deadline);
            warn!(
                requests,
                ?deadline,
                "no thread was free in time; answered 503"
            );
        }
        for (_, mut job) in late {
            job.sender.whole(answer::busy());
        }
        next
    }
}

/// Sweeps for as long as anybody waits: an idle server wakes up for nothing.
async fn watch(queue: Weak<Queue>, mut next: Instant) {
    loop {
        tokio::time::sleep_until(next).await;
        let Some(queue) = queue.upgrade() else {
            return;
        };
        match queue.sweep() {
            Some(again) => next = again,
            None => return,
        }
    }
}

/// What a thread does.
#[pyclass(module = "gopuram", frozen)]
#[derive(Debug)]
struct Worker {
    queue: Arc<Queue>,
    number: usize,
}

#[pymethods]
impl Worker {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        let queue = &self.queue;
        let seat = match queue.overseer {
            None => None,
            Some(_) => Some(Seat {
                number: self.number,
                ident: py
                    .import("threading")?
                    .call_method0("get_ident")?
                    .extract()?,
            }),
        };
        // To go on with the next request without letting go of the interpreter saves two hand-overs; other threads get it as
        // they do from any program, after the switch interval.
        while let Some(task) = queue.try_pop().or_else(|| py.detach(|| queue.pop())) {
            if task.is_gone() {
                continue;
            }
            if let Some(seat) = seat {
                let (asked, watched) = task.watched();
                late::begin(queue, seat, asked, watched);
            }
            // What a panic leaves is dropped, which breaks the answer off.
            let done = catch_unwind(AssertUnwindSafe(|| task.run(py, queue)));
            end_if_forked(py);
            // Of a panic it is told where the request is dropped.
            if let Ok(Err(error)) = done {
                let error = errors::line(&error);
                py.detach(|| error!(%error, "a request could not be given to Python"));
            }
            if seat.is_some_and(|seat| queue.done(py, seat)) {
                // Another has taken this one's place.
                break;
            }
        }
        Ok(())
    }
}

impl Task {
    /// Whether nobody wants it any longer.
    fn is_gone(&self) -> bool {
        match self {
            Self::Job(job) => job.sender.is_gone(),
            Self::Close(_) => false,
        }
    }

    /// By what it is known to who watches it.
    fn watched(&self) -> (&Variables, Watched) {
        match self {
            Self::Job(job) => (&job.variables, job.sender.watched()),
            Self::Close(close) => (&close.variables, close.watched.clone()),
        }
    }

    fn run(self, py: Python<'_>, queue: &Arc<Queue>) -> PyResult<()> {
        match self {
            Self::Job(job) => {
                let mut run = Run::begin(py, job, By::Pool(queue))?;
                if !run.is_over() {
                    while run.step(py) == Flow::More {}
                }
            }
            Self::Close(close) => close.call(py),
        }
        Ok(())
    }
}
