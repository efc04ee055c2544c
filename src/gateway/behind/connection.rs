//! One connection of a front server, from its first byte to its last.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::futures::OwnedNotified;
use tokio::task::{unconstrained, yield_now};
use tokio::time::{Instant, Sleep, sleep_until};
use tracing::debug;

use super::super::pulse::{Wait, after};
use super::super::settings::Settings;
use super::super::slot;
use super::super::slots::Slot;
use super::codec::{Codec, Heads};
use super::exchange::Exchange;
use super::out::Out;
use super::wire::Ends;
use crate::Application;
use crate::environ::Mapping;
use crate::middleware::attributes::{self, Draining};

/// What is known of a connection before its first byte.
pub(in crate::gateway) struct Arrival {
    pub(in crate::gateway) connection: attributes::Connection,
    pub(in crate::gateway) mapping: Arc<Mapping>,
    pub(in crate::gateway) slot: Option<Slot>,
}

/// Serves `app` over `io`.
pub(in crate::gateway) async fn serve<T, P, S>(
    io: T,
    ends: Ends<T>,
    codec: P,
    app: S,
    arrival: Arrival,
    settings: Arc<Settings>,
) where
    T: AsyncRead + AsyncWrite + Unpin + Send,
    P: Codec,
    S: Application,
{
    let Arrival {
        mut connection,
        mapping,
        slot,
    } = arrival;
    connection.draining = Draining::by(Arc::clone(&settings.drain) as _);
    let mut drain = pin!(settings.drain.changed());
    let deadline = after(settings.deadlines.head);
    let mut timer = pin!(sleep_until(deadline));
    let mut served = Served {
        io,
        ends,
        codec,
        app: slot::Slot::new(app),
        connection,
        mapping,
        exchanges: Vec::new(),
        turn: 0,
        input: BytesMut::new(),
        out: Out::default(),
        requests: 0,
        old: settings.deadlines.old(),
        closing: Closing::No,
        unread: false,
        broken: false,
        wait: (Wait::Head, 0),
        deadline,
        settings,
        _slot: slot,
    };
    poll_fn(|cx| served.poll(cx, drain.as_mut(), timer.as_mut())).await;
}

pub(super) struct Served<T, P, S: Application> {
    pub(super) io: T,
    pub(super) ends: Ends<T>,
    pub(super) codec: P,
    pub(super) app: slot::Slot<S>,
    pub(super) connection: attributes::Connection,
    pub(super) mapping: Arc<Mapping>,
    pub(super) exchanges: Vec<Pin<Box<Exchange<S>>>>,
    /// Whose turn it is to give something.
    pub(super) turn: usize,
    pub(super) input: BytesMut,
    pub(super) out: Out,
    pub(super) requests: usize,
    /// When the connection is too old for another request, if ever.
    pub(super) old: Option<Instant>,
    pub(super) closing: Closing,
    /// Whether the front server may still be sending what nobody will read.
    pub(super) unread: bool,
    /// Whether an answer broke off, so that the connection is cut and not closed.
    pub(super) broken: bool,
    wait: (Wait, usize),
    deadline: Instant,
    pub(super) settings: Arc<Settings>,
    _slot: Option<Slot>,
}

/// How far it is decided that no further request is wanted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Closing {
    No,
    /// It is, and what has arrived already is looked for.
    Looking,
    /// What is under way ends, and then the connection.
    Soon,
    /// All was written, and the other side is told.
    Shut,
}

/// How often all is looked at before others get their turn.
const TURNS: usize = 32;

impl<T, P, S: Application> Served<T, P, S> {
    /// Whether an answer has begun and not ended.
    fn is_telling(&self) -> bool {
        self.broken
            || self.exchanges.iter().any(|exchange| exchange.has_begun())
            || !self.out.bytes.is_empty()
    }
}

/// However it comes: what has not ended does not look so. FastCGI has a word for the end, but nginx does without it where it
/// does not buffer.
impl<T, P, S: Application> Drop for Served<T, P, S> {
    fn drop(&mut self) {
        self.settings.counters.answered.add(self.exchanges.len());
        if self.is_telling() {
            (self.ends.cut)(&self.io);
        }
    }
}

impl<T, P, S> Served<T, P, S>
where
    T: AsyncRead + AsyncWrite + Unpin,
    P: Codec,
    S: Application,
{
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        mut drain: Pin<&mut OwnedNotified>,
        timer: Pin<&mut Sleep>,
    ) -> Poll<()> {
        // Before the phase is looked at: what comes after this is heard of.
        while drain.as_mut().poll(cx).is_ready() {
            drain.set(self.settings.drain.changed());
        }
        if self.settings.drain.has_ended() {
            self.settings.counters.cut.one();
            return self.give_up(cx);
        }
        if self.closing == Closing::No && !self.settings.drain.is_running() {
            self.closing = Closing::Looking;
            // Who yields is woken after the runtime has looked at its sockets, so that what is there will have been read.
            let _ = pin!(yield_now()).poll(cx);
            return Poll::Pending;
        }
        for _ in 0..TURNS {
            let mut moved = false;
            // CGI has its request before anything is read.
            if self.requests == 0 && self.decode(cx).is_err() {
                return self.give_up(cx);
            }
            match self.read(cx) {
                Ok(read) => moved |= read,
                Err(Gone) => return self.give_up(cx),
            }
            // All that there is goes out together: a head, its body and its end are one piece more often than not.
            for _ in 0..TURNS {
                match self.ask(cx) {
                    Ok(true) => moved = true,
                    Ok(false) => break,
                    Err(Gone) => return self.give_up(cx),
                }
            }
            match self.out.write(&mut self.io, &self.settings.counters, cx) {
                Ok(written) => moved |= written,
                Err(Gone) => return self.give_up(cx),
            }
            match self.close(cx) {
                Poll::Ready(()) => return Poll::Ready(()),
                Poll::Pending => {}
            }
            if !moved {
                return self.poll_deadline(cx, timer);
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Whether nothing is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.exchanges.is_empty()
            && self.out.is_done()
            && self.input.is_empty()
            && !self.codec.heads().is_open()
    }

    /// Ends the connection when it is time.
    fn close(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let is_over = match self.closing {
            Closing::No => false,
            // What a front server has begun to say is heard to its end.
            Closing::Looking => {
                // Another process accepts: a request may be on its way here.
                let patient = self.settings.drain.is_patient();
                !patient && self.is_idle()
            }
            Closing::Soon => self.exchanges.is_empty() && self.out.is_done(),
            Closing::Shut => !self.unread,
        };
        if !is_over {
            return Poll::Pending;
        }
        if self.broken {
            // Whatever else is still to be read, it is not to look like an end.
            return Poll::Ready(());
        }
        if self.closing != Closing::Shut {
            match Pin::new(&mut self.io).poll_shutdown(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(_) => self.closing = Closing::Shut,
            }
            if self.unread {
                // What still comes is read and forgotten, for as long as that may take.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
        Poll::Ready(())
    }

    /// Gives the connection up, and all that is under way.
    fn give_up(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.is_telling() {
            // As far as it can be said at once.
            drop(Pin::new(&mut self.io).poll_shutdown(cx));
        }
        Poll::Ready(())
    }

    /// What is waited for, and a number that is another one whenever a new wait began.
    fn waits(&self) -> (Wait, usize) {
        let Heads { done, .. } = self.codec.heads();
        if self.closing == Closing::Shut {
            (Wait::Linger, 0)
        } else if let Some(number) = self.out.waits() {
            (Wait::Write, number)
        } else if self.codec.heads().is_open() || self.requests == 0 {
            (Wait::Head, done)
        } else if self.exchanges.is_empty() {
            (Wait::Idle, self.requests)
        } else {
            (Wait::App, self.requests)
        }
    }

    /// Sees that nothing is waited for too long.
    fn poll_deadline(&mut self, cx: &mut Context<'_>, mut timer: Pin<&mut Sleep>) -> Poll<()> {
        let wait = self.waits();
        if self.wait != wait {
            self.wait = wait;
            self.deadline = after(self.settings.deadlines.of(wait.0));
            if self.deadline < timer.deadline() {
                timer.as_mut().reset(self.deadline);
            }
        }
        // Whatever the task's budget: one that is spent has the timer remember nobody.
        while pin!(unconstrained(timer.as_mut())).poll(cx).is_ready() {
            if timer.deadline() >= self.deadline {
                if wait.0 == Wait::Head && self.begin_late(cx) {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                if wait.0 != Wait::App {
                    debug!(wait = ?wait.0, "the connection was given up");
                    self.settings.counters.late(wait.0);
                    return self.give_up(cx);
                }
                // Not the gateway's to limit.
                self.deadline = after(self.settings.deadlines.of(Wait::App));
            }
            timer.as_mut().reset(self.deadline);
        }
        Poll::Pending
    }
}

impl Closing {
    /// No further request is wanted.
    pub(super) const fn soon(self) -> Self {
        match self {
            Self::Shut => Self::Shut,
            Self::No | Self::Looking | Self::Soon => Self::Soon,
        }
    }
}

/// The connection is not to go on.
pub(super) struct Gone;
