//! A request from its arrival to the last of its answer.

use std::sync::Arc;
use std::task::{Context, Poll};

use super::call::Shared;
use super::streams::Announced;

/// Of what size pieces are written one by one. Smaller ones are gathered, up to as much as is read at once.
const LARGE: usize = 16 * 1024;

/// A request that is being answered; its end is noted in the pulse.
pub(super) struct InFlight<S> {
    pub(super) shared: Arc<Shared<S>>,
    /// Counted from 1.
    pub(super) number: usize,
    /// Whether the body gave a frame and was not asked for more yet.
    gave: bool,
    /// Whether it has waited for what was given to be written.
    waited: bool,
    /// What its stream becomes with the answer.
    pub(super) tunnel: Option<Announced>,
}

impl<S> InFlight<S> {
    #[inline]
    pub(super) fn new(shared: Arc<Shared<S>>) -> Self {
        let number = shared.pulse.call();
        Self {
            shared,
            number,
            gave: false,
            waited: false,
            tunnel: None,
        }
    }

    /// The body of the response is asked for a frame.
    #[inline]
    pub(super) fn ask(&mut self) {
        if std::mem::take(&mut self.gave) {
            self.shared.pulse.ask();
        }
    }

    /// Whether the client is to take first what it was given; the task is woken when it has.
    ///
    /// hyper would ask for more as long as less than it reads at once waits, and so hold several pieces where one
    /// is enough. On HTTP/2 it looks at the stream's window, and does not see that what is within it waits.
    #[inline]
    pub(super) fn is_withheld(&mut self, cx: &Context<'_>) -> bool {
        let pulse = &self.shared.pulse;
        if !pulse.is_http2() {
            return pulse.withholds();
        }
        let withheld = pulse.poll_taken(self.number, cx).is_pending();
        self.waited |= withheld;
        withheld
    }

    /// HTTP/2: waits until what was given is written.
    pub(super) fn poll_written(&mut self, since: &mut Option<u64>, cx: &Context<'_>) -> Poll<()> {
        self.waited = true;
        self.shared.pulse.poll_written(since, self.number, cx)
    }

    #[inline]
    pub(super) fn is_http2(&self) -> bool {
        self.shared.pulse.is_http2()
    }

    /// The body of the response gave so many bytes; whether that is to be seen here.
    ///
    /// HTTP/1 does without: there the transport knows.
    #[inline]
    pub(super) fn give(&mut self, bytes: usize) -> bool {
        let http2 = self.shared.pulse.is_http2();
        if http2 {
            self.shared.pulse.give(!self.gave);
            self.gave = true;
        } else if bytes >= LARGE {
            self.shared.pulse.owe();
        }
        http2
    }
}

impl<S> Drop for InFlight<S> {
    #[inline]
    fn drop(&mut self) {
        self.ask();
        if self.waited {
            self.shared.pulse.leave(self.number);
        }
        self.shared.pulse.end();
        let counters = &self.shared.settings.counters;
        counters.answered.one();
        if self.shared.pulse.is_http2() {
            counters.streams_answered.one();
        }
    }
}
