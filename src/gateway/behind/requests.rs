//! From bytes to the application.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::LOCATION;
use http::{HeaderValue, Request, StatusCode, request};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::time::Instant;
use tracing::{debug, warn};

use super::super::front;
use super::codec::{Codec, Event, Framing};
use super::connection::{Closing, Gone, Served};
use super::exchange::{Exchange, refusal};
use super::inbox::{Arriving, Inbox};
use super::signal::Signal;
use crate::Application;
use crate::environ::Environ;
use crate::middleware::Body;

/// How much is read at once.
const READ: usize = 16 * 1024;

impl<T, P, S> Served<T, P, S>
where
    T: AsyncRead + AsyncWrite + Unpin,
    P: Codec,
    S: Application,
{
    /// Reads what comes and does what it says, as long as there is room for it; whether there was any.
    pub(super) fn read(&mut self, cx: &mut Context<'_>) -> Result<bool, Gone> {
        if self.out.is_over() || !self.has_room() {
            return Ok(false);
        }
        // Of a connection that is to be reset only what is under way is wanted: the rest would be taken for an end.
        let more = !self.broken && (self.exchanges.is_empty() || self.codec.heads().is_open())
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

    pub(super) fn decode(&mut self, cx: &mut Context<'_>) -> Result<(), Gone> {
        loop {
            match self.codec.decode(&mut self.input, &mut self.out.bytes) {
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

    /// Has requests begin that wait for a first piece of a body which has not come in time; whether there was any.
    ///
    /// It is a client that is late, and its own body that breaks off: others may be asking over the same connection.
    pub(super) fn begin_late(&mut self, cx: &mut Context<'_>) -> bool {
        let mut any = false;
        while let Some(event) = self.codec.late() {
            self.handle(event, cx);
            any = true;
        }
        any
    }

    fn handle(&mut self, event: Event, cx: &mut Context<'_>) {
        match event {
            // The end of the connection is near, and would take it along.
            Event::Request { id, .. } | Event::Refused { id, .. } if self.broken => {
                self.codec.fail(id, &mut self.out.bytes);
            }
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
                let before = self.exchanges.len();
                self.exchanges.retain(|exchange| exchange.id() != id);
                let gone = before - self.exchanges.len();
                self.settings.counters.answered.add(gone);
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
}
