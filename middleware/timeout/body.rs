//! Bodies with deadlines.

use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};

use super::{Late, is_over};
use crate::body::{Cause, UntilEnd};

/// Later than anything anybody waits for, and not so late that the clock overflows.
const FOREVER: Duration = Duration::from_hours(24 * 365 * 30);

/// How long a body is waited for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadlines {
    pub(super) idle: Option<Duration>,
    pub(super) total: Option<Duration>,
}

impl Deadlines {
    pub(super) const UNLIMITED: Self = Self {
        idle: None,
        total: None,
    };

    pub(super) const fn is_unlimited(self) -> bool {
        self.idle.is_none() && self.total.is_none()
    }
}

pin_project! {
    /// A body with deadlines; empty by default.
    #[derive(Debug)]
    pub struct TimedBody<B> {
        #[pin]
        body: UntilEnd<B>,
        deadlines: Deadlines,
        // None until the body is waited for.
        clock: Option<Pin<Box<Clock>>>,
        late: Option<Arc<Late>>,
    }
}

/// The body of a reply from a layer further in.
impl<C: From<crate::Body>> From<crate::Body> for TimedBody<C> {
    fn from(body: crate::Body) -> Self {
        Self::new(body.into(), Deadlines::UNLIMITED, None)
    }
}

impl<B> TimedBody<B> {
    #[inline]
    pub(super) const fn new(body: B, deadlines: Deadlines, late: Option<Arc<Late>>) -> Self {
        Self {
            body: UntilEnd::new(body),
            deadlines,
            clock: None,
            late,
        }
    }
}

impl<B> Default for TimedBody<B> {
    fn default() -> Self {
        Self {
            body: UntilEnd::default(),
            deadlines: Deadlines::UNLIMITED,
            clock: None,
            late: None,
        }
    }
}

impl<B> Body for TimedBody<B>
where
    B: Body,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type Data = B::Data;
    type Error = Error;

    #[inline]
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, Self::Error>>> {
        let mut this = self.project();
        match this.body.as_mut().poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(clock) = this.clock {
                    *clock.as_mut().project().waiting = false;
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(last) => {
                *this.clock = None;
                Poll::Ready(last.map(|frame| frame.map_err(|error| Error::Body(error.into()))))
            }
            Poll::Pending => {
                let deadlines = *this.deadlines;
                if deadlines.is_unlimited() {
                    return Poll::Pending;
                }
                let clock = this.clock.get_or_insert_with(|| Clock::start(deadlines));
                if !clock.as_mut().is_over(deadlines.idle, cx) {
                    return Poll::Pending;
                }
                if let Some(late) = this.late {
                    late.set();
                }
                *this.clock = None;
                this.body.end();
                Poll::Ready(Some(Err(Error::Elapsed)))
            }
        }
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

pin_project! {
    /// The timer of a body, moved on at each new wait.
    #[derive(Debug)]
    struct Clock {
        #[pin]
        sleep: Sleep,
        total: Option<Instant>,
        waiting: bool,
    }
}

impl Clock {
    fn start(deadlines: Deadlines) -> Pin<Box<Self>> {
        let total = deadlines.total.map(after);
        Box::pin(Self {
            sleep: sleep_until(total.unwrap_or_else(|| after(FOREVER))),
            total,
            waiting: false,
        })
    }

    /// Whether the wait for the next frame, which begins or goes on, is over.
    fn is_over(self: Pin<&mut Self>, idle: Option<Duration>, cx: &mut Context<'_>) -> bool {
        let mut this = self.project();
        if let Some(idle) = idle
            && !*this.waiting
        {
            let idle = after(idle);
            let first = this.total.map_or(idle, |total| total.min(idle));
            this.sleep.as_mut().reset(first);
        }
        *this.waiting = true;
        is_over(this.sleep, cx)
    }
}

fn after(wait: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(wait).unwrap_or_else(|| now + FOREVER)
}

/// Why a body broke off.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The inner body failed.
    Body(Box<dyn StdError + Send + Sync>),
    /// It was waited for longer than allowed.
    Elapsed,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Body(_) => "the body failed",
            Self::Elapsed => "the body took too long",
        })
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Body(error) => Some(&**error),
            Self::Elapsed => Some(&Cause::Elapsed),
        }
    }
}
