//! Requests for which the application takes too long.

use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use gopuram::middleware::attributes::RequestId;
use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use tokio::runtime::Handle;
use tokio::time::Instant;
use tracing::{error, warn};

use crate::application::Variables;
use crate::control::Link;
use crate::errors;
use crate::exchange::{Cut, Watched};
use crate::pool::Queue;
use crate::supervisor::word;
use crate::witness::Witness;

/// How often requests are looked at, as part of their limit: a clock that stands and goes, as they wait for the client and do not,
/// has no moment to be waited for.
const LOOKS: u32 = 10;

/// But so seldom at the most.
const SELDOM: Duration = Duration::from_millis(100);

/// How requests are watched.
#[derive(Debug)]
pub(crate) struct Overseer {
    pub(crate) limit: Duration,
    /// Where they are watched: that of the connections.
    pub(crate) runtime: OnceLock<Handle>,
    pub(crate) witness: Arc<Witness>,
    /// Whom to tell that there are no threads left to replace.
    pub(crate) link: Option<Link>,
}

/// A request that a thread works on.
#[derive(Debug)]
pub(crate) struct Running {
    /// By which the pool knows the thread, and by which Python does.
    seat: Seat,
    since: Instant,
    asked: Asked,
    watched: Watched,
    /// How long it had waited for the client before.
    before: Duration,
    late: bool,
    /// Another thread has taken the place of this one.
    replaced: bool,
}

/// What was asked for, and by what a layer has made it known, if one has.
#[derive(Clone, Debug)]
struct Asked {
    what: String,
    id: Option<RequestId>,
}

impl Asked {
    fn id(&self) -> Option<&str> {
        self.id.as_ref().map(RequestId::as_str)
    }
}

/// A thread of the pool.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seat {
    pub(crate) number: usize,
    pub(crate) ident: u64,
}

/// The requests that threads work on.
#[derive(Debug, Default)]
pub(crate) struct Threads {
    running: Vec<Running>,
    lost: usize,
    /// Somebody looks after them, for as long as there are any.
    overseen: bool,
}

/// A thread begins with a request.
pub(crate) fn begin(queue: &Arc<Queue>, seat: Seat, asked: &Variables, watched: Watched) {
    let mut threads = queue.threads();
    threads.begin(seat, asked, watched);
    if let Some(runtime) = queue.overseer.as_ref().and_then(|o| o.runtime.get())
        && !std::mem::replace(&mut threads.overseen, true)
    {
        runtime.spawn(oversee(Arc::downgrade(queue)));
    }
}

impl Threads {
    fn begin(&mut self, seat: Seat, asked: &Variables, watched: Watched) {
        let now = Instant::now();
        self.running.push(Running {
            seat,
            since: now,
            asked: Asked {
                what: asked.what(),
                id: asked.id().cloned(),
            },
            before: watched.waited(now),
            watched,
            late: false,
            replaced: false,
        });
    }

    /// A thread has done with it; whether it is not needed any more, and the request if the thread had been lost.
    pub(crate) fn end(&mut self, seat: Seat) -> (bool, Option<Running>) {
        let at = self
            .running
            .iter()
            .position(|r| r.seat.number == seat.number);
        let Some(running) = at.map(|at| self.running.swap_remove(at)) else {
            return (false, None);
        };
        if running.late {
            self.lost -= 1;
        }
        // It takes the place of another that is lost, if that has none yet.
        let lost = |other: &&mut Running| other.late && !other.replaced;
        let is_replaced = match self.running.iter_mut().find(lost) {
            Some(other) if running.replaced => {
                other.replaced = true;
                false
            }
            _ => running.replaced,
        };
        (is_replaced, running.late.then_some(running))
    }

    /// Those for which it is too late now, and when to look again.
    fn overdue(&mut self, limit: Duration) -> (Vec<(Seat, Asked, Watched)>, Option<Instant>) {
        let now = Instant::now();
        let mut overdue = Vec::new();
        let mut next: Option<Instant> = None;
        for running in self.running.iter_mut().filter(|running| !running.late) {
            let waited = running.watched.waited(now).saturating_sub(running.before);
            let end = running.since + limit + waited;
            if end <= now {
                running.late = true;
                self.lost += 1;
                overdue.push((running.seat, running.asked.clone(), running.watched.clone()));
            } else {
                next = Some(next.map_or(end, |next| next.min(end)));
            }
        }
        let next = next.map(|next| next.max(now + (limit / LOOKS).min(SELDOM)));
        self.overseen = next.is_some();
        (overdue, next)
    }

    /// Whether none of `size` threads is left, those counted once that took another's place.
    pub(crate) fn is_empty(&self, size: usize) -> bool {
        let lost = |running: &&Running| running.late && !running.replaced;
        self.running.iter().filter(lost).count() >= size
    }

    /// None could take its place.
    fn keep(&mut self, seat: Seat) {
        let same = |running: &&mut Running| running.seat.number == seat.number;
        if let Some(running) = self.running.iter_mut().find(same) {
            running.replaced = false;
        }
    }

    fn is_lost(&self, seat: Seat) -> bool {
        let same = |running: &Running| running.late && running.seat.number == seat.number;
        self.running.iter().any(same)
    }

    /// Whether another thread is to take the place of one that is lost, of which up to `most` are replaced.
    fn replace(&mut self, seat: Seat, most: usize) -> Replace {
        let replaced = self
            .running
            .iter()
            .filter(|running| running.replaced)
            .count();
        let same = |running: &&mut Running| running.late && running.seat.number == seat.number;
        match self.running.iter_mut().find(same) {
            None => Replace::Done,
            Some(running) if running.replaced => Replace::Done,
            Some(_) if most == 1 => Replace::Never,
            Some(_) if replaced >= most => Replace::TooMany(self.lost),
            Some(running) => {
                running.replaced = true;
                Replace::Yes
            }
        }
    }
}

impl Running {
    /// Says that its thread is not lost any more.
    pub(crate) fn came_back(&self) {
        warn!(
            request = self.asked.what,
            request_id = self.asked.id(),
            took = ?self.since.elapsed(),
            "a thread that was lost has come back"
        );
    }
}

enum Replace {
    /// It has come back meanwhile, or another has.
    Done,
    TooMany(usize),
    /// It is the only one, which says that the application is not to be called by two at once.
    Never,
    Yes,
}

/// A request whose answer was cut, and whose thread is lost.
#[derive(Debug)]
pub(crate) struct Late {
    pub(crate) queue: Arc<Queue>,
    pub(crate) seat: Seat,
}

/// Cuts those that take too long, for as long as any are worked on.
async fn oversee(queue: Weak<Queue>) {
    loop {
        let next = {
            let Some(queue) = queue.upgrade() else {
                return;
            };
            let Some(overseer) = &queue.overseer else {
                return;
            };
            let (overdue, next) = queue.threads().overdue(overseer.limit);
            for (seat, asked, watched) in overdue {
                let limit = overseer.limit;
                let (request, request_id) = (&asked.what, asked.id());
                match watched.cut() {
                    Cut::Answered => error!(
                        request,
                        request_id,
                        ?limit,
                        "the application takes too long; answered 504"
                    ),
                    Cut::Broken => error!(
                        request,
                        request_id,
                        ?limit,
                        "the application takes too long; the answer breaks off"
                    ),
                    Cut::Over => error!(
                        request,
                        request_id,
                        ?limit,
                        "the application takes too long after its answer"
                    ),
                }
                overseer.witness.late(Late {
                    queue: Arc::clone(&queue),
                    seat,
                });
            }
            next
        };
        let Some(next) = next else {
            return;
        };
        tokio::time::sleep_until(next).await;
    }
}

impl Late {
    /// Writes what the thread does, and has another take its place.
    pub(crate) fn tell(self, py: Python<'_>) {
        // It cannot come back while the interpreter is had here.
        if !self.queue.threads().is_lost(self.seat) {
            return;
        }
        match stack(py, self.seat.ident) {
            Ok(stack) => errors::emit(py, &stack),
            Err(error) => {
                let error = errors::line(&error);
                py.detach(|| error!(%error, "the traceback of a thread cannot be had"));
            }
        }
        let replace = self.queue.threads().replace(self.seat, self.queue.size);
        let added = match replace {
            Replace::Yes => self.queue.add(py).map_err(|error| errors::line(&error)),
            _ => Ok(()),
        };
        py.detach(|| match (replace, added) {
            (Replace::Done, _) => {}
            (Replace::Never, _) => {
                if let Some(link) = self.link() {
                    error!(
                        "the only thread is lost: another process is to take the place of this one"
                    );
                    link.say(word::OLD);
                } else {
                    error!(
                        "the only thread is lost: requests wait until it comes back; \
                        with --workers another process would take the place of this one"
                    );
                }
            }
            (Replace::Yes, Ok(())) => {
                warn!("another thread takes the place of the one that is lost");
            }
            (Replace::Yes, Err(error)) => {
                error!(%error, "no thread can take the place of the one that is lost");
                self.queue.threads().keep(self.seat);
                self.give_up();
            }
            (Replace::TooMany(lost), _) => {
                error!(
                    lost,
                    "too many threads are lost; there is no other for this one"
                );
                self.give_up();
            }
        });
    }

    fn link(&self) -> Option<&Link> {
        self.queue.overseer.as_ref().and_then(|o| o.link.as_ref())
    }

    /// There will be fewer threads; another process would have as many as there should be.
    fn give_up(&self) {
        let link = self.link();
        if let Some(link) = link {
            link.say(word::OLD);
        }
        if self.queue.close_if_lost() && link.is_none() {
            error!(
                "no thread is left: requests are answered 503 until one comes back; \
                with --workers another process would take the place of this one"
            );
        }
    }
}

/// What a thread does, as a traceback has it.
fn stack(py: Python<'_>, ident: u64) -> PyResult<String> {
    let frames = py.import("sys")?.call_method0("_current_frames")?;
    let frame = frames.get_item(ident);
    let frame = match frame {
        // It has ended.
        Err(error) if error.is_instance_of::<PyKeyError>(py) => return Ok(String::new()),
        frame => frame?,
    };
    let lines = py
        .import("traceback")?
        .call_method1("format_stack", (frame,))?;
    let stack = errors::below(&lines)?;
    Ok(format!(
        "Stack of the thread (most recent call last):\n{stack}"
    ))
}
