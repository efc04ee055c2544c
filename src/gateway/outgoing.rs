//! The body of a response on its way to the client.

use std::error::Error as StdError;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use pin_project_lite::pin_project;
use tracing::error;

use super::answer::Content;
use super::exact::Exact;
use super::flight::InFlight;
use super::logged::Logged;

/// How much is given to a stream of HTTP/2 at once.
///
/// hyper takes whatever it is given, and asks for more as soon as the client wants a single byte of it. Of a body given whole
/// nobody would see whether the client reads it.
const PIECE: usize = 64 * 1024;

/// How much is given to a connection of HTTP/1 before others have their turn.
///
/// The kernel copies what is written, up to some megabytes of an answer if its client lets it: a millisecond's work, which
/// a thousand clients who all want much would have everybody else wait for. This is about as long as 20 small answers take.
const TURN: usize = 128 * 1024;

pin_project! {
    /// The body of a response; the request is in flight until it is gone.
    pub(super) struct Outgoing<C, S> {
        #[pin]
        body: Option<Exact<C>>,
        // What it gave and was more than a piece.
        rest: Bytes,
        // Whether others had their turn since the last of it.
        yielded: bool,
        // Whether it gave anything.
        gave: bool,
        // Why it broke off, until what it gave before has been written.
        broken: Option<Failure>,
        // Whether its length is kept from hyper.
        chunks: bool,
        flight: InFlight<S>,
    }
}

impl<C, S> Outgoing<C, S> {
    #[inline]
    pub(super) fn new(body: C, content: Content, flight: InFlight<S>) -> Self {
        let length = match content {
            Content::Exactly(length) | Content::Chunks(Some(length)) => Some(length),
            Content::All | Content::Chunks(None) | Content::Nothing | Content::Upgrade => None,
        };
        Self {
            body: (content != Content::Nothing).then(|| Exact::new(body, length)),
            rest: Bytes::new(),
            yielded: true,
            gave: false,
            broken: None,
            chunks: matches!(content, Content::Chunks(_)),
            flight,
        }
    }

    /// What the gateway says itself.
    pub(super) const fn text(text: &'static str, flight: InFlight<S>) -> Self {
        Self {
            body: None,
            rest: Bytes::from_static(text.as_bytes()),
            yielded: true,
            gave: false,
            broken: None,
            chunks: false,
            flight,
        }
    }

    pub(super) const fn empty(flight: InFlight<S>) -> Self {
        Self::text("", flight)
    }
}

impl<C, S> http_body::Body for Outgoing<C, S>
where
    C: http_body::Body<Data = Bytes>,
    C::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Box<dyn StdError + Send + Sync>;

    #[inline]
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let mut me = self.project();
        me.flight.ask();
        if me.flight.is_withheld(cx) {
            return Poll::Pending;
        }
        me.flight.shared.pulse.gone_on();
        if me.broken.is_some() {
            return poll_broken(me.broken, me.flight, cx);
        }
        if !me.rest.is_empty() {
            let most = most(me.flight.is_http2());
            if most == TURN && !std::mem::replace(me.yielded, true) {
                me.flight.shared.pulse.go_on();
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            *me.yielded = false;
            let piece = me.rest.split_to(me.rest.len().min(most));
            me.flight.give(piece.len());
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        let Some(body) = me.body.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        let mut next = body.poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &mut next
            && let given = frame.data_ref().map_or(0, Bytes::len)
            && let most = most(me.flight.give(given))
            && let Some(data) = frame.data_mut()
            && data.len() > most
        {
            *me.rest = data.split_off(most);
            *me.yielded = false;
        }
        *me.gave |= matches!(next, Poll::Ready(Some(Ok(_))));
        match next {
            Poll::Ready(Some(Err(error))) if *me.gave => {
                *me.broken = Some(Failure { error, since: None });
                poll_broken(me.broken, me.flight, cx)
            }
            next => next.map_err(broke),
        }
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
            && self.broken.is_none()
            && self
                .body
                .as_ref()
                .is_none_or(http_body::Body::is_end_stream)
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        if self.chunks {
            return SizeHint::default();
        }
        let left = self
            .body
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), http_body::Body::size_hint);
        left + SizeHint::with_exact(self.rest.len() as u64)
    }
}

/// Why a body broke off that gave something before, and since when that is waited for.
struct Failure {
    error: Box<dyn StdError + Send + Sync>,
    since: Option<u64>,
}

/// The failure of a body, when what it gave before is written: hyper drops what it has not written by then, and so does h2.
#[cold]
fn poll_broken<T, S>(
    broken: &mut Option<Failure>,
    flight: &mut InFlight<S>,
    cx: &Context<'_>,
) -> Poll<Option<Result<T, Box<dyn StdError + Send + Sync>>>> {
    if let Some(failure) = broken {
        let since = &mut failure.since;
        if flight.is_http2() {
            ready!(flight.poll_written(since, cx));
        } else if since.replace(0).is_none() || flight.shared.pulse.holds() {
            // hyper flushes when it is given nothing more.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
    }
    Poll::Ready(broken.take().map(|failure| Err(broke(failure.error))))
}

/// How much is given at once.
const fn most(http2: bool) -> usize {
    if http2 { PIECE } else { TURN }
}

/// The client sees that the response is not complete; the log says why.
#[cold]
fn broke(error: Box<dyn StdError + Send + Sync>) -> Box<dyn StdError + Send + Sync> {
    let cause: &(dyn StdError + 'static) = &*error;
    if !Logged::is_in(cause) {
        error!(error = cause, "the body of a response broke off");
    }
    error
}
