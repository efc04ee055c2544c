//! Files as an application, and around one.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use pin_project_lite::pin_project;
use tokio::runtime::Handle;

use tower_layer::Layer;
use tower_service::Service;

use super::StaticFiles;
use super::answer;
use super::blocking::Blocking;
use super::root::Wait;
use super::site::{Asked, Form, Site};
use super::source::Miss;
use crate::body::Body;
use crate::promise;

/// What was found, or why there is nothing.
type Found = Result<Response<Body>, StatusCode>;

/// A lookup: over, or on a thread that may wait for the disk.
#[derive(Debug)]
enum Lookup {
    Over(Found),
    Waiting(Blocking<Found>),
}

impl Lookup {
    /// Looks in memory and in what the kernel has in its own; what must wait for the disk goes to
    /// a thread that may, if there is a runtime that has one.
    #[inline]
    fn of<B>(site: &Arc<Site>, req: &Request<B>, form: Form) -> Self {
        let asked = Asked {
            method: req.method(),
            uri: req.uri(),
            headers: req.headers(),
        };
        match site.find(asked, form, Wait::Never) {
            Ok(res) => Self::Over(Ok(res)),
            Err(Miss::Status(status)) => Self::Over(Err(status)),
            Err(Miss::Later) => Self::later(site, asked, form),
        }
    }

    #[cold]
    fn later(site: &Arc<Site>, asked: Asked<'_>, form: Form) -> Self {
        let Ok(runtime) = Handle::try_current() else {
            return Self::Over(wait(site, asked, form));
        };
        let site = Arc::clone(site);
        let head: (Method, Uri, HeaderMap) = (
            asked.method.clone(),
            asked.uri.clone(),
            asked.headers.clone(),
        );
        Self::Waiting(Blocking::run(&runtime, move || {
            let (method, uri, headers) = &head;
            let asked = Asked {
                method,
                uri,
                headers,
            };
            wait(&site, asked, form)
        }))
    }

    /// Whether another `Accept` would have found something, if this finds nothing.
    #[inline]
    fn may_vary<B>(&self, site: &Site, req: &Request<B>) -> bool {
        let may = match self {
            Self::Over(found) => found.as_ref().err() == Some(&StatusCode::NOT_FOUND),
            Self::Waiting(_) => true,
        };
        may && site.varies(req.uri().path())
    }

    /// May be polled until it is ready once.
    #[inline]
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Found> {
        match self {
            Self::Over(found) => {
                let over = Err(StatusCode::INTERNAL_SERVER_ERROR);
                Poll::Ready(std::mem::replace(found, over))
            }
            Self::Waiting(thread) => {
                let found = ready!(Pin::new(thread).poll(cx));
                Poll::Ready(found.unwrap_or(Err(StatusCode::SERVICE_UNAVAILABLE)))
            }
        }
    }
}

fn wait(site: &Site, asked: Asked<'_>, form: Form) -> Found {
    site.find(asked, form, Wait::Allowed)
        .map_err(|miss| match miss {
            Miss::Later => StatusCode::SERVICE_UNAVAILABLE,
            Miss::Status(status) => status,
        })
}

impl<B> Service<Request<B>> for StaticFiles {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answering;

    #[inline]
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, req: Request<B>) -> Answering {
        let lookup = if *req.method() == Method::OPTIONS {
            Lookup::Over(Ok(answer::options()))
        } else {
            Lookup::of(&self.site, &req, Form::Application)
        };
        promise::used(self);
        Answering {
            varies: lookup.may_vary(&self.site, &req),
            lookup,
        }
    }
}

/// The future of [`StaticFiles`] as an application.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Answering {
    lookup: Lookup,
    /// What is not there for one `Accept` is there for another.
    varies: bool,
}

impl Future for Answering {
    type Output = Result<Response<Body>, Infallible>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let found = ready!(self.lookup.poll(cx));
        Poll::Ready(Ok(found.unwrap_or_else(|status| {
            let res = answer::refusal(status);
            match status {
                StatusCode::NOT_FOUND if self.varies => answer::varies_by_accept(res),
                _ => res,
            }
        })))
    }
}

impl<S> Layer<S> for StaticFiles {
    type Service = StaticFilesService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        StaticFilesService {
            inner,
            files: self.clone(),
        }
    }
}

/// A service with files around it: what is no file is asked of the service.
#[derive(Clone, Debug)]
pub struct StaticFilesService<S> {
    inner: S,
    files: StaticFiles,
}

impl<S, B, C> Service<Request<B>> for StaticFilesService<S>
where
    S: Service<Request<B>, Response = Response<C>> + Clone,
    C: http_body::Body<Data = Bytes> + Send + 'static,
    C::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = ResponseFuture<S, Request<B>, S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, req: Request<B>) -> Self::Future {
        let lookup = Lookup::of(&self.files.site, &req, Form::Layer);
        let varies = lookup.may_vary(&self.files.site, &req);
        match lookup {
            Lookup::Over(Err(status)) if is_for_inner(status) => ResponseFuture::Inner {
                future: self.inner.call(req),
                varies,
            },
            Lookup::Over(found) => ResponseFuture::Over {
                res: Some(found.unwrap_or_else(answer::refusal)),
            },
            lookup @ Lookup::Waiting(_) => {
                // The service that is ready is the one to call; its clone is not ready.
                let clone = self.inner.clone();
                let ready = std::mem::replace(&mut self.inner, clone);
                promise::used(self);
                ResponseFuture::Looking {
                    lookup,
                    asked: Some((ready, req)),
                    varies,
                }
            }
        }
    }
}

/// Whether a refusal only says that there is no file, which is the inner service's to answer.
const fn is_for_inner(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_REQUEST | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_FOUND
    )
}

pin_project! {
    /// The future of [`StaticFilesService`].
    #[project = ResponseFutureProj]
    #[allow(missing_docs, reason = "the variants are how it is made, not how it is used")]
    #[must_use = "futures do nothing unless polled"]
    #[non_exhaustive]
    pub enum ResponseFuture<S, R, F> {
        #[doc(hidden)]
        Inner { #[pin] future: F, varies: bool },
        #[doc(hidden)]
        Looking { lookup: Lookup, asked: Option<(S, R)>, varies: bool },
        #[doc(hidden)]
        Over { res: Option<Response<Body>> },
    }
}

impl<S, R, F> fmt::Debug for ResponseFuture<S, R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Inner { .. } => "Inner",
            Self::Looking { .. } => "Looking",
            Self::Over { .. } => "Over",
        })
    }
}

impl<S, B, C> Future for ResponseFuture<S, Request<B>, S::Future>
where
    S: Service<Request<B>, Response = Response<C>>,
    C: http_body::Body<Data = Bytes> + Send + 'static,
    C::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Output = Result<Response<Body>, S::Error>;

    #[inline]
    #[expect(
        clippy::expect_used,
        reason = "a future is not polled after it is ready"
    )]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let (future, varies) = match self.as_mut().project() {
                ResponseFutureProj::Inner { future, varies } => {
                    let res = ready!(future.poll(cx)).map(|res| res.map(Body::new));
                    return Poll::Ready(if *varies {
                        res.map(answer::varies_by_accept)
                    } else {
                        res
                    });
                }
                ResponseFutureProj::Over { res } => {
                    return Poll::Ready(Ok(res.take().expect("polled after ready")));
                }
                ResponseFutureProj::Looking {
                    lookup,
                    asked,
                    varies,
                } => match ready!(lookup.poll(cx)) {
                    Err(status) if is_for_inner(status) => {
                        let (mut inner, req) = asked.take().expect("polled after ready");
                        let varies = *varies && status == StatusCode::NOT_FOUND;
                        (inner.call(req), varies)
                    }
                    found => {
                        return Poll::Ready(Ok(found.unwrap_or_else(answer::refusal)));
                    }
                },
            };
            self.set(ResponseFuture::Inner { future, varies });
        }
    }
}
