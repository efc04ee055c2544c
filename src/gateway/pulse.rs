//! What a connection is doing, noted by those who know and read by the one with the timer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http::StatusCode;
use tokio::time::Instant;

use super::framing::Refused;
use super::interim::Interim;
use super::written::Written;

/// What a connection is doing.
///
/// Written by the transport, the service and the bodies of responses, read by the
/// [connection](super::connection) when it has been polled. Nothing is handed over through
/// it, so all accesses are relaxed.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    http2: AtomicBool,
    calls: AtomicUsize,
    ended: AtomicUsize,
    receiving: AtomicUsize,
    tunnels: AtomicUsize,
    tunnelled: AtomicBool,
    refused: AtomicUsize,
    refusal: AtomicU16,
    in_head: AtomicBool,
    between: AtomicBool,
    blocked: AtomicBool,
    blocks: AtomicUsize,
    unwritten: AtomicBool,
    withheld: AtomicBool,
    goes_on: AtomicBool,
    holds: AtomicBool,
    taken: AtomicUsize,
    frames: AtomicUsize,
    lingering: AtomicBool,
    closing: AtomicBool,
    detached: AtomicBool,
    pub(super) interim: Interim,
    written: Written,
}

/// What a connection waits for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Wait {
    /// The application.
    App,
    /// The rest of a head, or the first one.
    Head,
    /// Another request.
    Idle,
    /// The client's noticing that it was answered.
    Linger,
    /// The client's reading.
    Write,
}

impl Pulse {
    /// What is waited for, and a number that is another one whenever a new wait began.
    #[inline]
    pub(super) fn wait(&self) -> (Wait, usize) {
        let calls = self.calls.load(Ordering::Relaxed);
        let flying = calls.wrapping_sub(self.ended.load(Ordering::Relaxed));
        if self.lingering.load(Ordering::Relaxed) {
            (Wait::Linger, 0)
        } else if self.blocked.load(Ordering::Relaxed) {
            (Wait::Write, self.blocks.load(Ordering::Relaxed))
        } else if flying > 0 {
            if flying == self.taken.load(Ordering::Relaxed)
                && self.tunnels.load(Ordering::Relaxed) == 0
            {
                (Wait::Write, self.frames.load(Ordering::Relaxed))
            } else {
                (Wait::App, calls)
            }
        } else if self.receiving.load(Ordering::Relaxed) > 0 {
            (Wait::App, calls)
        } else if calls == 0 || self.in_head.load(Ordering::Relaxed) {
            (Wait::Head, calls)
        } else {
            (Wait::Idle, calls)
        }
    }

    /// It turned out to be HTTP/2.
    pub(super) fn set_http2(&self) {
        self.http2.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_http2(&self) -> bool {
        self.http2.load(Ordering::Relaxed)
    }

    /// A request came; its number, counted from 1.
    ///
    /// Only the connection's task makes calls, so this need not be one operation.
    #[inline]
    pub(super) fn call(&self) -> usize {
        let number = self.calls.load(Ordering::Relaxed).wrapping_add(1);
        self.calls.store(number, Ordering::Relaxed);
        number
    }

    pub(super) fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    /// A response ended, or was given up.
    #[inline]
    pub(super) fn end(&self) {
        self.gone_on();
        self.ended.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether there may be a tunnel: one into which nothing more is written may still be read from, which nobody here
    /// is told of.
    pub(super) fn is_tunnelled(&self) -> bool {
        self.tunnelled.load(Ordering::Relaxed)
    }

    /// With what to refuse this request, if it must not be served, being the one refused or behind it.
    #[inline]
    pub(super) fn refusal(&self, number: usize) -> Option<StatusCode> {
        let refused = self.refused.load(Ordering::Relaxed);
        let refusal = || StatusCode::from_u16(self.refusal.load(Ordering::Relaxed));
        (refused != 0 && number >= refused).then(|| refusal().unwrap_or(StatusCode::BAD_REQUEST))
    }

    #[inline]
    pub(super) fn read(&self, in_head: bool, between: bool, refused: Option<Refused>) {
        self.in_head.store(in_head, Ordering::Relaxed);
        self.between.store(between, Ordering::Relaxed);
        if let Some(head) = refused {
            self.refused.store(head.number, Ordering::Relaxed);
            let status = head.status.as_u16();
            self.refusal.store(status, Ordering::Relaxed);
        }
    }

    pub(super) fn is_in_head(&self) -> bool {
        self.in_head.load(Ordering::Relaxed)
    }

    /// Whether the client has sent all of what it began to send over HTTP/1.
    pub(super) fn is_between(&self) -> bool {
        self.between.load(Ordering::Relaxed)
    }

    /// The client took some bytes; whether a body was [withheld](Self::withholds) until then.
    #[inline]
    #[must_use]
    pub(super) fn unblock(&self) -> bool {
        self.blocked.store(false, Ordering::Relaxed);
        self.unwritten.store(false, Ordering::Relaxed);
        let withheld = self.withheld.load(Ordering::Relaxed);
        if withheld {
            self.withheld.store(false, Ordering::Relaxed);
            self.go_on();
        }
        withheld
    }

    /// The task is woken to ask the body of the response for more.
    #[inline]
    pub(super) fn go_on(&self) {
        self.goes_on.store(true, Ordering::Relaxed);
    }

    /// The body is asked, or gone.
    #[inline]
    pub(super) fn gone_on(&self) {
        self.goes_on.store(false, Ordering::Relaxed);
    }

    /// Whether the body will be asked as soon as the task has its turn.
    #[inline]
    pub(super) fn goes_on(&self) -> bool {
        self.goes_on.load(Ordering::Relaxed)
    }

    /// Whether there is something of the answer that is written when it is known what follows.
    #[inline]
    pub(super) fn hold(&self, holds: bool) {
        self.holds.store(holds, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn holds(&self) -> bool {
        self.holds.load(Ordering::Relaxed)
    }

    /// Whether the body has said that it has more to be asked for, or may have.
    #[inline]
    pub(super) fn is_withheld(&self) -> bool {
        self.withheld.load(Ordering::Relaxed)
    }

    /// The body of a response gave a lot to HTTP/1, of which nothing was written yet.
    pub(super) fn owe(&self) {
        self.unwritten.store(true, Ordering::Relaxed);
    }

    /// Whether there is enough for the client to take, so that no more of a body is wanted until it does.
    #[inline]
    pub(super) fn withholds(&self) -> bool {
        let withholds =
            self.blocked.load(Ordering::Relaxed) || self.unwritten.load(Ordering::Relaxed);
        if withholds {
            self.withheld.store(true, Ordering::Relaxed);
        }
        withholds
    }

    /// HTTP/2: waits until what bodies have given is written, as far as the connection's task can.
    pub(super) fn poll_written(
        &self,
        since: &mut Option<u64>,
        request: usize,
        cx: &Context<'_>,
    ) -> Poll<()> {
        let written = self.written.poll_since(since, request, cx);
        if written.is_pending() {
            self.interim.wake();
        }
        written
    }

    /// HTTP/2: waits for the client to take what there is.
    #[inline]
    pub(super) fn poll_taken(&self, request: usize, cx: &Context<'_>) -> Poll<()> {
        let is_full = || self.blocked.load(Ordering::Relaxed);
        if is_full() {
            self.written.poll_while(is_full, request, cx)
        } else {
            Poll::Ready(())
        }
    }

    /// HTTP/2: nobody waits any longer for this request.
    pub(super) fn leave(&self, request: usize) {
        self.written.leave(request);
    }

    /// HTTP/2: the connection's task had a turn.
    #[inline]
    pub(super) fn turn(&self) {
        if !self.blocked.load(Ordering::Relaxed) {
            self.written.turn();
        }
    }

    /// The client takes no more bytes; `anew` if it took some since it was told the last time.
    pub(super) fn block(&self, anew: bool) {
        self.blocked.store(true, Ordering::Relaxed);
        if anew {
            self.blocks.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The body of a response gave a frame to a stream; `first` if it was asked for.
    pub(super) fn give(&self, first: bool) {
        self.frames.fetch_add(1, Ordering::Relaxed);
        if first {
            self.taken.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// That body is asked for more, or is gone.
    pub(super) fn ask(&self) {
        self.taken.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn linger(&self) {
        self.lingering.store(true, Ordering::Relaxed);
    }

    /// hyper is done: who still has the transport has it from an upgrade.
    pub(super) fn detach(&self) {
        self.detached.store(true, Ordering::Relaxed);
        self.end_connection();
    }

    /// Nothing will be written any more.
    pub(super) fn end_connection(&self) {
        self.interim.end();
        self.written.end();
    }

    #[inline]
    pub(super) fn is_detached(&self) -> bool {
        self.detached.load(Ordering::Relaxed)
    }

    /// No more requests are wanted on this connection.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }
}

/// The body of a request that has not ended, and that somebody may still want.
#[derive(Debug)]
pub(super) struct Receiving(Arc<Pulse>);

impl Receiving {
    pub(super) fn new(pulse: Arc<Pulse>) -> Self {
        pulse.receiving.fetch_add(1, Ordering::Relaxed);
        Self(pulse)
    }

    pub(super) fn is_http2(&self) -> bool {
        self.0.is_http2()
    }
}

impl Drop for Receiving {
    fn drop(&mut self) {
        self.0.receiving.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A stream of HTTP/2 that became a tunnel, which is the application's until no more is written into it.
#[derive(Debug)]
pub(super) struct Tunnel(Arc<Pulse>);

impl Tunnel {
    pub(super) fn new(pulse: Arc<Pulse>) -> Self {
        pulse.tunnelled.store(true, Ordering::Relaxed);
        pulse.tunnels.fetch_add(1, Ordering::Relaxed);
        Self(pulse)
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.0.tunnels.fetch_sub(1, Ordering::Relaxed);
    }
}

/// When something that begins now has lasted too long.
pub(super) fn after(limit: Duration) -> Instant {
    Instant::now().checked_add(limit).unwrap_or_else(far)
}

/// When a deadline is that is none, since the clock does not go that far.
pub(super) fn far() -> Instant {
    Instant::now() + Duration::from_hours(30 * 365 * 24)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_waits_for_one_thing_at_a_time() {
        let pulse = Pulse::default();
        assert_eq!(pulse.wait(), (Wait::Head, 0));
        assert_eq!(pulse.call(), 1);
        assert_eq!(pulse.wait(), (Wait::App, 1));
        pulse.block(true);
        assert_eq!(pulse.wait(), (Wait::Write, 1));
        assert!(!pulse.unblock());
        pulse.end();
        assert_eq!(pulse.wait(), (Wait::Idle, 1));
        pulse.read(true, false, None);
        assert_eq!(pulse.wait(), (Wait::Head, 1));
        pulse.linger();
        assert_eq!(pulse.wait().0, Wait::Linger);
    }

    #[test]
    fn a_body_that_comes_after_the_answer_is_waited_for() {
        let pulse = Arc::new(Pulse::default());
        pulse.call();
        let receiving = Receiving::new(Arc::clone(&pulse));
        pulse.end();
        assert_eq!(pulse.wait().0, Wait::App);
        drop(receiving);
        assert_eq!(pulse.wait().0, Wait::Idle);
    }

    #[test]
    fn a_client_stalls_when_it_stalls_every_stream() {
        let pulse = Arc::new(Pulse::default());
        pulse.call();
        pulse.call();
        pulse.give(true);
        assert_eq!(pulse.wait().0, Wait::App);
        pulse.give(true);
        assert_eq!(pulse.wait(), (Wait::Write, 2));
        pulse.ask();
        assert_eq!(pulse.wait().0, Wait::App);
        pulse.give(true);
        let tunnels = [(); 2].map(|()| Tunnel::new(Arc::clone(&pulse)));
        for tunnel in tunnels {
            assert_eq!(pulse.wait().0, Wait::App);
            drop(tunnel);
        }
        assert_eq!(pulse.wait().0, Wait::Write);
    }
}
