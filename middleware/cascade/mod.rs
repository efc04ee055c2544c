//! Tries applications in turn until one has what is asked for.
//!
//! ```
//! use gopuram_middleware::Cascade;
//! # use gopuram_middleware::endpoint::Endpoint;
//! # let app = |text: &'static str| Endpoint::<std::convert::Infallible>::handler(move |_| std::future::ready(text));
//! # let (uploads, pages, legacy) = (app("uploads"), app("pages"), app("legacy"));
//!
//! let app = Cascade::new()
//!     .then(uploads)
//!     .then(pages) // if there is no such upload
//!     .then(legacy); // if there is no such page either: its answer stands, whatever it is
//! # let _ = app;
//! ```
//!
//! An answer of 404 is passed over and the next application is asked, unless it was the last: then it stands. Other
//! statuses are passed over where [`catch`](Cascade::catch) says so. An error is no answer: it ends the
//! cascade and passes through. As a layer, the inner service is the last to be asked. Without any
//! application, the answer is 404.
//!
//! Each application is asked as if it were the first: it gets the head as it came, extensions included. A
//! mount that another entered, a parameter that it matched, or a route that it told of is not seen. What
//! it did otherwise, to a database or to what the extensions share, is done: an application
//! that answers 404 should have done nothing.
//!
//! # Bodies of requests
//!
//! | body | which application gets it |
//! |---|---|
//! | none | |
//! | there as a whole | each |
//! | a stream | each, until one reads of it: the answer of that one stands |
//!
//! No byte is lost: an application is never asked with a body that another has read from. So a 404 of
//! an application that reads before it looks is final for a stream; put such a one last.
//! The same goes for one that keeps the body after it has answered.
//!
//! # Cost
//!
//! For each application but the last: a copy of the head, which allocates for the fields and the extensions, and
//! what an [`Endpoint`] costs, one clone and one box; for a stream also its own box and a
//! counted one. Of an answer that is passed over the body is dropped unread.

mod body;
mod tries;

use std::convert::Infallible;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use tower_layer::Layer;
use tower_service::Service;

use crate::body::Body;
use crate::endpoint::{Endpoint, EndpointFuture};
use crate::place::{Content, Placed};
use crate::promise;

pub use tries::ResponseFuture;

/// Tries applications in turn until one has what is asked for.
///
/// See the [module documentation](self) for an example.
#[must_use = "a cascade does nothing until it is served"]
pub struct Cascade<E = Infallible> {
    apps: Arc<[Endpoint<E>]>,
    passed: Arc<[StatusCode]>,
}

impl Cascade {
    /// Nothing to try yet, for services that do not fail.
    pub fn new() -> Self {
        Self::fallible()
    }
}

impl<E> Cascade<E> {
    /// Nothing to try yet, for services whose errors convert into `E`.
    pub fn fallible() -> Self {
        Self {
            apps: Arc::new([]),
            passed: Arc::new([StatusCode::NOT_FOUND]),
        }
    }

    /// Tries an application after all that are written before it.
    pub fn then<S, C>(mut self, app: S) -> Self
    where
        S: Service<Request<Body>, Response = Response<C>, Error: Into<E>>
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
        C: http_body::Body<Data = Bytes> + Send + 'static,
        C::Error: Into<Box<dyn StdError + Send + Sync>>,
        E: 'static,
    {
        let app = Endpoint::service(app);
        self.apps = self.apps.iter().cloned().chain([app]).collect();
        self
    }

    /// Which answers are passed over: 404 alone unless said otherwise.
    ///
    /// With 405 among them, an application may have the path for one method and another for the
    /// rest; the answer to a method that none has is then that of the last.
    pub fn catch(mut self, statuses: &[StatusCode]) -> Self {
        self.passed = statuses.into();
        self
    }
}

#[diagnostic::do_not_recommend]
impl<E> Placed for Cascade<E> {
    type Place = Content;
    const NAME: &'static str = "cascade";

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.apps.len() {
            1 => f.write_str("1 application"),
            n => write!(f, "{n} applications"),
        }
    }
}

impl<S, E> Layer<S> for Cascade<E> {
    type Service = CascadeService<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        let cascade = self.clone();
        CascadeService { inner, cascade }
    }
}

impl<E: 'static, B> Service<Request<B>> for Cascade<E>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type Response = Response<Body>;
    type Error = E;
    type Future = ResponseFuture<Endpoint<E>, EndpointFuture<E>, E>;

    #[inline]
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), E>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, req: Request<B>) -> Self::Future {
        let req = req.map(Body::new);
        let (last, many) = match self.apps.split_last() {
            Some((last, first)) => (last.clone(), first.len()),
            None => (Endpoint::handler(async |_| StatusCode::NOT_FOUND), 0),
        };
        let future = ResponseFuture::new(&self.apps, many, &self.passed, last, req);
        promise::used(self);
        future
    }
}

/// A service with a [`Cascade`] before it, which is the last to be asked.
#[derive(Clone, Debug)]
pub struct CascadeService<S, M> {
    inner: S,
    cascade: M,
}

impl<S, E, B, C> Service<Request<B>> for CascadeService<S, Cascade<E>>
where
    S: Service<Request<Body>, Response = Response<C>, Error = E> + Clone,
    E: 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
    C: http_body::Body<Data = Bytes> + Send + 'static,
    C::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type Response = Response<Body>;
    type Error = E;
    type Future = ResponseFuture<S, S::Future, E>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), E>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, req: Request<B>) -> Self::Future {
        let clone = self.inner.clone();
        let ready = std::mem::replace(&mut self.inner, clone);
        let Cascade { apps, passed } = &self.cascade;
        // What inner has promised is given back while others are asked, who may want the same place: waiting
        // for them with it in hand would be for ever.
        let last = if apps.is_empty() {
            ready
        } else {
            self.inner.clone()
        };
        let future = ResponseFuture::new(apps, apps.len(), passed, last, req.map(Body::new));
        promise::used(self);
        future
    }
}

impl<E> Clone for Cascade<E> {
    fn clone(&self) -> Self {
        Self {
            apps: Arc::clone(&self.apps),
            passed: Arc::clone(&self.passed),
        }
    }
}

impl Default for Cascade {
    fn default() -> Self {
        Self::new()
    }
}

impl<E> fmt::Debug for Cascade<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cascade")
            .field("apps", &self.apps.len())
            .field("passed", &self.passed)
            .finish()
    }
}
