//! A worker, as it sees its supervisor.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream as Channel;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gopuram::gateway::{Handle, Sockets};
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use rustix::process::set_parent_process_death_signal;
use tokio::io::AsyncReadExt as _;
use tokio::net::UnixStream;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::MissedTickBehavior;

use crate::logs::Logs;
use crate::share::Share;
use crate::supervisor::word;
use crate::witness::Witness;

/// Signs of life come at least this often; a supervisor that does not wait for them gets them all the same.
const SELDOM: Duration = Duration::from_secs(5);

/// How long requests may be on their way to a worker whose successor has changed.
const ON_THEIR_WAY: Duration = Duration::from_millis(100);

/// What a supervisor has passed to this process: the sockets, and a channel on the standard input.
#[pyclass(module = "gopuram", frozen)]
#[derive(Debug)]
pub(crate) struct Control {
    sockets: Mutex<Option<Sockets>>,
    share: Mutex<Option<Share>>,
    channel: Arc<Channel>,
    every: Duration,
}

/// Takes what the supervisor has passed, before the application can start processes that would have it too.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "Python gives it so")]
pub(crate) fn worker(bind: Vec<String>, timeout: f64) -> PyResult<Control> {
    let (channel, share) = channel().map_err(|error| PyOSError::new_err(error.to_string()))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let sockets = runtime.block_on(Sockets::bind(bind.iter().map(String::as_str)));
    let sockets = sockets.map_err(|error| PyOSError::new_err(format!("{error:?}")))?;
    let timeout = crate::serve::seconds(timeout, "timeout")?;
    let every = if timeout.is_zero() { SELDOM } else { timeout };
    Ok(Control {
        sockets: Mutex::new(Some(sockets)),
        share: Mutex::new(Some(share)),
        channel: Arc::new(channel),
        every: (every / 4).clamp(Duration::from_millis(1), SELDOM),
    })
}

/// The standard input, of which nothing is left then.
fn channel() -> io::Result<(Channel, Share)> {
    let channel = io::stdin().as_fd().try_clone_to_owned()?;
    rustix::stdio::dup2_stdin(OpenOptions::new().read(true).open("/dev/null")?)?;
    let channel = Channel::from(channel);
    let share = Share::receive(&channel)?;
    channel.set_nonblocking(true)?;
    Ok((channel, share))
}

#[pymethods]
impl Control {
    /// Says that what this process has loaded is not what is on disk any more.
    fn changed(&self) {
        self.link().say(word::CHANGED);
    }
}

impl Control {
    /// The sockets, once.
    pub(crate) fn sockets(&self) -> Option<Sockets> {
        let mut sockets = (self.sockets.lock()).unwrap_or_else(PoisonError::into_inner);
        sockets.take()
    }

    /// The place among all workers, once.
    pub(crate) fn share(&self) -> Option<Share> {
        let mut share = (self.share.lock()).unwrap_or_else(PoisonError::into_inner);
        share.take()
    }

    pub(crate) fn link(&self) -> Link {
        Link {
            channel: Arc::clone(&self.channel),
            every: self.every,
        }
    }
}

/// The channel to the supervisor.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    channel: Arc<Channel>,
    every: Duration,
}

impl Link {
    /// Says a word; to a supervisor that is behind or gone nothing is said.
    pub(crate) fn say(&self, word: u8) {
        drop((&*self.channel).write(&[word]));
    }

    /// Says that the worker is ready, and does what the supervisor says; an operator's signals are heard as well.
    ///
    /// # Errors
    ///
    /// If that is not possible.
    pub(crate) async fn heed(
        self,
        server: Handle,
        logs: Logs,
        witness: Arc<Witness>,
    ) -> io::Result<()> {
        let mut channel = UnixStream::from_std(self.channel.try_clone()?)?;
        let mut terminate = signal(SignalKind::terminate())?;
        // Without a log it is the application's to hear.
        let reopen = logs
            .are_there()
            .then(|| signal(SignalKind::user_defined1()));
        let mut reopen = reopen.transpose()?;
        // Those of a terminal come to all processes, and are the supervisor's to heed.
        let deaf = [SignalKind::interrupt(), SignalKind::hangup()];
        let _deaf = deaf
            .into_iter()
            .map(signal)
            .collect::<io::Result<Vec<_>>>()?;
        let mut beat = tokio::time::interval(self.every);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut alone = false;
        // From here on it is heard when the supervisor is gone.
        set_parent_process_death_signal(None)?;
        self.say(word::READY);
        loop {
            let word = tokio::select! {
                word = channel.read_u8(), if !alone => word.unwrap_or_else(|_| {
                    tracing::warn!("the supervisor is gone; ending");
                    alone = true;
                    word::STOP
                }),
                _ = terminate.recv() => {
                    // A service manager may signal all processes at once, and what becomes of them is the supervisor's to say:
                    // an end, or, if it was not signalled, another worker in this one's place.
                    self.say(word::OLD);
                    continue;
                }
                () = came(&mut reopen) => word::REOPEN,
                _ = beat.tick() => {
                    witness.beat();
                    continue;
                }
            };
            match word {
                word::LEAVE => server.leave(),
                word::YIELD => {
                    server.leave();
                    let server = server.clone();
                    tokio::spawn(async move {
                        tokio::time::sleep(ON_THEIR_WAY).await;
                        server.stop();
                    });
                }
                word::STOP => server.stop(),
                word::END => server.end(),
                word::REOPEN => logs.reopen(),
                _ => {}
            }
        }
    }
}

async fn came(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

/// After how many requests a worker is old.
#[derive(Debug)]
pub(crate) struct Quota {
    left: AtomicU64,
    link: Link,
}

impl Quota {
    pub(crate) const fn new(requests: u64, link: Link) -> Self {
        Self {
            left: AtomicU64::new(requests),
            link,
        }
    }

    /// One request more; the supervisor is told of the last.
    pub(crate) fn count(&self) {
        if self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.link.say(word::OLD);
        }
    }
}
