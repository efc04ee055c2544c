//! One connection, from its first byte to its last.

use std::error::Error as StdError;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use http::StatusCode;
use hyper::body::Incoming;
use hyper::rt::bounds::Http2ServerConnExec;
use hyper::server::conn::{http1, http2};
use hyper::service::HttpService;
use hyper_util::rt::TokioIo;
use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::futures::OwnedNotified;
use tokio::task::{unconstrained, yield_now};
use tokio::time::{Instant, Sleep, sleep_until};
use tracing::debug;

use super::call::{Call, Shared};
use super::drain::GRACE;
use super::gate::Gate;
use super::opening::Opening;
use super::pulse::{Pulse, Wait, after};
use super::settings::Settings;
use super::slot;
use super::slots::Slot;
use super::streams::{Streams, Turns};
use super::transport::Transport;
use crate::Application;
use crate::middleware::attributes::{self, Draining, Sender};

/// What is known of a connection before the first byte of HTTP.
pub(super) struct Arrival {
    pub(super) connection: attributes::Connection,
    pub(super) gate: Option<Arc<dyn Gate>>,
    pub(super) opening: Opening,
}

impl From<attributes::Connection> for Arrival {
    fn from(connection: attributes::Connection) -> Self {
        Self {
            connection,
            gate: None,
            opening: Opening::default(),
        }
    }
}

pin_project! {
    /// One connection; ready when it is closed or was upgraded.
    pub(super) struct Connection<T, H>
    where
        H: HttpService<Incoming>,
    {
        state: State<T, H>,
        settings: Arc<Settings>,
        pulse: Arc<Pulse>,
        closing: Closing,
        wait: (Wait, usize),
        // When the wait has lasted too long; the timer may be set to an earlier time.
        deadline: Instant,
        // Whether the wait has a first part, after which hyper is let go.
        may_park: bool,
        #[pin]
        timer: Sleep,
        #[pin]
        drain: OwnedNotified,
        // How far the drain had come when it was listened to.
        phase: u8,
        // Whom the timer and the drain will wake.
        waker: Option<Waker>,
    }
}

/// After how long a connection that waits for another request lets go of its buffers.
///
/// Long enough that one in use seldom does: to be parked and back costs two allocations and a read more. Short
/// enough that of those which a burst leaves open most can use the buffers of the others.
const PARK: Duration = Duration::from_millis(100);

/// How far it is decided that no further request is wanted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Closing {
    /// It is not.
    No,
    /// It is, and what the client has sent already is looked for: to reset it would lose a request.
    Looking,
    /// It is, and a client that is just there may be about to send its first one, for which it has until then.
    Waiting { head: Instant },
    /// hyper knows.
    Told,
}

/// Each in a box but the first, so that a connection that waits is small.
#[expect(
    clippy::large_enum_variant,
    reason = "most connections wait, and a box for these would be what the others are spared"
)]
enum State<T, H>
where
    H: HttpService<Incoming>,
{
    /// New, or parked.
    Opening {
        parts: Option<(Transport<T>, H)>,
        opening: Opening,
    },
    Http1(Box<Http1<T, H>>),
    Http2(Pin<Box<Http2<T, H>>>, Turns),
}

impl<T, H> State<T, H>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    H: HttpService<Incoming>,
    H::Error: Into<Box<dyn StdError + Send + Sync>>,
    H::ResBody: 'static,
    <H::ResBody as http_body::Body>::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    /// Lets go of hyper and its buffers until the client sends another request.
    ///
    /// All that was read belonged to requests that were answered, but for blank lines, which a
    /// server may ignore (RFC 9112, section 2.2).
    fn park(&mut self) {
        let nothing = Self::Opening {
            parts: None,
            opening: Opening::http1(),
        };
        if let Self::Http1(conn) = std::mem::replace(self, nothing)
            && let Some(hyper) = conn.into_parts()
        {
            *self = Self::Opening {
                parts: Some((hyper.io.into_inner(), hyper.service)),
                opening: Opening::http1(),
            };
        }
    }
}

type Http1<T, H> = http1::UpgradeableConnection<TokioIo<Transport<T>>, H>;
type Http2<T, H> = http2::Connection<TokioIo<Transport<T>>, H, Streams>;

impl<T: 'static, S: Application> Connection<T, Call<S>> {
    /// Serves `app` over `io`; the slot is given back when `io` is closed.
    pub(super) fn new(
        io: T,
        app: S,
        arrival: impl Into<Arrival>,
        settings: Arc<Settings>,
        slot: Option<Slot>,
    ) -> Self {
        let mut arrival = arrival.into();
        arrival.connection.draining = Draining::by(Arc::clone(&settings.drain) as _);
        let pulse = Arc::new(Pulse::default());
        arrival.connection.hints = Sender::by(Arc::clone(&pulse) as _);
        let deadline = after(settings.deadlines.head);
        let call = Call(Arc::new(Shared {
            app: slot::Slot::new(app),
            pulse: Arc::clone(&pulse),
            connection: Arc::new(arrival.connection),
            gate: arrival.gate,
            settings: Arc::clone(&settings),
            old: settings.deadlines.old(),
        }));
        let transport = Transport::new(io, Arc::clone(&pulse), &settings, slot);
        Self {
            state: State::Opening {
                parts: Some((transport, call)),
                opening: arrival.opening,
            },
            closing: Closing::No,
            wait: pulse.wait(),
            deadline,
            may_park: false,
            timer: sleep_until(deadline),
            drain: settings.drain.changed(),
            phase: settings.drain.phase(),
            waker: None,
            settings,
            pulse,
        }
    }
}

impl<T, H> Future for Connection<T, H>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    H: HttpService<Incoming>,
    H::Error: Into<Box<dyn StdError + Send + Sync>>,
    H::ResBody: 'static,
    <H::ResBody as http_body::Body>::Error: Into<Box<dyn StdError + Send + Sync>>,
    Streams: Http2ServerConnExec<H::Future, H::ResBody>,
{
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.as_mut().listen(cx);
        if self.settings.drain.has_ended() {
            self.settings.counters.cut.one();
            return Poll::Ready(());
        }
        if self.as_mut().drive(cx).is_ready()
            // After it was driven: an application may have failed for good then.
            || self.as_mut().poll_close(cx).is_ready()
        {
            if !self.settings.drain.is_running() {
                self.settings.counters.drained.one();
            }
            return Poll::Ready(());
        }
        self.poll_deadline(cx)
    }
}

impl<T, H> Connection<T, H>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    H: HttpService<Incoming>,
    H::Error: Into<Box<dyn StdError + Send + Sync>>,
    H::ResBody: 'static,
    <H::ResBody as http_body::Body>::Error: Into<Box<dyn StdError + Send + Sync>>,
    Streams: Http2ServerConnExec<H::Future, H::ResBody>,
{
    /// Sees that the timer and the drain wake this task, and hears what the drain says.
    fn listen(self: Pin<&mut Self>, cx: &mut Context<'_>) {
        let mut me = self.project();
        // They keep the waker they were given, and it hardly ever is another one.
        let known = me.waker.as_ref().is_some_and(|w| w.will_wake(cx.waker()));
        if known && *me.phase == me.settings.drain.phase() {
            return;
        }
        *me.waker = Some(cx.waker().clone());
        me.pulse.interim.wakes(cx.waker());
        let _ = poll_timer(me.timer, cx);
        // Of how far it has come before it is listened to, and anew if it went on in between: what comes after is heard of.
        loop {
            *me.phase = me.settings.drain.phase();
            me.drain.set(me.settings.drain.changed());
            if me.drain.as_mut().poll(cx).is_pending() {
                break;
            }
        }
        if !me.settings.drain.is_running() {
            me.pulse.close();
        }
    }

    /// Wants no further request when it is time; whether that was all.
    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut me = self.as_mut().project();
        match me.closing {
            Closing::No if !me.pulse.is_closing() => Poll::Pending,
            Closing::No => {
                *me.closing = Closing::Looking;
                // Who yields is woken after the runtime has looked at its sockets, so that what is there
                // will have been read.
                let _ = pin!(yield_now()).poll(cx);
                Poll::Pending
            }
            Closing::Looking => {
                let patient = me.settings.drain.is_patient();
                match me.state {
                    State::Opening { opening, .. } if patient && opening.is_silent() => {
                        return Poll::Pending;
                    }
                    State::Opening { opening, .. } if opening.is_silent() => {
                        if me.pulse.calls() > 0 {
                            self.part(cx);
                            return Poll::Ready(());
                        }
                        *me.closing = Closing::Waiting { head: *me.deadline };
                        *me.deadline = (*me.deadline).min(after(GRACE));
                        me.timer.as_mut().reset(*me.deadline);
                        let _ = poll_timer(me.timer.as_mut(), cx);
                        return Poll::Pending;
                    }
                    // hyper would drop what there is of the head.
                    State::Opening { .. } => return Poll::Pending,
                    State::Http1(_) if me.pulse.is_in_head() => return Poll::Pending,
                    State::Http1(_) if patient && me.pulse.wait().0 == Wait::Idle => {
                        return Poll::Pending;
                    }
                    State::Http1(conn) => Pin::new(&mut **conn).graceful_shutdown(),
                    State::Http2(conn, _) => conn.as_mut().graceful_shutdown(),
                }
                *me.closing = Closing::Told;
                self.drive(cx)
            }
            Closing::Waiting { .. } if matches!(me.state, State::Opening { opening, .. } if opening.is_silent()) => {
                Poll::Pending
            }
            Closing::Waiting { head } => {
                // It has, and has as much time for it as there would have been.
                *me.deadline = *head;
                *me.closing = Closing::Looking;
                self.poll_close(cx)
            }
            Closing::Told => Poll::Pending,
        }
    }

    /// Lets hyper do what there is to do.
    fn drive(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let me = self.project();
        let ended = loop {
            let next = match me.state {
                State::Http1(conn) => break ready!(Pin::new(&mut **conn).poll(cx)),
                State::Http2(conn, turns) => {
                    let driven = turns.drive(|| conn.as_mut().poll(cx));
                    me.pulse.turn();
                    break ready!(driven);
                }
                State::Opening { parts, opening } => {
                    let Some((transport, _)) = parts else {
                        return Poll::Ready(());
                    };
                    let Some(http2) = ready!(opening.poll_is_http2(transport, cx)) else {
                        // Over TLS a client that has said its end is told ours.
                        drop(Pin::new(transport).poll_shutdown(cx));
                        return Poll::Ready(());
                    };
                    let Some((transport, call)) = parts.take() else {
                        return Poll::Ready(());
                    };
                    if http2 {
                        me.pulse.set_http2();
                    }
                    let io = TokioIo::new(transport.rewound(*opening));
                    if http2 {
                        let conn = me.settings.http2.serve_connection(io, call);
                        State::Http2(Box::pin(conn), Turns::default())
                    } else {
                        let conn = me.settings.http1.serve_connection(io, call);
                        State::Http1(Box::new(conn.with_upgrades()))
                    }
                }
            };
            *me.state = next;
        };
        me.pulse.detach();
        if let Err(error) = ended {
            if error.is_parse_too_large() {
                let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
                me.settings.counters.refuse(status);
            } else if error.is_parse() {
                me.settings.counters.refuse(StatusCode::BAD_REQUEST);
            }
            let error: &(dyn StdError + 'static) = &error;
            debug!(error, "the connection ended");
        }
        Poll::Ready(())
    }

    /// Says that this is the end, as far as that can be said at once: nothing is under way that
    /// would look complete by it.
    fn part(self: Pin<&mut Self>, cx: &mut Context<'_>) {
        match self.project().state {
            State::Opening { parts, .. } => {
                if let Some((transport, _)) = parts {
                    drop(Pin::new(transport).poll_shutdown(cx));
                }
            }
            State::Http1(conn) => {
                let mut conn = Pin::new(&mut **conn);
                conn.as_mut().graceful_shutdown();
                drop(conn.poll(cx));
            }
            // `GOAWAY` has said it.
            State::Http2(..) => {}
        }
    }

    /// Sees that nothing is waited for too long.
    fn poll_deadline(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut me = self.as_mut().project();
        let wait = me.pulse.wait();
        if *me.wait != wait {
            *me.wait = wait;
            let limit = me.settings.deadlines.of(wait.0);
            *me.may_park =
                wait.0 == Wait::Idle && limit > PARK && matches!(me.state, State::Http1(_));
            *me.deadline = after(if *me.may_park { PARK } else { limit });
            if *me.deadline < me.timer.deadline() {
                me.timer.as_mut().reset(*me.deadline);
            } else if !me.timer.is_elapsed() {
                return Poll::Pending;
            }
        } else if !me.timer.is_elapsed() {
            return Poll::Pending;
        }
        while poll_timer(me.timer.as_mut(), cx).is_ready() {
            if me.timer.deadline() >= *me.deadline {
                let deadlines = &me.settings.deadlines;
                let again = match me.wait.0 {
                    // Not the gateway's to limit; but when it ends another task may know first.
                    Wait::App => deadlines.of(Wait::App),
                    wait @ (Wait::Head | Wait::Idle)
                        if me.pulse.is_http2() && *me.closing == Closing::No =>
                    {
                        // The client is told which requests it may send elsewhere. What hyper has taken
                        // of the last answers it may still be reading.
                        me.pulse.close();
                        me.settings.counters.late(wait);
                        cx.waker().wake_by_ref();
                        deadlines.of(if wait == Wait::Idle {
                            Wait::Write
                        } else {
                            Wait::Linger
                        })
                    }
                    wait if std::mem::take(me.may_park) => {
                        if me.pulse.is_between() && *me.closing != Closing::Told {
                            me.state.park();
                            // To wait for the next byte, which may be here.
                            cx.waker().wake_by_ref();
                        }
                        deadlines.of(wait).saturating_sub(PARK)
                    }
                    // hyper ends the connection with its last tunnel.
                    Wait::Idle if me.pulse.is_tunnelled() => deadlines.of(Wait::App),
                    wait => {
                        debug!(?wait, "the connection was given up");
                        if matches!(me.closing, Closing::Waiting { .. }) {
                            me.settings.counters.drained.one();
                        } else {
                            me.settings.counters.late(wait);
                        }
                        if matches!(wait, Wait::Head | Wait::Idle) {
                            self.part(cx);
                        }
                        return Poll::Ready(());
                    }
                };
                *me.deadline = after(again);
            }
            me.timer.as_mut().reset(*me.deadline);
        }
        Poll::Pending
    }
}

/// Polls the timer, whatever the task's budget: one that is spent has it remember nobody.
fn poll_timer(timer: Pin<&mut Sleep>, cx: &mut Context<'_>) -> Poll<()> {
    pin!(unconstrained(timer)).poll(cx)
}
