//! A request from its beginning to its end, which is counted once.

use std::cell::RefCell;
use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::Config;
use super::labels::{self, Key, Route};
use super::registry::{Ended, Registry};
use crate::attributes::{Attributes, MatchedRoute, Reports};
use crate::body::{Error, Mixed, Received};
use crate::outcome::{Course, Outcome};
use crate::wrap::OnResponse;

/// A request that is under way.
#[derive(Default)]
pub(super) struct Exchange {
    /// Kept for the next request: else all threads would write to the one count of who holds it.
    registry: Option<Arc<Registry>>,
    started: Option<Instant>,
    head: Option<Instant>,
    method: u8,
    /// If it is known on the way in.
    route: Option<Route>,
    reports: Reports,
    received: Received,
    course: Course,
}

/// How many a thread keeps for the next requests.
const MAX_SPARE: usize = 256;

thread_local! {
    #[expect(clippy::vec_box, reason = "it moves with its response as one word")]
    static SPARE: RefCell<Vec<Box<Exchange>>> = const { RefCell::new(Vec::new()) };
}

impl Exchange {
    /// Begins to count a request.
    pub(super) fn begin<B: Body + 'static>(config: &Config, req: &mut Request<B>) -> Pending {
        let spare = SPARE.try_with(|spare| spare.borrow_mut().pop());
        let mut exchange = spare.ok().flatten().unwrap_or_default();
        let this = &mut *exchange;
        let same = this.registry.as_ref();
        if !same.is_some_and(|same| Arc::ptr_eq(same, &config.registry)) {
            this.registry = Some(Arc::clone(&config.registry));
        }
        this.method = labels::method(req.method());
        this.course = Course::of(req.method());
        this.received = Received::read(req);
        if let Some(route) = &config.route {
            let route = route(req.extensions());
            this.route = Some(config.registry.route(route));
        } else {
            this.reports.ask(Attributes::of_mut(req));
        }
        config.registry.begin(this.method);
        this.started = Some(Instant::now());
        Pending(Some(exchange))
    }

    fn answer<C: Body>(&mut self, res: &Response<C>) {
        self.head = Some(Instant::now());
        self.course.answer(res);
    }

    /// Counts it.
    fn end(mut self: Box<Self>, failed: Option<Outcome>) {
        let this = &mut *self;
        let (Some(registry), Some(started)) = (&this.registry, this.started.take()) else {
            return;
        };
        let (outcome, _) = this.course.end(failed);
        let since = |at: Instant| at.saturating_duration_since(started);
        let told = this.reports.told().route;
        let told = || registry.route(told.as_ref().map(MatchedRoute::as_str));
        let route = this.route.take().unwrap_or_else(told);
        registry.end(&Ended {
            asked: Key::asked(route, this.method),
            status: this.course.status.unwrap_or_else(|| outcome.status()),
            outcome,
            elapsed: since(Instant::now()),
            head: this.head.take().map(since),
            received: std::mem::take(&mut this.received).bytes(),
            sent: this.course.bytes,
        });
        let _ = SPARE.try_with(|spare| {
            let mut spare = spare.borrow_mut();
            if spare.len() < MAX_SPARE {
                spare.push(self);
            }
        });
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange")
            .field("course", &self.course)
            .finish_non_exhaustive()
    }
}

/// The count that waits for the response, and then for its end.
///
/// Wherever it is dropped, the request is counted.
#[derive(Debug, Default)]
pub struct Pending(Option<Box<Exchange>>);

impl Pending {
    fn end(&mut self, failed: Option<Outcome>) {
        if let Some(exchange) = self.0.take() {
            exchange.end(failed);
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.end(None);
    }
}

impl<C: Body> OnResponse<C> for Pending {
    type Body = MetricsBody<C>;

    #[inline]
    fn on_response(mut self, res: Response<C>) -> Response<MetricsBody<C>> {
        if let Some(exchange) = &mut self.0 {
            exchange.answer(&res);
        }
        res.map(|body| MetricsBody {
            inner: Mixed::inner(body),
            pending: self,
        })
    }

    fn on_error(mut self) {
        self.end(Some(Outcome::Error));
    }
}

pin_project! {
    /// A body that is counted when it ends or is dropped.
    ///
    /// It is the inner one in all that can be seen of it, but that an error of that is the
    /// source of its own. The default is not counted.
    #[derive(Debug)]
    pub struct MetricsBody<C> {
        #[pin]
        inner: Mixed<C>,
        pending: Pending,
    }
}

impl<C> Default for MetricsBody<C> {
    fn default() -> Self {
        Self::from(crate::Body::empty())
    }
}

/// The body of a reply, of the layer or of one further in.
impl<C> From<crate::Body> for MetricsBody<C> {
    fn from(body: crate::Body) -> Self {
        Self {
            inner: Mixed::own(body),
            pending: Pending::default(),
        }
    }
}

impl<C> Body for MetricsBody<C>
where
    C: Body<Data = Bytes>,
    C::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Error;

    #[inline]
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.project();
        let Some(exchange) = &mut this.pending.0 else {
            return this.inner.poll_frame(cx);
        };
        let next = ready!(exchange.course.poll_frame(this.inner, cx));
        match &next {
            Some(Ok(_)) => {}
            Some(Err(error)) => this.pending.end(Some(Outcome::of(error))),
            None => this.pending.end(None),
        }
        Poll::Ready(next)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
