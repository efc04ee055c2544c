//! `/livez` and `/readyz`: does it work, and may it take requests.
//!
//! ```
//! use gopuram_middleware::Health;
//! # use tower_layer::Layer as _;
//! # let app = ();
//! # async fn ping() -> Result<(), std::io::Error> { Ok(()) }
//!
//! let health = Health::new().check("database", ping);
//! let app = health.layer(app);
//! # let _ = app;
//! ```
//!
//! | asked for | answer |
//! |---|---|
//! | `/livez` | 200, as long as requests are answered at all |
//! | `/readyz` | 200 if every check passes; 503 if one fails, and from the moment at which the gateway [drains](Draining) |
//! | `OPTIONS` of either | 204 and `Allow` |
//! | another method | 405 and `Allow` |
//! | another path | what inner answers |
//!
//! `HEAD` is answered as `GET` without the content. Nothing is to be kept by caches (`no-store`). The layer is called `health`
//! and not for the draining that it tells of, since that is the word by which people look for it.
//!
//! # What it says
//!
//! Text for people: `ok`, or which checks failed, and all of them where the query has `verbose`, as the API server of
//! Kubernetes has it. For a client that would rather have it by its `Accept`, the same in JSON, with all checks:
//!
//! ```json
//! {"status":"failed","checks":[{"name":"database","status":"ok"},{"name":"queue","status":"failed"}]}
//! ```
//!
//! `status` is `ok`, `failed` or `draining`.
//!
//! # Checks
//!
//! A check is an async function with a name. It is run when somebody asks, all of them at once, each with a
//! [deadline](Health::deadline), in tasks of their own: whoever asks may leave, and they go on. At most one run is on its way;
//! who asks meanwhile waits for it, and who asks within a second of its end gets [the same
//! answer](Health::keep). So no client has a database asked more often than once a second. A check that
//! panics has failed; one that blocks its thread is given up by its deadline and not begun again before it has
//! ended, unless it blocks the one thread that looks at the clock for its runtime: what blocks belongs into `block_in_place` or
//! `spawn_blocking`. They need a runtime of tokio: without one they fail. While the gateway drains they are not run.
//!
//! # Kubernetes
//!
//! ```yaml
//! livenessProbe:  { httpGet: { path: /livez, port: 8000 } }
//! readinessProbe: { httpGet: { path: /readyz, port: 8000 }, periodSeconds: 5 }
//! ```
//!
//! `/livez` runs no checks: to restart a process because its database is away does not bring that back, and
//! restarts all replicas at once. What a start waits for is best a check too, or a `startupProbe` of `/readyz`.
//! The deadline of a check is shorter than the second that a probe waits by default (`timeoutSeconds`), so
//! that it hears which check it was.
//!
//! A gateway that drains no longer accepts, which a probe on a connection of its own takes for a failure as well; a
//! balancer that keeps its connections sees the 503. Kubernetes takes a pod that is to end out of
//! its services at once, whatever its probes say.
//!
//! # Security
//!
//! The names of checks are told to whoever asks, what went wrong is not unless [asked for](Health::show_errors): errors
//! tell of addresses and users. [`Health::report`] hands them to a log. The layer stands outside of guards, which a
//! probe could not pass. Where clients are not to ask, serve the paths on another port: the layer around an empty
//! router is an application.
//!
//! # Cost
//!
//! Of another path, a comparison with each of the two. An answer of its own is a few allocations.

mod checks;
mod page;

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::{Method, Request, Response, StatusCode};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::attributes::Draining;
use crate::body::{Body, Mixed};
use crate::place::{Contain, Placed};

pub use checks::Failure;

use checks::Checks;
use page::Wanted;

/// `/livez` and `/readyz`: does it work, and may it take requests.
///
/// See the [module documentation](self) for an example.
#[derive(Clone, Debug)]
pub struct Health {
    live: Cow<'static, str>,
    ready: Cow<'static, str>,
    checks: Checks,
    draining: Draining,
    show_errors: bool,
}

impl Default for Health {
    fn default() -> Self {
        Self::new()
    }
}

impl Health {
    /// Answers `/livez` and `/readyz`, without checks.
    pub fn new() -> Self {
        Self {
            live: Cow::Borrowed("/livez"),
            ready: Cow::Borrowed("/readyz"),
            checks: Checks::default(),
            draining: Draining::default(),
            show_errors: false,
        }
    }

    /// Where it is asked whether the process works: `/livez` by default, as Kubernetes has it itself.
    ///
    /// Compared with the path as it was received, byte for byte.
    #[must_use]
    pub fn live(mut self, path: impl Into<Cow<'static, str>>) -> Self {
        self.live = path.into();
        self
    }

    /// Where it is asked whether the process may take requests: `/readyz` by default.
    ///
    /// If both paths are the same, it is this that is asked.
    #[must_use]
    pub fn ready(mut self, path: impl Into<Cow<'static, str>>) -> Self {
        self.ready = path.into();
        self
    }

    /// Adds a check of readiness: what is an error is a failure.
    ///
    /// Its name is for people: `database`. Clones that were made before do not have it.
    #[must_use]
    pub fn check<F, Fut, E>(mut self, name: impl Into<Cow<'static, str>>, check: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Box<dyn StdError + Send + Sync>>,
    {
        let check = move || -> checks::Running {
            let running = check();
            Box::pin(async move {
                running
                    .await
                    .map_err(|error| checks::message(&*error.into()))
            })
        };
        self.checks.add(name.into(), Arc::new(check));
        self
    }

    /// How long the check that was added last may take; 900 ms by default, less than the second
    /// that a probe of Kubernetes waits.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.checks.set_deadline(deadline);
        self
    }

    /// For how long an answer is given again, in place of new checks; a second by default, less than probes
    /// of good will have between them.
    #[must_use]
    pub fn keep(mut self, time: Duration) -> Self {
        self.checks.set_keep(time);
        self
    }

    /// Asks this too whether the end is near: for servers that do not tell it with each request, as
    /// the gateway does.
    #[must_use]
    pub fn draining(mut self, draining: Draining) -> Self {
        self.draining = draining;
        self
    }

    /// Says to whoever asks what the error of a check was; not by default.
    #[must_use]
    pub fn show_errors(mut self) -> Self {
        self.show_errors = true;
        self
    }

    /// Tells `report` of each check that fails, once a run; nobody by default.
    ///
    /// A panic of its own is lost.
    #[must_use]
    pub fn report(mut self, report: impl Fn(&Failure<'_>) + Send + Sync + 'static) -> Self {
        self.checks.set_report(Arc::new(report));
        self
    }

    /// What is asked for at `path`, if anything.
    #[inline]
    fn probe(&self, path: &str) -> Option<Probe> {
        if path == self.ready {
            Some(Probe::Ready)
        } else if path == self.live {
            Some(Probe::Live)
        } else {
            None
        }
    }

    /// The answer to a probe.
    #[cold]
    fn answer<B>(&self, probe: Probe, req: &Request<B>) -> Answer {
        if *req.method() != Method::GET && *req.method() != Method::HEAD {
            let is_options = *req.method() == Method::OPTIONS;
            return Answer::Now(page::other_method(is_options));
        }
        let wanted = Wanted::of(req, self.show_errors);
        if probe == Probe::Live {
            return Answer::Now(wanted.page("ok", StatusCode::OK, &[]));
        }
        if self.draining.has_begun() || Draining::of(req).has_begun() {
            let unavailable = StatusCode::SERVICE_UNAVAILABLE;
            return Answer::Now(wanted.page("draining", unavailable, &[]));
        }
        let checks = self.checks.clone();
        Answer::Later(Box::pin(async move {
            let found = checks.ask().await;
            if found.iter().all(|found| found.fault.is_none()) {
                wanted.page("ok", StatusCode::OK, &found)
            } else {
                wanted.page("failed", StatusCode::SERVICE_UNAVAILABLE, &found)
            }
        }))
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Probe {
    Live,
    Ready,
}

/// An answer of the layer's own.
enum Answer {
    Now(Response<Body>),
    Later(Pin<Box<dyn Future<Output = Response<Body>> + Send>>),
}

#[diagnostic::do_not_recommend]
impl Placed for Health {
    type Place = Contain;
    const NAME: &'static str = "health";

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.live, self.ready)
    }
}

impl<S> Layer<S> for Health {
    type Service = HealthService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        HealthService {
            inner,
            health: Arc::new(self.clone()),
        }
    }
}

/// A service that is asked for its health.
#[derive(Clone, Debug)]
pub struct HealthService<S> {
    inner: S,
    health: Arc<Health>,
}

impl<S, B, C> Service<Request<B>> for HealthService<S>
where
    S: Service<Request<B>, Response = Response<C>>,
{
    type Response = Response<Mixed<C>>;
    type Error = S::Error;
    type Future = HealthFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, req: Request<B>) -> Self::Future {
        match self.health.probe(req.uri().path()) {
            None => HealthFuture::Inner {
                future: self.inner.call(req),
            },
            Some(probe) => HealthFuture::Own {
                answer: Own(Some(self.health.answer(probe, &req))),
            },
        }
    }
}

pin_project! {
    /// The future of [`HealthService`].
    #[project = HealthFutureProj]
    #[derive(Debug)]
    #[allow(missing_docs, reason = "the variants are how it is made, not how it is used")]
    #[non_exhaustive]
    pub enum HealthFuture<F> {
        #[doc(hidden)]
        Inner { #[pin] future: F },
        #[doc(hidden)]
        Own { answer: Own },
    }
}

/// An answer of the layer's own; none once it was given.
#[doc(hidden)]
pub struct Own(Option<Answer>);

impl fmt::Debug for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Own")
    }
}

impl<F, C, E> Future for HealthFuture<F>
where
    F: Future<Output = Result<Response<C>, E>>,
{
    type Output = Result<Response<Mixed<C>>, E>;

    #[inline]
    #[expect(
        clippy::expect_used,
        reason = "a future is not polled after it is ready"
    )]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            HealthFutureProj::Inner { future } => {
                let res = ready!(future.poll(cx))?;
                Poll::Ready(Ok(res.map(Mixed::inner)))
            }
            HealthFutureProj::Own { answer } => {
                if let Some(Answer::Later(page)) = &mut answer.0 {
                    let page = ready!(page.as_mut().poll(cx));
                    answer.0 = Some(Answer::Now(page));
                }
                match answer.0.take().expect("polled after ready") {
                    Answer::Now(page) => Poll::Ready(Ok(page.map(Mixed::own))),
                    Answer::Later(_) => Poll::Pending,
                }
            }
        }
    }
}
