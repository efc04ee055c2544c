//! How long a body may keep who reads it waiting.

use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};

use super::pulse::far;
use super::settings::Settings;

pin_project! {
    /// The time that the body of a request has.
    ///
    /// Only the time counts that the application waits, and the time for all of it if that is bounded. A body that is
    /// there already costs no look at the clock.
    pub(super) struct Pace {
        settings: Arc<Settings>,
        // Since when the application waits, if it does.
        since: Option<Instant>,
        // When all of it has to be there, if there is such a time.
        end: Option<Instant>,
        #[pin]
        timer: Option<Sleep>,
    }
}

impl Pace {
    pub(super) fn new(settings: &Arc<Settings>) -> Self {
        let limit = settings.deadlines.whole_body;
        let end = (limit != Duration::MAX).then(|| Instant::now().checked_add(limit));
        Self {
            settings: Arc::clone(settings),
            since: None,
            end: end.flatten(),
            timer: None,
        }
    }

    /// Something came.
    pub(super) fn came(self: Pin<&mut Self>) {
        *self.project().since = None;
    }

    /// Whether that nothing came has lasted too long.
    pub(super) fn poll_late(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Stalled> {
        let mut me = self.project();
        let since = *me.since.get_or_insert_with(Instant::now);
        let limit = me.settings.deadlines.body;
        let silent = since.checked_add(limit).unwrap_or_else(far);
        let deadline = me.end.map_or(silent, |end| silent.min(end));
        if me.timer.is_none() {
            me.timer.set(Some(sleep_until(deadline)));
        }
        // The timer is left where it was when bytes come, and set again when it fires.
        while let Some(mut timer) = me.timer.as_mut().as_pin_mut() {
            if timer.as_mut().poll(cx).is_pending() {
                break;
            }
            if timer.deadline() >= deadline {
                me.settings.counters.late_bodies.one();
                let whole = deadline != silent;
                let limit = if whole {
                    me.settings.deadlines.whole_body
                } else {
                    limit
                };
                return Poll::Ready(Stalled { limit, whole });
            }
            timer.reset(deadline);
        }
        Poll::Pending
    }
}

/// The body of a request broke off since the client sent nothing of it for too long, or not all of it in time.
///
/// A source of the [error](crate::middleware::body::Error) of that body. An application that
/// lets it through as its own error, as it is or as a source, is answered for with 408.
#[derive(Debug)]
pub struct Stalled {
    limit: Duration,
    /// Whether it was the whole body that took too long.
    whole: bool,
}

impl Stalled {
    /// Whether `error` or one of its sources is this one.
    pub(super) fn is_cause_of(error: &(dyn StdError + 'static)) -> bool {
        let mut next = Some(error);
        while let Some(error) = next {
            if error.is::<Self>() {
                return true;
            }
            next = error.source();
        }
        false
    }
}

impl fmt::Display for Stalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limit, whole } = self;
        if *whole {
            write!(f, "the client did not send all within {limit:?}")
        } else {
            write!(f, "the client sent nothing for {limit:?}")
        }
    }
}

impl StdError for Stalled {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::middleware::body;

    #[test]
    fn it_is_found_among_the_sources() {
        let stalled = Stalled {
            limit: Duration::from_secs(3),
            whole: false,
        };
        assert_eq!(stalled.to_string(), "the client sent nothing for 3s");
        assert!(Stalled::is_cause_of(&body::Error::new(stalled)));
        assert!(!Stalled::is_cause_of(&fmt::Error));
    }
}
