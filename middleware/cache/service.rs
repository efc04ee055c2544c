//! The service of the cache: what is answered at once, and what is left alone.

use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{IF_MATCH, IF_UNMODIFIED_SINCE, UPGRADE};
use http::{Method, Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::exchange::Caller;
use super::flight::Flights;
use super::key::{self, Key};
use super::reuse::{Asked, Use};
use super::settings::{Settings, Task};
use super::status::{Forward, Handled};
use super::store::{Promise, Store};
use super::stream::Budget;
use super::work::Work;
use crate::body::Body;

/// What all services of one cache share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) store: Arc<dyn Store>,
    pub(super) flights: Arc<Flights>,
    pub(super) budget: Arc<Budget>,
}

pub(super) struct Config {
    pub(super) shared: Shared,
    pub(super) settings: Settings,
}

/// A service with a cache in front of it.
#[derive(Clone)]
pub struct CacheService<S> {
    inner: S,
    config: Arc<Config>,
}

impl<S> CacheService<S> {
    pub(super) fn new(inner: S, shared: Shared, settings: Settings) -> Self {
        let config = Arc::new(Config { shared, settings });
        Self { inner, config }
    }
}

impl<S: fmt::Debug> fmt::Debug for CacheService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheService")
            .field("inner", &self.inner)
            .field("settings", &self.config.settings)
            .finish_non_exhaustive()
    }
}

impl<S, B, C> Service<Request<B>> for CacheService<S>
where
    S: Service<Request<Body>, Response = Response<C>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
    C: http_body::Body<Data = Bytes> + Send + 'static,
    C::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = CacheFuture<S::Future, S::Error>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, req: Request<B>) -> Self::Future {
        let mut req = req.map(Body::new);
        let config = &self.config;
        if !matches!(*req.method(), Method::GET | Method::HEAD) {
            let is_unsafe = !is_safe(req.method());
            let after = is_unsafe.then(|| Invalidation::of(&req, config));
            return CacheFuture::pass(self.inner.call(req), after.flatten(), None);
        }
        let key = Key::of(&req).filter(|_| !is_left_alone(&req));
        let Some(mut key) = key else {
            let config = Arc::clone(config);
            return CacheFuture::pass(self.inner.call(req), None, Some(config));
        };
        let mut shared = true;
        if let Some(user) = &config.settings.user {
            let (of_user, is_own) = key.for_user(&mut req, &**user);
            key = of_user;
            shared = !is_own;
        }
        let ignored = config.settings.ignore_requests;
        let asked = Asked::of(req.method(), req.headers(), ignored);
        let looked = config.shared.store.get(&key, req.headers());
        if let Promise::Now(Some(entry)) = &looked
            && asked.judge(&entry.head, config.settings.clock.now()) == Use::Answer
        {
            return CacheFuture::ready(config.hit(&asked, entry));
        }
        // The service that is ready is the one to call; its clone is not ready.
        let clone = self.inner.clone();
        let ready = std::mem::replace(&mut self.inner, clone);
        let work = Work {
            config: Arc::clone(&self.config),
            caller: match &looked {
                Promise::Now(_) => Caller::ready(ready),
                // What it holds, the permit of a limit, say, others may have while the store is asked.
                Promise::Later(_) => Caller::ready(ready).another(),
            },
            req,
            key,
            asked,
            shared,
        };
        CacheFuture {
            state: State::Work {
                work: Box::pin(async move {
                    let found = match looked {
                        Promise::Now(found) => found,
                        Promise::Later(found) => found.await,
                    };
                    work.run(found).await
                }),
            },
        }
    }
}

/// Methods that change nothing: those that the registry calls safe (RFC 9110, sections 9.2.1 and 16.1.1). What
/// is not known may change something.
fn is_safe(method: &Method) -> bool {
    matches!(
        method.as_str(),
        "GET" | "HEAD" | "OPTIONS" | "PROPFIND" | "QUERY" | "REPORT" | "SEARCH" | "TRACE"
    )
}

/// Requests that are not a cache's: with content, which is no part of the key; for another protocol;
/// and with preconditions that only the origin can evaluate (RFC 9110, section 13.2.1).
fn is_left_alone(req: &Request<Body>) -> bool {
    use http_body::Body as _;
    let headers = req.headers();
    let has_content = !req.body().is_end_stream();
    let names = [UPGRADE, IF_MATCH, IF_UNMODIFIED_SINCE];
    has_content || names.iter().any(|name| headers.contains_key(name))
}

/// What a request with an unsafe method makes of what is stored (section 4.4).
struct Invalidation {
    url: Box<str>,
    config: Arc<Config>,
}

impl Invalidation {
    fn of(req: &Request<Body>, config: &Arc<Config>) -> Option<Self> {
        let url = Key::of(req)?.url().into();
        let config = Arc::clone(config);
        Some(Self { url, config })
    }

    /// Forgets what the answer may have changed; what must be waited for comes back.
    fn run(self, res: &Response<Body>) -> Option<Task> {
        let status = res.status();
        if !status.is_success() && !status.is_redirection() {
            return None;
        }
        let Shared { store, flights, .. } = &self.config.shared;
        let beside: Vec<_> = key::named_beside(&self.url, res.headers()).collect();
        let mut waiting = Vec::new();
        for url in std::iter::once(&self.url).chain(&beside) {
            flights.forget(Some(url));
            if let Promise::Later(removed) = store.remove(url) {
                waiting.push(removed);
            }
        }
        (!waiting.is_empty()).then(|| {
            // The change is made: that its client goes does not leave what it made wrong.
            self.config.settings.behind(Box::pin(async move {
                for removed in waiting {
                    removed.await;
                }
            }))
        })
    }
}

pin_project! {
    /// The future of [`CacheService`].
    pub struct CacheFuture<F, E> {
        #[pin]
        state: State<F, E>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, E> {
        // Answered at once, or when what was invalidated is gone.
        Answered {
            res: Option<Response<Body>>,
            after: Option<Task>,
        },
        Pass {
            #[pin]
            future: F,
            invalidation: Option<Invalidation>,
            // Whose name is in `Cache-Status`, if that is said.
            config: Option<Arc<Config>>,
        },
        Work { work: Pin<Box<dyn Future<Output = Result<Response<Body>, E>> + Send>> },
    }
}

impl<F, E> CacheFuture<F, E> {
    const fn ready(res: Response<Body>) -> Self {
        let state = State::Answered {
            res: Some(res),
            after: None,
        };
        Self { state }
    }

    const fn pass(
        future: F,
        invalidation: Option<Invalidation>,
        config: Option<Arc<Config>>,
    ) -> Self {
        let state = State::Pass {
            future,
            invalidation,
            config,
        };
        Self { state }
    }
}

impl<F, E> fmt::Debug for CacheFuture<F, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheFuture").finish_non_exhaustive()
    }
}

impl<F, C, E> Future for CacheFuture<F, E>
where
    F: Future<Output = Result<Response<C>, E>>,
    C: http_body::Body<Data = Bytes> + Send + 'static,
    C::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type Output = Result<Response<Body>, E>;

    #[expect(
        clippy::expect_used,
        reason = "a future is not polled after it is ready"
    )]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let (res, after) = match state.as_mut().project() {
                StateProj::Work { work } => return work.as_mut().poll(cx),
                StateProj::Answered { res, after } => {
                    if let Some(after) = after {
                        ready!(after.as_mut().poll(cx));
                    }
                    return Poll::Ready(Ok(res.take().expect("polled after ready")));
                }
                StateProj::Pass {
                    future,
                    invalidation,
                    config,
                } => {
                    let mut res = match ready!(future.poll(cx)) {
                        Ok(res) => res.map(Body::new),
                        Err(error) => return Poll::Ready(Err(error)),
                    };
                    if let Some(config) = config {
                        let handled = Handled::Forwarded {
                            why: Forward::Bypass,
                            status: None,
                            stored: false,
                        };
                        config.tell(handled, &mut res);
                    }
                    let after = invalidation.take().and_then(|after| after.run(&res));
                    (res, after)
                }
            };
            let res = Some(res);
            state.set(State::Answered { res, after });
        }
    }
}
