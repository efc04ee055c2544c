//! One connection of a front server, from its first byte to its last.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf as _, BytesMut};
use http::header::LOCATION;
use http::{HeaderValue, Request, StatusCode, request};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::sync::futures::OwnedNotified;
use tokio::task::{unconstrained, yield_now};
use tokio::time::{Instant, Sleep, sleep_until};
use tracing::{debug, warn};

use super::super::front;
use super::super::pulse::{Wait, after};
use super::super::settings::Settings;
use super::super::slot;
use super::super::slots::Slot;
use super::codec::{Codec, Event, Framing, Heads};
use super::exchange::{Exchange, Step, refusal};
use super::inbox::{Arriving, Inbox};
use super::signal::Signal;
use super::wire::Ends;
use crate::Application;
use crate::environ::{Environ, Mapping};
use crate::middleware::Body;
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
        out: BytesMut::new(),
        unflushed: false,
        requests: 0,
        old: settings.deadlines.old(),
        closing: Closing::No,
        unread: false,
        wait: (Wait::Head, 0),
        writes: 0,
        blocked: false,
        deadline,
        settings,
        _slot: slot,
    };
    poll_fn(|cx| served.poll(cx, drain.as_mut(), timer.as_mut())).await;
}

struct Served<T, P, S: Application> {
    io: T,
    ends: Ends<T>,
    codec: P,
    app: slot::Slot<S>,
    connection: attributes::Connection,
    mapping: Arc<Mapping>,
    exchanges: Vec<Pin<Box<Exchange<S>>>>,
    /// Whose turn it is to give something.
    turn: usize,
    input: BytesMut,
    out: BytesMut,
    /// Whether something was written that may wait in the transport.
    unflushed: bool,
    requests: usize,
    /// When the connection is too old for another request, if ever.
    old: Option<Instant>,
    closing: Closing,
    /// Whether the front server may still be sending what nobody will read.
    unread: bool,
    wait: (Wait, usize),
    /// How often the front server took something.
    writes: usize,
    blocked: bool,
    deadline: Instant,
    settings: Arc<Settings>,
    _slot: Option<Slot>,
}

/// How far it is decided that no further request is wanted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Closing {
    No,
    /// It is, and what has arrived already is looked for.
    Looking,
    /// What is under way ends, and then the connection.
    Soon,
    /// All was written, and the other side is told.
    Shut,
}

/// How much is read at once.
const READ: usize = 16 * 1024;

/// How much may wait to be written before no more is asked for.
const OUT: usize = 64 * 1024;

/// How often all is looked at before others get their turn.
const TURNS: usize = 32;

impl<T, P, S: Application> Served<T, P, S> {
    /// Whether an answer has begun and not ended.
    fn is_telling(&self) -> bool {
        self.exchanges.iter().any(|exchange| exchange.has_begun()) || !self.out.is_empty()
    }
}

/// However it comes: what has not ended does not look so. FastCGI has a word for the end, but nginx does without it where it
/// does not buffer.
impl<T, P, S: Application> Drop for Served<T, P, S> {
    fn drop(&mut self) {
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
            match self.ask(cx) {
                Ok(asked) => moved |= asked,
                Err(Gone) => return self.give_up(cx),
            }
            match self.write(cx) {
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

    /// Reads what comes and does what it says, as long as there is room for it; whether there was any.
    fn read(&mut self, cx: &mut Context<'_>) -> Result<bool, Gone> {
        if !self.has_room() {
            return Ok(false);
        }
        let more = self.exchanges.is_empty()
            || self.codec.heads().is_open()
            || self
                .exchanges
                .iter()
                .filter_map(|exchange| exchange.inbox())
                .any(|inbox| !inbox.has_ended());
        (self.ends.expect)(&mut self.io, more);
        self.input.reserve(READ);
        let read = pin!(self.io.read_buf(&mut self.input)).poll(cx);
        match read {
            Poll::Pending => return Ok(false),
            Poll::Ready(Ok(0)) => {
                // Whom CGI has given all of a request's body is not gone.
                if P::NEEDS_BOTH_WAYS || self.is_idle() {
                    return Err(Gone);
                }
                for exchange in &self.exchanges {
                    if let Some(inbox) = exchange.inbox() {
                        inbox.end();
                    }
                }
                return Ok(false);
            }
            Poll::Ready(Ok(count)) => self.settings.counters.bytes_in.add(count),
            Poll::Ready(Err(error)) => {
                debug!(%error, "a front server's connection broke");
                return Err(Gone);
            }
        }
        if self.closing == Closing::Shut {
            self.input.clear();
            return Ok(true);
        }
        self.decode(cx)?;
        Ok(true)
    }

    fn decode(&mut self, cx: &mut Context<'_>) -> Result<(), Gone> {
        loop {
            match self.codec.decode(&mut self.input, &mut self.out) {
                Ok(Some(event)) => self.handle(event, cx),
                Ok(None) => return Ok(()),
                Err(broken) => {
                    warn!(problem = broken.0, "a front server was not understood");
                    self.settings.counters.refuse(StatusCode::BAD_REQUEST);
                    return Err(Gone);
                }
            }
        }
    }

    fn handle(&mut self, event: Event, cx: &mut Context<'_>) {
        match event {
            Event::Request { id, environ, body } => self.begin(id, &environ, body, cx),
            Event::Refused { id, status } => self.refuse(id, status, None, cx),
            Event::Data { id, data } => {
                if let Some(inbox) = self.inbox(id) {
                    inbox.push(data);
                }
            }
            Event::End { id } => {
                if let Some(inbox) = self.inbox(id) {
                    inbox.end();
                }
            }
            Event::Abort { id, more } => {
                // The application hears of it by being dropped.
                self.exchanges.retain(|exchange| exchange.id() != id);
                self.ended(more);
            }
        }
    }

    fn inbox(&self, id: u16) -> Option<&Arc<Inbox>> {
        let exchange = self.exchanges.iter().find(|exchange| exchange.id() == id)?;
        exchange.inbox()
    }

    /// Whether more may be read: the bodies that are not read yet have a bound, each and together.
    ///
    /// A front server that sends several requests over one connection cannot be told to wait with one of them, so that
    /// one may take more as long as others are under way.
    fn has_room(&self) -> bool {
        let held = || {
            self.exchanges
                .iter()
                .filter_map(|e| e.inbox())
                .map(|i| i.held())
        };
        let most = if self.exchanges.len() > 1 {
            self.settings.limits.connection_window
        } else {
            self.settings.limits.window
        };
        let has_room = held().sum::<usize>() < most as usize;
        if !has_room {
            for inbox in self
                .exchanges
                .iter()
                .filter_map(|exchange| exchange.inbox())
            {
                inbox.wait_for_room();
            }
        }
        has_room
    }

    fn begin(&mut self, id: u16, environ: &Environ, framing: Framing, cx: &mut Context<'_>) {
        match environ.head(&self.mapping, &self.connection) {
            Ok(head) => self.call(id, head, framing, cx),
            Err(refused) => {
                debug!(%refused, "a request was refused");
                self.refuse(id, refused.status(), refused.location(), cx);
            }
        }
    }

    /// Gives a request to the application, unless it is refused by what holds for all gateways.
    fn call(&mut self, id: u16, head: request::Parts, framing: Framing, cx: &mut Context<'_>) {
        let mut req = Request::from_parts(head, ());
        if let Err(status) = front::check(&mut req) {
            return self.refuse(id, status, None, cx);
        }
        self.count();
        let signal = Signal::new(cx.waker());
        let inbox = (framing != Framing::Nothing).then(|| Inbox::new(framing, Arc::clone(&signal)));
        let body = match &inbox {
            Some(inbox) => Body::new(Arriving::new(Arc::clone(inbox), framing, &self.settings)),
            None => Body::empty(),
        };
        let req = req.map(|()| body);
        let exchange = Exchange::new(id, req, inbox, signal, &self.app, &self.settings);
        self.exchanges.push(Box::pin(exchange));
    }

    fn refuse(
        &mut self,
        id: u16,
        status: StatusCode,
        location: Option<&HeaderValue>,
        cx: &mut Context<'_>,
    ) {
        self.count();
        if status.is_client_error() || status.is_server_error() {
            self.settings.counters.refuse(status);
        }
        let says = match status {
            StatusCode::LENGTH_REQUIRED => {
                "The front server has to buffer requests whose length is not known.\n"
            }
            _ => "",
        };
        let mut answer = refusal(status, says);
        if let Some(location) = location {
            answer.headers_mut().insert(LOCATION, location.clone());
        }
        // Its body may be on its way.
        self.unread = true;
        let exchange = Exchange::refused(id, answer, Signal::new(cx.waker()));
        self.exchanges.push(Box::pin(exchange));
    }

    /// Takes a request for the last one when there have been enough, or for long enough.
    fn count(&mut self) {
        self.settings.counters.requests.one();
        self.requests = self.requests.saturating_add(1);
        let old = || self.old.is_some_and(|old| Instant::now() >= old);
        if self.closing == Closing::No && (self.requests >= self.settings.requests || old()) {
            self.closing = Closing::Soon;
        }
    }

    /// Asks those for more to send that something has happened to; whether there was any.
    fn ask(&mut self, cx: &mut Context<'_>) -> Result<bool, Gone> {
        let mut moved = false;
        for _ in 0..self.exchanges.len() {
            if self.out.len() >= OUT {
                break;
            }
            let at = self.turn.checked_rem(self.exchanges.len()).unwrap_or(0);
            let Some(exchange) = self.exchanges.get_mut(at) else {
                break;
            };
            exchange.signal().follow(cx.waker());
            let goes_on = if exchange.signal().lower() {
                let mut failed = false;
                let step = exchange.as_mut().poll_step(&mut failed);
                if failed {
                    // A service that fails to become ready is done for; another connection has another.
                    self.app.give_up();
                    self.closing = self.closing.soon();
                }
                match step {
                    Poll::Ready(step) => {
                        moved = true;
                        self.send(at, step)?
                    }
                    Poll::Pending => true,
                }
            } else {
                true
            };
            if goes_on {
                self.turn = at.wrapping_add(1);
            }
        }
        Ok(moved)
    }

    /// Has a step of an answer sent; whether the exchange goes on.
    fn send(&mut self, at: usize, step: Step) -> Result<bool, Gone> {
        let Some(exchange) = self.exchanges.get_mut(at) else {
            return Ok(false);
        };
        let id = exchange.id();
        match step {
            Step::Head(head) => {
                self.codec.head(id, &head, &mut self.out);
                exchange.signal().raise();
                Ok(true)
            }
            Step::Data(data) => {
                self.codec.data(id, &data, &mut self.out);
                exchange.signal().raise();
                Ok(true)
            }
            Step::End => {
                let more = self.codec.end(id, &mut self.out);
                self.remove(at, more);
                Ok(false)
            }
            Step::Broken if exchange.has_begun() => Err(Gone),
            Step::Broken => {
                let more = self.codec.fail(id, &mut self.out).ok_or(Gone)?;
                self.remove(at, more);
                Ok(false)
            }
        }
    }

    fn remove(&mut self, at: usize, more: bool) {
        let exchange = self.exchanges.swap_remove(at);
        self.unread |= exchange.inbox().is_some_and(|inbox| !inbox.has_ended())
            || !self.input.is_empty()
            || self.codec.is_within();
        self.ended(more);
    }

    /// A request has ended.
    fn ended(&mut self, more: bool) {
        if !more {
            self.closing = self.closing.soon();
        }
    }

    /// Writes what waits; whether any of it was taken.
    fn write(&mut self, cx: &mut Context<'_>) -> Result<bool, Gone> {
        let mut moved = false;
        while !self.out.is_empty() {
            match Pin::new(&mut self.io).poll_write(cx, &self.out) {
                Poll::Pending => {
                    self.blocked = true;
                    return Ok(moved);
                }
                Poll::Ready(Ok(count)) if count > 0 => {
                    self.out.advance(count);
                    self.settings.counters.bytes_out.add(count);
                    self.writes = self.writes.wrapping_add(1);
                    self.blocked = false;
                    self.unflushed = true;
                    moved = true;
                }
                Poll::Ready(_) => return Err(Gone),
            }
        }
        if self.unflushed {
            match Pin::new(&mut self.io).poll_flush(cx) {
                Poll::Pending => self.blocked = true,
                Poll::Ready(Ok(())) => {
                    self.unflushed = false;
                    self.blocked = false;
                }
                Poll::Ready(Err(_)) => return Err(Gone),
            }
        }
        Ok(moved)
    }

    /// Whether nothing is under way.
    fn is_idle(&self) -> bool {
        self.exchanges.is_empty()
            && self.out.is_empty()
            && !self.unflushed
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
            Closing::Soon => self.exchanges.is_empty() && self.out.is_empty() && !self.unflushed,
            Closing::Shut => !self.unread,
        };
        if !is_over {
            return Poll::Pending;
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
        } else if self.blocked {
            (Wait::Write, self.writes)
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
    const fn soon(self) -> Self {
        match self {
            Self::Shut => Self::Shut,
            Self::No | Self::Looking | Self::Soon => Self::Soon,
        }
    }
}

/// The connection is not to go on.
struct Gone;
