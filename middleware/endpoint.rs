//! What a route, a mount or a cascade leads to, with its type erased.

use std::convert::Infallible;
use std::error::Error as StdError;
use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::body::Body;
use crate::future::Oneshot;
use crate::promise;
use crate::response::IntoResponse;

/// An async function or a service, with its type erased.
///
/// It is itself a service, so that layers can wrap it. Each call is
/// one box; a clone is one count.
pub struct Endpoint<E = Infallible>(Arc<dyn Call<E>>);

impl<E: 'static> Endpoint<E> {
    /// An async function of a request.
    ///
    /// State is best captured as an `Arc` by a closure that returns an `async move` block.
    pub fn handler<F, Fut>(f: F) -> Self
    where
        F: Fn(Request<Body>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoResponse> + Send + 'static,
    {
        Self(Arc::new(Handler(f)))
    }

    /// A service, of which each request gets a clone.
    ///
    /// Where readiness has to be waited for, the request waits: an endpoint is always ready.
    pub fn service<S, C>(service: S) -> Self
    where
        S: Service<Request<Body>, Response = Response<C>, Error: Into<E>>
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
        C: http_body::Body<Data = Bytes> + Send + 'static,
        C::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        Self(Arc::new(Cloned(service)))
    }
}

impl<E> Clone for Endpoint<E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<E> fmt::Debug for Endpoint<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Endpoint")
    }
}

impl<E, B> Service<Request<B>> for Endpoint<E>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type Response = Response<Body>;
    type Error = E;
    type Future = EndpointFuture<E>;

    #[inline]
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), E>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, req: Request<B>) -> EndpointFuture<E> {
        let future = self.start(req.map(Body::new));
        promise::used(self);
        future
    }
}

impl<E> Endpoint<E> {
    #[inline]
    pub(crate) fn start(&self, req: Request<Body>) -> EndpointFuture<E> {
        EndpointFuture(self.0.call(req))
    }
}

/// The future of an [`Endpoint`].
pub struct EndpointFuture<E>(Boxed<E>);

impl<E: 'static> EndpointFuture<E> {
    /// An answer that is there already.
    pub(crate) fn ready(res: Response<Body>) -> Self {
        Self(Box::pin(async { Ok(res) }))
    }
}

type Boxed<E> = Pin<Box<dyn Future<Output = Result<Response<Body>, E>> + Send>>;

impl<E> Future for EndpointFuture<E> {
    type Output = Result<Response<Body>, E>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl<E> fmt::Debug for EndpointFuture<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EndpointFuture")
    }
}

trait Call<E>: Send + Sync {
    fn call(&self, req: Request<Body>) -> Boxed<E>;
}

struct Handler<F>(F);

impl<F, Fut, E> Call<E> for Handler<F>
where
    F: Fn(Request<Body>) -> Fut + Send + Sync,
    Fut: Future<Output: IntoResponse> + Send + 'static,
{
    fn call(&self, req: Request<Body>) -> Boxed<E> {
        let future = (self.0)(req);
        Box::pin(async move { Ok(future.await.into_response()) })
    }
}

struct Cloned<S>(S);

impl<S, C, E: 'static> Call<E> for Cloned<S>
where
    S: Service<Request<Body>, Response = Response<C>, Error: Into<E>>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
    C: http_body::Body<Data = Bytes> + Send + 'static,
    C::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    fn call(&self, req: Request<Body>) -> Boxed<E> {
        Box::pin(Erased {
            answer: Oneshot::new(self.0.clone(), req),
            error: PhantomData,
        })
    }
}

pin_project! {
    /// The answer of a service, with its types erased.
    struct Erased<F, E> {
        #[pin]
        answer: F,
        error: PhantomData<fn() -> E>,
    }
}

impl<F, C, D, E> Future for Erased<F, E>
where
    F: Future<Output = Result<Response<C>, D>>,
    C: http_body::Body<Data = Bytes> + Send + 'static,
    C::Error: Into<Box<dyn StdError + Send + Sync>>,
    D: Into<E>,
{
    type Output = Result<Response<Body>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let res = ready!(self.project().answer.poll(cx));
        Poll::Ready(res.map(|res| res.map(Body::new)).map_err(Into::into))
    }
}
