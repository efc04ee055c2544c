//! The application inside a layer under test: answers as told and watches how it is used.

use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use gopuram::Body;
use gopuram::middleware::lint::Lint;
use gopuram::middleware::wrap::WrappedBody;
use gopuram::testing::app::{DropGuard, Dropped};
use gopuram::testing::body::{Broke, Channel, Script};
use http::{Request, Response};
use http_body::{Frame, SizeHint};
use tower_layer::Layer as _;
use tower_service::Service;

/// What the probe fails with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Failed(pub(crate) u8);

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "failed {}", self.0)
    }
}

impl StdError for Failed {}

/// What a layer under test is put around: the probe, linted.
pub(crate) type Inner = WrappedBody<Probe, Lint>;
/// An application that answers as told; panics if it is called without being ready.
pub(crate) struct Probe {
    answer: Arc<dyn Fn(Request<Body>) -> Result<Response<Play>, Failed> + Send + Sync>,
    readiness: Poll<Result<(), Failed>>,
    pending: usize,
    dropped: Dropped,
    /// Of this clone only: each must be asked itself.
    ready: bool,
}

impl Clone for Probe {
    fn clone(&self) -> Self {
        Self {
            answer: Arc::clone(&self.answer),
            dropped: self.dropped.clone(),
            ready: false,
            ..*self
        }
    }
}

impl Probe {
    /// Answers with `answer`.
    pub(crate) fn answers<C: Into<Play>>(
        answer: impl Fn(Request<Body>) -> Response<C> + Send + Sync + 'static,
    ) -> Self {
        Self::says(move |req| Ok(answer(req).map(Into::into)))
    }

    /// Answers or fails with `answer`.
    pub(crate) fn says(
        answer: impl Fn(Request<Body>) -> Result<Response<Play>, Failed> + Send + Sync + 'static,
    ) -> Self {
        Self {
            answer: Arc::new(answer),
            readiness: Poll::Ready(Ok(())),
            pending: 0,
            dropped: Dropped::default(),
            ready: false,
        }
    }

    /// Says this when asked whether it is ready.
    pub(crate) fn readiness(mut self, readiness: Poll<Result<(), Failed>>) -> Self {
        self.readiness = readiness;
        self
    }

    /// Answers at the poll after so many.
    pub(crate) fn pending(mut self, polls: usize) -> Self {
        self.pending = polls;
        self
    }

    /// Counts futures when they are dropped, answered or not.
    pub(crate) fn counted(mut self, dropped: &Dropped) -> Self {
        self.dropped = dropped.clone();
        self
    }

    /// With a lint around it that fails.
    pub(crate) fn linted(self) -> Inner {
        Lint::fail().named("inside").layer(self)
    }
}

impl<B> Service<Request<B>> for Probe
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type Response = Response<Play>;
    type Error = Failed;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failed>> {
        self.ready = matches!(self.readiness, Poll::Ready(Ok(())));
        self.readiness
    }

    fn call(&mut self, req: Request<B>) -> Answering {
        assert!(self.ready, "called without being ready");
        self.ready = false;
        Answering {
            answer: Some((self.answer)(req.map(Body::new))),
            pending: self.pending,
            _guard: self.dropped.guard(),
        }
    }
}

/// The answer, after some polls.
pub(crate) struct Answering {
    answer: Option<Result<Response<Play>, Failed>>,
    pending: usize,
    _guard: DropGuard,
}

impl Future for Answering {
    type Output = Result<Response<Play>, Failed>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.pending > 0 {
            self.pending -= 1;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(self.answer.take().expect("polled after it was ready"))
    }
}

/// The body that a layer under test gets.
pub(crate) enum Play {
    /// By hand.
    Channel(Channel),
    /// By script.
    Script(Script),
}

impl Default for Play {
    fn default() -> Self {
        Self::Script(Script::new().claims_end())
    }
}

impl From<Channel> for Play {
    fn from(channel: Channel) -> Self {
        Self::Channel(channel)
    }
}

impl From<Script> for Play {
    fn from(script: Script) -> Self {
        Self::Script(script)
    }
}

impl http_body::Body for Play {
    type Data = Bytes;
    type Error = Broke;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broke>>> {
        match self.get_mut() {
            Self::Channel(body) => Pin::new(body).poll_frame(cx),
            Self::Script(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Channel(body) => body.is_end_stream(),
            Self::Script(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Channel(body) => body.size_hint(),
            Self::Script(body) => body.size_hint(),
        }
    }
}
