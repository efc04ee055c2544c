//! A router as a layer: what it has no route for goes on to the inner service.

use std::error::Error as StdError;
use std::fmt;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use super::Router;
use super::serve::{Found, ResponseFuture};
use crate::body::Body;
use crate::future::Either;
use crate::place::{Content, Placed};

#[diagnostic::do_not_recommend]
impl<E> Placed for Router<E> {
    type Place = Content;
    const NAME: &'static str = "router";

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.routes().len() {
            1 => f.write_str("1 route"),
            n => write!(f, "{n} routes"),
        }
    }
}

impl<S, E> Layer<S> for Router<E> {
    type Service = RouterService<S, E>;

    fn layer(&self, inner: S) -> Self::Service {
        RouterService {
            inner,
            router: self.clone(),
        }
    }
}

/// A service with a [`Router`] before it.
pub struct RouterService<S, E> {
    inner: S,
    router: Router<E>,
}

impl<S, E, B, C> Service<Request<B>> for RouterService<S, E>
where
    S: Service<Request<B>, Response = Response<C>, Error = E>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
    C: http_body::Body<Data = Bytes> + Send + 'static,
    C::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type Response = Response<Body>;
    type Error = E;
    type Future = Either<S::Future, ResponseFuture<E>>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), E>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, req: Request<B>) -> Self::Future {
        let found = match self.router.table.found(&req) {
            // The server as a whole has more routes than the router's.
            None | Some(Found::Server(_)) => {
                return Either::left(self.inner.call(req));
            }
            Some(found) => found,
        };
        Either::right(found.answer(req.map(Body::new)))
    }
}

impl<S: Clone, E> Clone for RouterService<S, E> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            router: self.router.clone(),
        }
    }
}

impl<S: fmt::Debug, E> fmt::Debug for RouterService<S, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouterService")
            .field("inner", &self.inner)
            .field("router", &self.router)
            .finish()
    }
}
