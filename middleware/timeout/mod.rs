//! Deadlines on heads and bodies.
//!
//! ```
//! use std::time::Duration;
//! # use gopuram_middleware::Timeout;
//! # use tower_layer::Layer as _;
//! # let app = ();
//!
//! let app = Timeout::head(Duration::from_secs(30))
//!     .request_idle(Duration::from_secs(10))
//!     .response_idle(Duration::from_secs(60))
//!     .layer(app);
//! # let _ = app;
//! ```
//!
//! | deadline | ends the wait for | what happens |
//! |---|---|---|
//! | [`head`](Timeout::head) | the head of the response | 503, or [504](Timeout::gateway_timeout); inner's future is dropped |
//! | [`request_idle`](Timeout::request_idle) | the next frame of the request body | [`Error::Elapsed`] to inner, and 408 |
//! | [`request_total`](Timeout::request_total) | the last frame of the request body | the same |
//! | [`response_idle`](Timeout::response_idle) | the next frame of the response body | [`Error::Elapsed`]: a gateway aborts the stream |
//! | [`response_total`](Timeout::response_total) | the last frame of the response body | the same |
//!
//! A deadline ends a wait and never throws away what is there: inner is polled first, and a
//! head or a frame that is ready passes whatever the clock says. So each clock starts
//! at the first poll that finds nothing, which for the head comes right after the
//! call. It follows that a clock does not run while nobody reads: a slow application is not
//! blamed on the client who uploads to it, nor a slow client on the application
//! that streams to it. Deadlines on the connection itself are the gateway's.
//!
//! Nor does a clock run while the server waits for inner to be ready, as for a place of a limit of concurrent
//! calls: the request has not come to this layer yet. That wait is the server's to end: see `gopuram::gateway::Deadlines::ready`.
//!
//! # When a request body is late
//!
//! Inner reads an error where it waited for a frame, and most applications make some 400 or 500 of
//! it. If the head is still to come, and is one of an error (4xx or 5xx), it is
//! replaced by `408 Request Timeout`, with `Connection: close` under HTTP/1 ([RFC 9110, section
//! 15.5.9]). An application that copes and answers otherwise is believed. Reading the
//! request is also part of the wait for the head: a `head` deadline that is the
//! shorter one answers 503 for the client's slowness.
//!
//! # What outer layers see
//!
//! The answers of a deadline carry the extension [`TimedOut`], and the error of a
//! body that was late comes from [`Cause::Elapsed`](crate::body::Cause::Elapsed): by these
//! `access_log` tells a timeout from other failures.
//!
//! # Cost
//!
//! What is ready when first polled costs no timer, no look at the clock and no allocation. A body
//! allocates its timer when it first waits, if a deadline is set for it; a
//! request body with a deadline and not known to be empty costs one allocation more.
//!
//! # Panics
//!
//! Waiting needs a tokio runtime with its time driver enabled, as [`tokio::time::sleep`] does.
//!
//! [RFC 9110, section 15.5.9]: https://www.rfc-editor.org/rfc/rfc9110#section-15.5.9

mod body;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::{CONNECTION, RETRY_AFTER};
use http::{HeaderValue, Request, Response, StatusCode, Version};
use http_body::Body;
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep};
use tower_layer::Layer;
use tower_service::Service;

use crate::attributes::TimedOut;
use crate::place::{Contain, Placed};

use body::Deadlines;
pub use body::{Error, TimedBody};

/// Deadlines on heads and bodies.
///
/// See the [module documentation](self) for an example.
#[derive(Clone, Copy, Debug)]
pub struct Timeout {
    head: Head,
    request: Deadlines,
    response: Deadlines,
}

impl Timeout {
    /// Waits for the head of a response for `after`, then answers 503.
    ///
    /// It counts from the call to inner, so that waiting for inner to be ready is not part of it.
    /// A `Duration::ZERO` refuses whatever is not ready at once.
    pub const fn head(after: Duration) -> Self {
        Self {
            head: Head {
                after: Some(after),
                ..Head::UNLIMITED
            },
            ..Self::bodies()
        }
    }

    /// Waits for heads without end, for a layer that is about bodies only.
    pub const fn bodies() -> Self {
        Self {
            head: Head::UNLIMITED,
            request: Deadlines::UNLIMITED,
            response: Deadlines::UNLIMITED,
        }
    }

    /// Answers `504 Gateway Timeout` in place of 503.
    ///
    /// For applications that are themselves gateways, waiting for another server.
    #[must_use]
    pub const fn gateway_timeout(mut self) -> Self {
        self.head.status = StatusCode::GATEWAY_TIMEOUT;
        self
    }

    /// Says in `Retry-After` when a request that got no head may be repeated; by default
    /// nothing is said.
    ///
    /// In whole seconds, rounded up.
    #[must_use]
    pub const fn retry_after(mut self, after: Duration) -> Self {
        let partial = (after.subsec_nanos() > 0) as u64;
        self.head.retry_after = Some(after.as_secs().saturating_add(partial));
        self
    }

    /// Waits for each frame of a request body for `after`; without end by default.
    #[must_use]
    pub const fn request_idle(mut self, after: Duration) -> Self {
        self.request.idle = Some(after);
        self
    }

    /// Waits for the whole of a request body for `after`, from the first time it is
    /// waited for; without end by default.
    #[must_use]
    pub const fn request_total(mut self, after: Duration) -> Self {
        self.request.total = Some(after);
        self
    }

    /// Waits for each frame of a response body for `after`; without end by default.
    #[must_use]
    pub const fn response_idle(mut self, after: Duration) -> Self {
        self.response.idle = Some(after);
        self
    }

    /// Waits for the whole of a response body for `after`, from the first time it is
    /// waited for; without end by default, since streams may be meant to stay open.
    #[must_use]
    pub const fn response_total(mut self, after: Duration) -> Self {
        self.response.total = Some(after);
        self
    }
}

#[diagnostic::do_not_recommend]
impl Placed for Timeout {
    type Place = Contain;
    const NAME: &'static str = "timeout";

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.head.after {
            Some(after) => write!(f, "{after:?}"),
            None => f.write_str("bodies"),
        }
    }
}

impl<S> Layer<S> for Timeout {
    type Service = TimeoutService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        TimeoutService {
            inner,
            timeout: *self,
        }
    }
}

/// A service with deadlines.
#[derive(Clone, Copy, Debug)]
pub struct TimeoutService<S> {
    inner: S,
    timeout: Timeout,
}

impl<S, B, C> Service<Request<B>> for TimeoutService<S>
where
    S: Service<Request<TimedBody<B>>, Response = Response<C>>,
    B: Body,
{
    type Response = Response<TimedBody<C>>;
    type Error = S::Error;
    type Future = TimeoutFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, req: Request<B>) -> Self::Future {
        let deadlines = self.timeout.request;
        let late = Late::watch(deadlines, &req);
        let req = req.map(|body| TimedBody::new(body, deadlines, late.clone()));
        TimeoutFuture {
            inner: Some(self.inner.call(req)),
            sleep: None,
            head: self.timeout.head,
            response: self.timeout.response,
            late,
        }
    }
}

pin_project! {
    /// The future of [`TimeoutService`].
    #[derive(Debug)]
    pub struct TimeoutFuture<F> {
        // None when it is over.
        #[pin]
        inner: Option<F>,
        // None until inner is waited for.
        #[pin]
        sleep: Option<Sleep>,
        head: Head,
        response: Deadlines,
        late: Option<Arc<Late>>,
    }
}

impl<F, C, E> Future for TimeoutFuture<F>
where
    F: Future<Output = Result<Response<C>, E>>,
{
    type Output = Result<Response<TimedBody<C>>, E>;

    #[inline]
    #[expect(
        clippy::expect_used,
        reason = "a future is not polled after it is ready"
    )]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let inner = this.inner.as_mut().as_pin_mut();
        match inner.expect("polled after ready").poll(cx) {
            Poll::Ready(Ok(res)) => {
                if let Some(late) = this.late
                    && late.explains(res.status())
                {
                    return Poll::Ready(Ok(late.refusal()));
                }
                let deadlines = *this.response;
                return Poll::Ready(Ok(res.map(|body| TimedBody::new(body, deadlines, None))));
            }
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Pending => {}
        }
        let Some(after) = this.head.after else {
            return Poll::Pending;
        };
        if this.sleep.is_none() {
            this.sleep.set(Some(sleep(after)));
        }
        let sleep = this.sleep.as_mut().as_pin_mut();
        if !sleep.is_some_and(|sleep| is_over(sleep, cx)) {
            return Poll::Pending;
        }
        // What inner holds is free before the refusal is written.
        this.inner.set(None);
        Poll::Ready(Ok(this.head.refusal()))
    }
}

/// The deadline of the head, and how a missed one is answered.
#[derive(Clone, Copy, Debug)]
struct Head {
    after: Option<Duration>,
    status: StatusCode,
    retry_after: Option<u64>,
}

impl Head {
    const UNLIMITED: Self = Self {
        after: None,
        status: StatusCode::SERVICE_UNAVAILABLE,
        retry_after: None,
    };

    fn refusal<C>(self) -> Response<TimedBody<C>> {
        let mut res = timed_out(self.status);
        if let Some(seconds) = self.retry_after {
            res.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        res
    }
}

/// Whether a request body was late, told by the body to the future.
#[derive(Debug)]
struct Late {
    elapsed: AtomicBool,
    close: bool,
}

impl Late {
    /// Watches the body of `req`, if there is a deadline for it and something to wait for.
    #[inline]
    fn watch<B: Body>(deadlines: Deadlines, req: &Request<B>) -> Option<Arc<Self>> {
        (!deadlines.is_unlimited() && !req.body().is_end_stream()).then(|| {
            Arc::new(Self {
                elapsed: AtomicBool::new(false),
                // A field of the connection, and HTTP/2 has none of those (RFC 9113, 8.2.2).
                close: req.version() <= Version::HTTP_11,
            })
        })
    }

    fn set(&self) {
        self.elapsed.store(true, Ordering::Release);
    }

    /// Whether `status` was answered because the body was late.
    fn explains(&self, status: StatusCode) -> bool {
        (status.is_client_error() || status.is_server_error())
            && self.elapsed.load(Ordering::Acquire)
    }

    fn refusal<C>(&self) -> Response<TimedBody<C>> {
        let mut res = timed_out(StatusCode::REQUEST_TIMEOUT);
        if self.close {
            let close = HeaderValue::from_static("close");
            res.headers_mut().insert(CONNECTION, close);
        }
        res
    }
}

/// An answer in place of inner's, marked for the layers outside.
fn timed_out<C>(status: StatusCode) -> Response<TimedBody<C>> {
    let mut res = Response::new(TimedBody::default());
    *res.status_mut() = status;
    res.extensions_mut().insert(TimedOut::default());
    res
}

/// Polls a timer after inner was polled.
fn is_over(sleep: Pin<&mut Sleep>, cx: &mut Context<'_>) -> bool {
    let deadline = sleep.deadline();
    // An inner that uses up the task's budget at each poll leaves none for the timer, which
    // then is pending forever; so the clock is asked as well.
    sleep.poll(cx).is_ready() || Instant::now() >= deadline
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_when_to_come_again_in_whole_seconds() {
        let timeout = Timeout::head(Duration::ZERO)
            .gateway_timeout()
            .retry_after(Duration::from_millis(1500));
        let res = timeout.head.refusal::<()>();
        assert_eq!(res.status(), 504);
        assert_eq!(res.headers()[RETRY_AFTER], "2");
    }

    #[test]
    fn late_bodies_explain_errors_only() {
        let late = Late {
            elapsed: AtomicBool::new(false),
            close: false,
        };
        assert!(!late.explains(StatusCode::BAD_REQUEST));
        late.set();
        assert!(late.explains(StatusCode::BAD_REQUEST));
        assert!(late.explains(StatusCode::INTERNAL_SERVER_ERROR));
        assert!(!late.explains(StatusCode::OK));
        assert!(late.refusal::<()>().headers().is_empty());
    }
}
