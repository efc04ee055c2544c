//! The process that serves by others: it binds the sockets, starts the workers and never imports the application.
//!
//! ```text
//!   supervisor ── sockets, passed by number ──▶ worker ── accepts, serves
//!        │                                        │
//!        ├── leave, stop, end, reopen ──▶ stdin ──┤
//!        ◀──────── ready, beat, old ───── stdin ──┘
//! ```
//!
//! All workers accept from the same sockets, which the supervisor keeps: who waits in their queues is lost with no worker, however
//! that ends. With `SO_REUSEPORT` each worker would have a queue of its own, and the kernel resets what is in it when it closes.

mod ending;
mod fleet;
mod orphans;
mod pause;
mod reload;
mod settings;
mod signals;
mod worker;

use std::pin::Pin;
use std::time::Instant;

use gopuram::gateway::{Sockets, notify};
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use tokio::sync::mpsc;
use tracing::{error, info};

pub(crate) use self::ending::AT_ONCE;
use self::fleet::Fleet;
use self::orphans::Orphans;
use self::settings::Settings;
use self::signals::{Signals, Wish};
pub(crate) use self::worker::{GRACE, LAST_WORDS};
use crate::pid_file::PidFile;

/// What is said over a worker's standard input, a byte each.
pub(crate) mod word {
    /// Worker: it accepts.
    pub(crate) const READY: u8 = b'r';
    /// Worker: its loop goes on, and Python can run.
    pub(crate) const BEAT: u8 = b'b';
    /// Worker: another should take its place.
    pub(crate) const OLD: u8 = b'o';
    /// Worker: what it has loaded is not what is on disk any more.
    pub(crate) const CHANGED: u8 = b'c';
    /// Supervisor: others go on, finish what has begun.
    pub(crate) const LEAVE: u8 = b'l';
    /// Supervisor: as that, and let nobody see for long what has changed.
    pub(crate) const YIELD: u8 = b'y';
    /// Supervisor: nobody goes on, finish what has begun and who waits.
    pub(crate) const STOP: u8 = b's';
    /// Supervisor: cut everything.
    pub(crate) const END: u8 = b'e';
    /// Supervisor: open the logs anew.
    pub(crate) const REOPEN: u8 = b'u';
}

/// Serves by workers until SIGTERM or SIGINT; the status for the process to end with.
#[pyfunction]
pub(crate) fn supervise(py: Python<'_>, options: &Bound<'_, PyAny>) -> PyResult<u8> {
    let settings = Settings::of(options)?;
    py.detach(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(run(settings)).map_err(PyOSError::new_err)
    })
}

async fn run(mut settings: Settings) -> Result<u8, String> {
    // Before there is anything that could be ended half.
    let mut signals = Signals::new().map_err(|error| error.to_string())?;
    let mut orphans = Orphans::new().map_err(|error| error.to_string())?;
    let sockets = Sockets::bind(settings.bind.iter().map(String::as_str)).await;
    let sockets = sockets.map_err(|error| format!("{error:?}"))?;
    let mut pid_file = PidFile::at(settings.pid_file.take(), settings.succeeds);
    if !settings.succeeds {
        pid_file.write()?;
    }
    let mut watchdog = notify::watchdog().map(tokio::time::interval);
    // Workers wait when it is full.
    let (sender, mut events) = mpsc::channel(64);
    let mut succeeding: Option<Pin<Box<dyn Future<Output = bool>>>> = None;
    let fleet = Fleet::new(settings, sockets.clone(), sender);
    let mut fleet = fleet.map_err(|error| error.to_string())?;
    let mut sockets = Some(sockets);
    loop {
        orphans.bury(|pid| fleet.workers.iter().any(|worker| worker.pid == pid));
        let now = Instant::now();
        if let Some(status) = fleet.settle(now) {
            return Ok(status);
        }
        // A successor takes it over when it serves, and its predecessor leaves it then.
        if fleet.is_announced()
            && let Err(problem) = pid_file.write()
        {
            error!(problem, "nobody finds this process by its file");
        }
        // What becomes due after this instant is waited for, so that nothing falls between the two.
        let due = fleet.due(now);
        tokio::select! {
            // A manager that signals all processes tells the workers as well: why they end is heard before that they do.
            biased;
            wish = signals.next() => match wish {
                Wish::Succeed => {
                    if let (None, Some(sockets)) = (&succeeding, sockets.clone()) {
                        let (program, patience) = fleet.successor();
                        succeeding = Some(Box::pin(async move {
                            sockets.hand_over(program, patience).await
                        }));
                    }
                }
                Wish::End => {
                    // A successor that is not ready goes as well; and nobody may connect to sockets that are not accepted from.
                    succeeding = None;
                    sockets = None;
                    fleet.end();
                }
                wish => fleet.heed(wish),
            },
            event = events.recv() => if let Some((id, event)) = event {
                fleet.hear(id, event, Instant::now());
            },
            succeeded = wait(&mut succeeding) => {
                succeeding = None;
                if succeeded {
                    info!("ending: a successor serves");
                    sockets = None;
                    fleet.leave();
                }
            }
            () = orphans.next() => {}
            () = alive(&mut watchdog) => notify::tell("WATCHDOG=1"),
            () = sleep_until(due) => {}
        }
    }
}

async fn wait(future: &mut Option<Pin<Box<dyn Future<Output = bool>>>>) -> bool {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

async fn alive(watchdog: &mut Option<tokio::time::Interval>) {
    match watchdog {
        Some(watchdog) => drop(watchdog.tick().await),
        None => std::future::pending().await,
    }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}
