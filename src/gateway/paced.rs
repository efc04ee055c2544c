//! The body of a request, which has to come on and to come whole.

use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};

use super::pulse::{Receiving, far};
use super::settings::Settings;

pin_project! {
    /// The body of a request, which breaks off when the client sends nothing of it for too long.
    ///
    /// Only the time counts that the application waits, and the time for all of it if that is bounded. A body that is
    /// there already costs no look at the clock. The connection is in use until it has ended or is gone, though the
    /// answer may be out already.
    pub(super) struct Paced {
        body: Incoming,
        // Until it has ended.
        receiving: Option<Receiving>,
        settings: Arc<Settings>,
        // Since when the application waits, if it does.
        since: Option<Instant>,
        // When all of it has to be there, if there is such a time.
        end: Option<Instant>,
        #[pin]
        timer: Option<Sleep>,
    }
}

impl Paced {
    pub(super) fn new(body: Incoming, receiving: Receiving, settings: &Arc<Settings>) -> Self {
        let limit = settings.deadlines.whole_body;
        let end = (limit != Duration::MAX).then(|| Instant::now().checked_add(limit));
        Self {
            body,
            receiving: Some(receiving),
            settings: Arc::clone(settings),
            since: None,
            end: end.flatten(),
            timer: None,
        }
    }
}

impl http_body::Body for Paced {
    type Data = Bytes;
    type Error = Box<dyn StdError + Send + Sync>;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let mut me = self.project();
        let Some(receiving) = me.receiving else {
            return Poll::Ready(None);
        };
        let http2 = receiving.is_http2();
        if let Poll::Ready(frame) = Pin::new(&mut *me.body).poll_frame(cx) {
            *me.since = None;
            let ended = match &frame {
                // On HTTP/1 hyper leaves it open until the next request if the answer is out already.
                Some(Ok(_)) => !http2 && me.body.is_end_stream(),
                Some(Err(_)) | None => true,
            };
            if ended {
                *me.receiving = None;
            }
            return Poll::Ready(match frame {
                // To hyper a reset with `NO_ERROR` is an end like another, but it is what a server says
                // that needs no more of a request (RFC 9113, section 8.1). Only `END_STREAM` ends one.
                None if http2 && !me.body.is_end_stream() => Some(Err(Box::new(Truncated))),
                frame => frame.map(|frame| frame.map_err(Into::into)),
            });
        }
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
                return Poll::Ready(Some(Err(Box::new(Stalled { limit, whole }))));
            }
            timer.reset(deadline);
        }
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
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

/// The client gave its request up without an error.
#[derive(Debug)]
struct Truncated;

impl fmt::Display for Truncated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the client ended the stream before the body")
    }
}

impl StdError for Truncated {}

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
