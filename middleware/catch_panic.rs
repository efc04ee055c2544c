//! A panic becomes 500 or an aborted stream.
//!
//! ```
//! # use gopuram_middleware::CatchPanic;
//! # use tower_layer::Layer as _;
//! # let app = ();
//! let app = CatchPanic::default()
//!     .report(|panic| eprintln!("{} panicked: {}", panic.stage(), panic.message()))
//!     .layer(app);
//! # let _ = app;
//! ```
//!
//! A panic before the head of the response, in the inner service's `poll_ready`, its
//! `call` or its future, is answered 500 with an empty body. Afterwards the
//! status is sent, so a panic in the response body breaks it off with
//! [`Error::Panicked`], by which a gateway aborts the stream: a truncated body never
//! looks complete. What panicked is dropped at once and not polled again. The worker and
//! the connection go on.
//!
//! The message goes where the process sends all panics, by default with its place in the code to
//! standard error: that is the panic hook's work and done before the panic is
//! caught. [`CatchPanic::report`] hands it to a function besides.
//!
//! The 500 carries the extension [`Panicked`], and the error of a body that panicked comes from
//! [`Cause::Panicked`]: by these `access_log` tells a panic from other failures.
//!
//! What inner services share is theirs to keep whole: a `std` mutex held by a panic is
//! poisoned, a plain field is as the panic left it. Not caught are panics in destructors, and
//! all of them where the program is built with `panic = "abort"`.
//!
//! No allocation unless there is a panic; the future is one word longer than inner's.

use std::any::Any;
use std::error::Error as StdError;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::attributes::Panicked;
use crate::body::Cause;
use crate::place::{Contain, Placed};

/// A panic becomes 500 or an aborted stream.
///
/// See the [module documentation](self) for an example.
#[derive(Clone, Debug, Default)]
pub struct CatchPanic {
    report: Report,
}

/// Who is told of a panic, besides the panic hook.
#[derive(Clone, Default)]
struct Report(Option<Arc<dyn Fn(&PanicMessage<'_>) + Send + Sync>>);

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Report" } else { "None" })
    }
}

impl CatchPanic {
    /// Tells `report` of each panic; nobody by default, since the panic hook
    /// has printed it already.
    ///
    /// It is called on the worker, so it must not block. A panic of its own is
    /// swallowed.
    #[must_use]
    pub fn report(mut self, report: impl Fn(&PanicMessage<'_>) + Send + Sync + 'static) -> Self {
        self.report = Report(Some(Arc::new(report)));
        self
    }
}

#[diagnostic::do_not_recommend]
impl Placed for CatchPanic {
    type Place = Contain;
    const NAME: &'static str = "catch_panic";
}

impl<S> Layer<S> for CatchPanic {
    type Service = CatchPanicService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        CatchPanicService {
            inner,
            report: self.report.clone(),
            broken: false,
        }
    }
}

/// A service whose panics are caught.
#[derive(Clone, Debug)]
pub struct CatchPanicService<S> {
    inner: S,
    report: Report,
    /// `poll_ready` panicked: inner is not ready, and the request there will be is refused.
    broken: bool,
}

impl<S, B, C> Service<Request<B>> for CatchPanicService<S>
where
    S: Service<Request<B>, Response = Response<C>>,
{
    type Response = Response<CatchPanicBody<C>>;
    type Error = S::Error;
    type Future = CatchPanicFuture<S::Future>;

    /// Ready also if inner panicked, since no error of its type can be made here:
    /// the request that follows is refused.
    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        let ready = guard(&self.report, Stage::Ready, || self.inner.poll_ready(cx));
        self.broken = ready.is_none();
        ready.unwrap_or(Poll::Ready(Ok(())))
    }

    #[inline]
    fn call(&mut self, req: Request<B>) -> Self::Future {
        let future = if self.broken {
            None
        } else {
            guard(&self.report, Stage::Call, || self.inner.call(req))
        };
        CatchPanicFuture {
            future,
            report: self.report.clone(),
        }
    }
}

pin_project! {
    /// The future of [`CatchPanicService`].
    #[derive(Debug)]
    pub struct CatchPanicFuture<F> {
        // None after a panic.
        #[pin]
        future: Option<F>,
        report: Report,
    }
}

impl<F, C, E> Future for CatchPanicFuture<F>
where
    F: Future<Output = Result<Response<C>, E>>,
{
    type Output = Result<Response<CatchPanicBody<C>>, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let report = &*this.report;
        if let Some(future) = this.future.as_mut().as_pin_mut() {
            match guard(report, Stage::Future, || future.poll(cx)) {
                Some(Poll::Ready(Ok(res))) => {
                    let wrap = |body| CatchPanicBody {
                        body: Some(body),
                        report: report.clone(),
                    };
                    return Poll::Ready(Ok(res.map(wrap)));
                }
                Some(Poll::Ready(Err(error))) => return Poll::Ready(Err(error)),
                Some(Poll::Pending) => return Poll::Pending,
                None => discard(report, Stage::Future, this.future),
            }
        }
        Poll::Ready(Ok(refusal()))
    }
}

pin_project! {
    /// A response body whose panics are caught; empty by default.
    #[derive(Debug)]
    pub struct CatchPanicBody<C> {
        // None for a refusal, after the end and after a panic.
        #[pin]
        body: Option<C>,
        report: Report,
    }
}

impl<C> Default for CatchPanicBody<C> {
    fn default() -> Self {
        Self {
            body: None,
            report: Report::default(),
        }
    }
}

/// The body of a reply from a layer further in.
impl<C: From<crate::Body>> From<crate::Body> for CatchPanicBody<C> {
    fn from(body: crate::Body) -> Self {
        Self {
            body: Some(body.into()),
            report: Report::default(),
        }
    }
}

impl<C> Body for CatchPanicBody<C>
where
    C: Body,
    C::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type Data = C::Data;
    type Error = Error;

    #[inline]
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<C::Data>, Self::Error>>> {
        let mut this = self.project();
        let report = &*this.report;
        let Some(body) = this.body.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        let last = match guard(report, Stage::Body, || body.poll_frame(cx)) {
            Some(Poll::Pending) => return Poll::Pending,
            Some(Poll::Ready(Some(Ok(frame)))) => return Poll::Ready(Some(Ok(frame))),
            Some(Poll::Ready(Some(Err(error)))) => Some(Err(Error::Body(error.into()))),
            Some(Poll::Ready(None)) => None,
            None => Some(Err(Error::Panicked)),
        };
        discard(report, Stage::Body, this.body);
        Poll::Ready(last)
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        let Some(body) = &self.body else { return true };
        guard(&self.report, Stage::Body, || body.is_end_stream()).unwrap_or(false)
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        let Some(body) = &self.body else {
            return SizeHint::with_exact(0);
        };
        guard(&self.report, Stage::Body, || body.size_hint()).unwrap_or_default()
    }
}

/// Why a response body broke off.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The inner body failed.
    Body(Box<dyn StdError + Send + Sync>),
    /// The inner body panicked.
    Panicked,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Body(_) => "the body failed",
            Self::Panicked => "the body panicked",
        })
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Body(error) => Some(&**error),
            Self::Panicked => Some(&Cause::Panicked),
        }
    }
}

/// A panic that was caught.
#[derive(Debug)]
pub struct PanicMessage<'a> {
    stage: Stage,
    payload: &'a (dyn Any + Send),
}

impl PanicMessage<'_> {
    /// What was said by `panic!`; a fixed text if the payload is no text.
    pub fn message(&self) -> &str {
        if let Some(text) = self.payload.downcast_ref::<&'static str>() {
            text
        } else if let Some(text) = self.payload.downcast_ref::<String>() {
            text
        } else {
            "a payload that is not text"
        }
    }

    /// What was given to `panic!` or `panic_any`.
    pub const fn payload(&self) -> &(dyn Any + Send) {
        self.payload
    }

    /// Where in the course of a request it happened.
    pub const fn stage(&self) -> Stage {
        self.stage
    }
}

/// Where in the course of a request a panic happened; in that order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Stage {
    /// Before the request, in `poll_ready`.
    Ready,
    /// In `call`.
    Call,
    /// In the future of the response.
    Future,
    /// In the body of the response, whose head is out.
    Body,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ready => "readiness",
            Self::Call => "call",
            Self::Future => "future",
            Self::Body => "body",
        })
    }
}

/// Runs `f`; a panic is reported and gives `None`.
///
/// That no broken invariant is seen afterwards is kept by what is dropped: futures and bodies
/// are, before anything else can touch them. A service stays, because the next request
/// needs one; see the module documentation for what that asks of it. `&self` methods
/// of bodies could break only what is behind a cell of their own.
#[inline]
fn guard<T>(report: &Report, stage: Stage, f: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(value) => Some(value),
        Err(payload) => {
            settle(report, stage, payload);
            None
        }
    }
}

/// Drops what is done or broken; its destructor may panic in turn.
fn discard<T>(report: &Report, stage: Stage, mut slot: Pin<&mut Option<T>>) {
    guard(report, stage, || slot.set(None));
}

#[cold]
fn settle(report: &Report, stage: Stage, payload: Box<dyn Any + Send>) {
    // A report or a payload's destructor that panics ends here: what it threw is
    // leaked, since dropping it could panic without end.
    if let Some(report) = &report.0 {
        let message = PanicMessage {
            stage,
            payload: &*payload,
        };
        if let Err(again) = catch_unwind(AssertUnwindSafe(|| report(&message))) {
            Box::leak(again);
        }
    }
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        Box::leak(again);
    }
}

#[cold]
fn refusal<C>() -> Response<CatchPanicBody<C>> {
    let mut res = Response::new(CatchPanicBody::default());
    *res.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    res.extensions_mut().insert(Panicked::default());
    res
}

#[cfg(test)]
mod tests {
    use std::panic::panic_any;
    use std::sync::Mutex;

    use super::*;

    static SEEN: Mutex<Vec<(Stage, String)>> = Mutex::new(Vec::new());

    fn note(panic: &PanicMessage<'_>) {
        let seen = (panic.stage(), panic.message().to_owned());
        SEEN.lock().unwrap().push(seen);
    }

    fn noting() -> Report {
        CatchPanic::default().report(note).report
    }

    fn seen(text: &str) -> bool {
        SEEN.lock().unwrap().iter().any(|(_, said)| said == text)
    }

    #[test]
    fn messages_are_read_from_both_kinds_of_text() {
        assert_eq!(guard(&noting(), Stage::Call, || 7), Some(7));
        guard(&noting(), Stage::Call, || panic!("plain"));
        guard(&noting(), Stage::Call, || panic!("made {}", "up"));
        guard(&noting(), Stage::Call, || panic_any(7));
        assert!(seen("plain") && seen("made up") && seen("a payload that is not text"));
    }

    #[test]
    fn a_report_that_panics_is_swallowed() {
        let layer = CatchPanic::default().report(|_| panic!("in the report"));
        assert_eq!(
            guard(&layer.report, Stage::Call, || panic!("first")),
            None::<()>
        );
    }

    #[test]
    fn a_payload_that_panics_when_dropped_is_swallowed() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic_any(Self);
            }
        }
        let caught = guard(&Report::default(), Stage::Call, || panic_any(Bomb));
        assert_eq!(caught, None::<()>);
    }

    #[test]
    fn a_refusal_is_empty_and_ended() {
        let res = refusal::<String>();
        assert_eq!(res.status(), 500);
        assert!(res.body().is_end_stream());
        assert_eq!(res.body().size_hint().exact(), Some(0));
    }
}
