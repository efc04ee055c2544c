//! What a server does besides serving: it hears signals, and tells the service manager how it is.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Interval, MissedTickBehavior, interval};
use tracing::info;

use super::listen::{GiveWay, Listener};
use super::notify;
use super::signals::Signals;
use super::successor::{self, Program};
use crate::Error;

/// What to do at a signal, and before a connection is accepted.
#[derive(Default)]
pub(super) struct Hooks {
    pub(super) reload: Option<Reload>,
    pub(super) reopen: Option<Box<dyn FnMut() + Send>>,
    pub(super) successor: Option<Arc<Program>>,
    pub(super) give_way: Option<GiveWay>,
    /// What was heard before there was a server.
    pub(super) heard: Signals,
}

pub(super) type Reload = Box<dyn FnMut() -> Task<()> + Send>;

type Task<T> = Pin<Box<dyn Future<Output = T> + Send>>;

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("reload", &self.reload.is_some())
            .field("reopen", &self.reopen.is_some())
            .field("successor", &self.successor)
            .field("give_way", &self.give_way.is_some())
            .field("heard", &self.heard)
            .finish()
    }
}

/// The life of a server from its first connection to its end.
pub(super) struct Life {
    hooks: Hooks,
    hangup: Option<Signal>,
    user1: Option<Signal>,
    user2: Option<Signal>,
    watchdog: Option<Interval>,
    /// What is under way, and not begun anew before it is done.
    reloading: Option<Task<()>>,
    succeeding: Option<Task<bool>>,
}

/// What happened.
enum Event {
    Alive,
    Reload,
    Reloaded,
    Reopen,
    Succeed,
    Succeeded(bool),
}

impl Life {
    /// Signals without a hook are left alone.
    pub(super) fn new(mut hooks: Hooks) -> Result<Self, Error> {
        let heard = std::mem::take(&mut hooks.heard);
        let on = |wanted: bool, heard: Option<Signal>, kind| {
            let hear = || heard.map_or_else(|| signal(kind), Ok);
            wanted.then(hear).transpose()
        };
        let hangup = on(hooks.reload.is_some(), heard.hangup, SignalKind::hangup());
        let reopens = hooks.reopen.is_some();
        let user1 = on(reopens, heard.user1, SignalKind::user_defined1());
        let succeeds = hooks.successor.is_some();
        let user2 = on(succeeds, heard.user2, SignalKind::user_defined2());
        let watchdog = notify::watchdog().map(|every| {
            let mut watchdog = interval(every);
            watchdog.set_missed_tick_behavior(MissedTickBehavior::Delay);
            watchdog
        });
        Ok(Self {
            hooks,
            hangup: hangup.map_err(Error::signals)?,
            user1: user1.map_err(Error::signals)?,
            user2: user2.map_err(Error::signals)?,
            watchdog,
            reloading: None,
            succeeding: None,
        })
    }

    /// Says that all is ready.
    pub(super) fn begin() {
        notify::tell("READY=1");
        successor::ready();
    }

    /// Does what there is to do, until another process has taken over.
    pub(super) async fn go_on(&mut self, listeners: &[Arc<Listener>]) {
        loop {
            match poll_fn(|cx| self.poll_next(cx)).await {
                Event::Alive => notify::tell("WATCHDOG=1"),
                Event::Reload => {
                    info!("reloading");
                    notify::reloading();
                    self.reloading = self.hooks.reload.as_mut().map(|reload| reload());
                }
                Event::Reloaded => {
                    self.reloading = None;
                    notify::tell("READY=1");
                }
                Event::Reopen => {
                    info!("reopening");
                    if let Some(reopen) = &mut self.hooks.reopen {
                        reopen();
                    }
                }
                Event::Succeed => {
                    let listeners = listeners.to_vec();
                    self.succeeding = self.hooks.successor.clone().map(|program| {
                        let starting = async move {
                            successor::succeed(program.command(), &listeners, successor::DEADLINE)
                                .await
                        };
                        Box::pin(starting) as Task<bool>
                    });
                }
                Event::Succeeded(true) => return,
                Event::Succeeded(false) => self.succeeding = None,
            }
        }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        let watchdog = self
            .watchdog
            .as_mut()
            .map(|watchdog| watchdog.poll_tick(cx));
        if watchdog.is_some_and(|tick| tick.is_ready()) {
            return Poll::Ready(Event::Alive);
        }
        let reloading = self.reloading.as_mut().map(|task| task.as_mut().poll(cx));
        match reloading {
            Some(Poll::Ready(())) => return Poll::Ready(Event::Reloaded),
            None if came(&mut self.hangup, cx) => return Poll::Ready(Event::Reload),
            Some(Poll::Pending) | None => {}
        }
        if came(&mut self.user1, cx) {
            return Poll::Ready(Event::Reopen);
        }
        match &mut self.succeeding {
            Some(succeeding) => succeeding.as_mut().poll(cx).map(Event::Succeeded),
            None if came(&mut self.user2, cx) => Poll::Ready(Event::Succeed),
            None => Poll::Pending,
        }
    }
}

fn came(signal: &mut Option<Signal>, cx: &mut Context<'_>) -> bool {
    signal
        .as_mut()
        .is_some_and(|signal| signal.poll_recv(cx).is_ready())
}
