//! What a server does besides serving: it hears signals, and tells the service manager how it is.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Interval, MissedTickBehavior, interval};
use tracing::info;

use super::listen::Listener;
use super::notify;
use super::successor::{self, Program};
use crate::Error;

/// What to do at a signal.
#[derive(Default)]
pub(super) struct Hooks {
    pub(super) reload: Option<Reload>,
    pub(super) reopen: Option<Box<dyn FnMut() + Send>>,
    pub(super) successor: Option<Program>,
}

pub(super) type Reload = Box<dyn FnMut() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("reload", &self.reload.is_some())
            .field("reopen", &self.reopen.is_some())
            .field("successor", &self.successor)
            .finish()
    }
}

/// The life of a server from its first connection to its end.
#[derive(Debug)]
pub(super) struct Life {
    hooks: Hooks,
    hangup: Option<Signal>,
    user1: Option<Signal>,
    user2: Option<Signal>,
    watchdog: Option<Interval>,
}

/// What happened.
enum Event {
    Alive,
    Reload,
    Reopen,
    Succeed,
}

impl Life {
    /// Signals without a hook are left alone.
    pub(super) fn new(hooks: Hooks) -> Result<Self, Error> {
        let on = |wanted: bool, kind| wanted.then(|| signal(kind)).transpose();
        Ok(Self {
            hangup: on(hooks.reload.is_some(), SignalKind::hangup()).map_err(Error::signals)?,
            user1: on(hooks.reopen.is_some(), SignalKind::user_defined1())
                .map_err(Error::signals)?,
            user2: on(hooks.successor.is_some(), SignalKind::user_defined2())
                .map_err(Error::signals)?,
            watchdog: notify::watchdog().map(|every| {
                let mut watchdog = interval(every);
                watchdog.set_missed_tick_behavior(MissedTickBehavior::Delay);
                watchdog
            }),
            hooks,
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
            match self.next().await {
                Event::Alive => notify::tell("WATCHDOG=1"),
                Event::Reload => {
                    if let Some(reload) = &mut self.hooks.reload {
                        info!("reloading");
                        notify::reloading();
                        reload().await;
                        notify::tell("READY=1");
                    }
                }
                Event::Reopen => {
                    if let Some(reopen) = &mut self.hooks.reopen {
                        info!("reopening");
                        reopen();
                    }
                }
                Event::Succeed => {
                    if let Some(program) = &self.hooks.successor
                        && program.succeed(listeners).await
                    {
                        return;
                    }
                }
            }
        }
    }

    async fn next(&mut self) -> Event {
        std::future::poll_fn(|cx| {
            if let Some(watchdog) = &mut self.watchdog
                && watchdog.poll_tick(cx).is_ready()
            {
                return Poll::Ready(Event::Alive);
            }
            if came(&mut self.hangup, cx) {
                return Poll::Ready(Event::Reload);
            }
            if came(&mut self.user1, cx) {
                return Poll::Ready(Event::Reopen);
            }
            if came(&mut self.user2, cx) {
                return Poll::Ready(Event::Succeed);
            }
            Poll::Pending
        })
        .await
    }
}

fn came(signal: &mut Option<Signal>, cx: &mut Context<'_>) -> bool {
    signal
        .as_mut()
        .is_some_and(|signal| signal.poll_recv(cx).is_ready())
}
