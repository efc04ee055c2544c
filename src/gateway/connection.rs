//! One connection, from its first byte to its last.

use std::error::Error as StdError;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::rt::bounds::Http2ServerConnExec;
use hyper::server::conn::{http1, http2};
use hyper::service::HttpService;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::futures::OwnedNotified;
use tokio::time::{Instant, Sleep, sleep_until};
use tracing::debug;

use super::call::{Call, Shared};
use super::deadlines::Deadlines;
use super::drain::Drain;
use super::limits::{DEFAULT_FIELDS, Limits};
use super::pulse::{Pulse, Wait, far};
use super::transport::{Opening, Transport};
use crate::Application;
use crate::middleware::attributes;

/// With what a client says that it speaks HTTP/2 (RFC 9113, section 3.4).
const PREFACE: &Opening = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What is the same for all connections of a server.
#[derive(Debug)]
pub(super) struct Settings {
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
    pub(super) deadlines: Deadlines,
    pub(super) drain: Arc<Drain>,
}

impl Settings {
    pub(super) fn new(limits: &Limits, deadlines: Deadlines, drain: Arc<Drain>) -> Self {
        let mut http1 = http1::Builder::new();
        http1.max_buf_size(limits.head);
        http1.max_header_size(limits.head);
        if limits.fields != DEFAULT_FIELDS {
            http1.max_headers(limits.fields);
        }
        let mut http2 = http2::Builder::new(TokioExecutor::new());
        http2
            .timer(TokioTimer::new())
            .max_concurrent_streams(limits.streams)
            .max_header_list_size(u32::try_from(limits.head).unwrap_or(u32::MAX))
            .max_pending_accept_reset_streams(limits.pending_resets)
            .initial_stream_window_size(limits.window)
            .initial_connection_window_size(limits.window)
            .max_send_buf_size(limits.send_buffer)
            .keep_alive_timeout(Duration::from_secs(20));
        if deadlines.ping != Duration::MAX {
            http2.keep_alive_interval(deadlines.ping);
        }
        Self {
            http1,
            http2,
            deadlines,
            drain,
        }
    }
}

pin_project! {
    /// One connection; ready when it is closed or was upgraded.
    pub(super) struct Connection<T, H>
    where
        H: HttpService<Incoming>,
    {
        #[pin]
        state: State<T, H>,
        settings: Arc<Settings>,
        pulse: Arc<Pulse>,
        // Whether no further request is wanted.
        closing: bool,
        wait: (Wait, usize),
        // When the wait has lasted too long; the timer may be set to an earlier time.
        deadline: Instant,
        #[pin]
        timer: Sleep,
        #[pin]
        drain: OwnedNotified,
        // Whom the timer and the drain will wake.
        waker: Option<Waker>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<T, H>
    where
        H: HttpService<Incoming>,
    {
        Opening { parts: Option<(Transport<T>, H)>, read: Opening, len: usize },
        Http1 { #[pin] conn: Http1<T, H> },
        // In a box of its own since it is large and rare.
        Http2 { conn: Pin<Box<Http2<T, H>>> },
    }
}

type Http1<T, H> = http1::UpgradeableConnection<TokioIo<Transport<T>>, H>;
type Http2<T, H> = http2::Connection<TokioIo<Transport<T>>, H, TokioExecutor>;

impl<T, S: Application> Connection<T, Call<S>> {
    /// Serves `app` over `io`; the slot is given back when `io` is closed.
    pub(super) fn new(
        io: T,
        app: S,
        connection: attributes::Connection,
        settings: Arc<Settings>,
        slot: Option<OwnedSemaphorePermit>,
    ) -> Self {
        let pulse = Arc::new(Pulse::default());
        let deadline = after(settings.deadlines.head);
        let call = Call(Arc::new(Shared {
            app: Mutex::new(Some(app)),
            pulse: Arc::clone(&pulse),
            connection: Arc::new(connection),
            body_deadline: settings.deadlines.body,
        }));
        Self {
            state: State::Opening {
                parts: Some((Transport::new(io, Arc::clone(&pulse), slot), call)),
                read: [0; 24],
                len: 0,
            },
            closing: false,
            wait: pulse.wait(),
            deadline,
            timer: sleep_until(deadline),
            drain: settings.drain.changed(),
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
    TokioExecutor: Http2ServerConnExec<H::Future, H::ResBody>,
{
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.as_mut().is_over(cx) || self.as_mut().drive(cx).is_ready() {
            return Poll::Ready(());
        }
        // The application may have failed for good while hyper was driven.
        if self.pulse.is_closing()
            && !self.closing
            && (self.as_mut().is_over(cx) || self.as_mut().drive(cx).is_ready())
        {
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
    TokioExecutor: Http2ServerConnExec<H::Future, H::ResBody>,
{
    /// Heeds the drain; whether the end has come.
    fn is_over(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> bool {
        let mut me = self.as_mut().project();
        // Timer and drain keep the waker they were given, and it hardly ever is another one.
        let known = me.waker.as_ref().is_some_and(|w| w.will_wake(cx.waker()));
        if !known {
            *me.waker = Some(cx.waker().clone());
            let _ = me.timer.as_mut().poll(cx);
            let _ = me.drain.as_mut().poll(cx);
        }
        if me.settings.drain.is_running() && !me.pulse.is_closing() {
            return false;
        }
        if !*me.closing {
            // Before the phase is looked at again: what comes after this is heard of.
            me.drain.set(me.settings.drain.changed());
            let _ = me.drain.as_mut().poll(cx);
            if me.settings.drain.has_ended() || self.as_mut().close() {
                return true;
            }
        }
        self.settings.drain.has_ended()
    }

    /// Wants no further request; whether that was all.
    fn close(self: Pin<&mut Self>) -> bool {
        let me = self.project();
        *me.closing = true;
        match me.state.project() {
            StateProj::Opening { .. } => return true,
            StateProj::Http1 { conn } => conn.graceful_shutdown(),
            StateProj::Http2 { conn } => conn.as_mut().graceful_shutdown(),
        }
        false
    }

    /// Lets hyper do what there is to do.
    fn drive(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut me = self.project();
        let ended = loop {
            let next = match me.state.as_mut().project() {
                StateProj::Http1 { conn } => break ready!(conn.poll(cx)),
                StateProj::Http2 { conn } => break ready!(conn.as_mut().poll(cx)),
                StateProj::Opening { parts, read, len } => {
                    let Some((transport, _)) = parts else {
                        return Poll::Ready(());
                    };
                    let Some(http2) = ready!(poll_opening(transport, read, len, cx)) else {
                        return Poll::Ready(());
                    };
                    let Some((transport, call)) = parts.take() else {
                        return Poll::Ready(());
                    };
                    if http2 {
                        me.pulse.set_http2();
                    }
                    let io = TokioIo::new(transport.rewound(*read, *len));
                    if http2 {
                        let conn = me.settings.http2.serve_connection(io, call);
                        State::Http2 {
                            conn: Box::pin(conn),
                        }
                    } else {
                        let conn = me.settings.http1.serve_connection(io, call);
                        State::Http1 {
                            conn: conn.with_upgrades(),
                        }
                    }
                }
            };
            me.state.set(next);
        };
        me.pulse.detach();
        if let Err(error) = ended {
            let error: &(dyn StdError + 'static) = &error;
            debug!(error, "the connection ended");
        }
        Poll::Ready(())
    }

    /// Sees that nothing is waited for too long.
    fn poll_deadline(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut me = self.as_mut().project();
        let wait = me.pulse.wait();
        if *me.wait != wait {
            *me.wait = wait;
            *me.deadline = after(me.settings.deadlines.of(wait.0));
            if *me.deadline < me.timer.deadline() {
                me.timer.as_mut().reset(*me.deadline);
            } else if !me.timer.is_elapsed() {
                return Poll::Pending;
            }
        } else if !me.timer.is_elapsed() {
            return Poll::Pending;
        }
        while me.timer.as_mut().poll(cx).is_ready() {
            if me.timer.deadline() >= *me.deadline {
                match me.wait.0 {
                    // Not the gateway's to limit; but when it ends another task may know first.
                    Wait::App => *me.deadline = after(me.settings.deadlines.idle),
                    Wait::Head | Wait::Idle if me.pulse.is_http2() && !*me.closing => {
                        // The client is told which requests it may send elsewhere.
                        *me.deadline = after(me.settings.deadlines.linger);
                        me.pulse.close();
                        cx.waker().wake_by_ref();
                    }
                    wait => {
                        debug!(?wait, "the connection was given up");
                        return Poll::Ready(());
                    }
                }
            }
            me.timer.as_mut().reset(*me.deadline);
        }
        Poll::Pending
    }
}

/// When something that begins now has lasted too long.
fn after(limit: Duration) -> Instant {
    Instant::now().checked_add(limit).unwrap_or_else(far)
}

/// Reads until it is known whether this is HTTP/2; `None` if the client has gone.
///
/// Any byte that is not of the preface makes it HTTP/1, so no client waits for another's turn.
fn poll_opening<T: AsyncRead + Unpin>(
    transport: &mut Transport<T>,
    read: &mut Opening,
    len: &mut usize,
    cx: &mut Context<'_>,
) -> Poll<Option<bool>> {
    loop {
        let mut buf = ReadBuf::new(read.get_mut(*len..).unwrap_or_default());
        if ready!(Pin::new(&mut *transport).poll_read(cx, &mut buf)).is_err() {
            return Poll::Ready(None);
        }
        let fresh = buf.filled().len();
        if fresh == 0 {
            // A beginning of the preface and no more is nothing.
            return Poll::Ready(None);
        }
        *len += fresh;
        if read.get(..*len) != PREFACE.get(..*len) {
            return Poll::Ready(Some(false));
        }
        if *len == read.len() {
            return Poll::Ready(Some(true));
        }
    }
}
