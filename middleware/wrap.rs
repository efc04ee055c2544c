//! The two halves of a middleware, and the only polling they need.
//!
//! A middleware that needs no polling of its own is a configuration and two
//! functions: the way in ([`OnRequest`]) and the way out ([`OnResponse`]).
//! [`Wrapped`] makes a service of them, once for all middleware.
//!
//! ```
//! use std::{convert::Infallible, ops::ControlFlow};
//!
//! use gopuram_middleware::wrap::{OnRequest, Wrapped};
//! use http::Request;
//! use tower_layer::Layer;
//!
//! /// Asks for everything in Tamil.
//! #[derive(Clone, Copy)]
//! struct Tamil;
//!
//! impl<S> Layer<S> for Tamil {
//!     type Service = Wrapped<S, Self>;
//!     fn layer(&self, inner: S) -> Self::Service {
//!         Wrapped::new(inner, *self)
//!     }
//! }
//!
//! impl<B> OnRequest<B> for Tamil {
//!     type Then = (); // leaves the response alone
//!     type Reply = Infallible; // never answers itself
//!     fn on_request(&self, req: &mut Request<B>) -> ControlFlow<Infallible> {
//!         let ta = http::HeaderValue::from_static("ta");
//!         req.headers_mut().insert(http::header::ACCEPT_LANGUAGE, ta);
//!         ControlFlow::Continue(())
//!     }
//! }
//! # let mut req = Request::new(());
//! # let ControlFlow::Continue(()) = Tamil.on_request(&mut req);
//! # assert_eq!(req.headers()["accept-language"], "ta");
//! # let _ = Tamil.layer(());
//! ```
//!
//! Both halves are plain functions: tests call them without a runtime. Readiness
//! and the inner service's errors pass through untouched. A reply leaves the inner
//! service ready but not called, which tower's contract allows. The cost over
//! the inner service's future is the size of [`OnRequest::Then`] and one word.
//!
//! A request is changed where it is: moving its 300 bytes from layer to layer costs more than most layers do. The
//! few that give inner another type of body say so with [`OnBody`] and are put around it by [`WrappedBody`].

use std::convert::Infallible;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response, StatusCode, request};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::body::Body;

/// The way in: from the request received to the request passed on.
pub trait OnRequest<B> {
    /// What is done to the response; `()` leaves it alone.
    type Then;
    /// What is answered instead: [`Infallible`] for never, [`StatusCode`], `Response<()>`, or
    /// `Response<Body>` with content.
    type Reply;

    /// Changes the request and passes it on, or replies without asking the inner service.
    fn on_request(&self, req: &mut Request<B>) -> ControlFlow<Self::Reply, Self::Then>;
}

/// The body passed on, for the few middleware that wrap it.
pub trait OnBody<B>: OnRequest<B> {
    /// The body of the request passed on.
    type Body;

    /// Wraps the body of a request that [`OnRequest::on_request`] has let pass.
    fn on_body(&self, body: B, then: &mut Self::Then) -> Self::Body;
}

/// The way out: from the response received to the response returned.
pub trait OnResponse<C> {
    /// The body of the response returned.
    type Body;

    /// Changes the response.
    fn on_response(self, res: Response<C>) -> Response<Self::Body>;

    /// Hears that the inner service failed and that there is no response.
    ///
    /// The error passes on whatever is done here; nothing is, by default. If the future is dropped
    /// before it is ready, this is not called: what must be done always is done in [`Drop`].
    #[inline]
    fn on_error(self)
    where
        Self: Sized,
    {
    }
}

/// Leaves the response alone.
impl<C> OnResponse<C> for () {
    type Body = C;

    #[inline]
    fn on_response(self, res: Response<C>) -> Response<C> {
        res
    }
}

/// Leaves the response alone if there is nothing to do.
impl<C, T: OnResponse<C, Body = C>> OnResponse<C> for Option<T> {
    type Body = C;

    #[inline]
    fn on_response(self, res: Response<C>) -> Response<C> {
        match self {
            Some(then) => then.on_response(res),
            None => res,
        }
    }

    #[inline]
    fn on_error(self) {
        if let Some(then) = self {
            then.on_error();
        }
    }
}

/// What a middleware can answer without asking the inner service.
///
/// A body wrapper that stands between a refusal and the gateway implements
/// [`Default`] for the empty body, so that a status is enough of an answer.
///
/// One that has content of its own needs outer layers whose bodies can be made of a
/// [`Body`]: those of the catalogue are.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be replied with here, where the response has a body `{C}`",
    label = "no reply",
    note = "reply with a `StatusCode`, a `Response<()>`, or a `Response<gopuram::Body>` where the body inside is a `gopuram::Body` too; `from_fn` may answer with anything"
)]
pub trait Reply<C> {
    /// The whole response.
    fn into_response(self) -> Response<C>;
}

impl<C> Reply<C> for Infallible {
    fn into_response(self) -> Response<C> {
        match self {}
    }
}

/// An empty response with this status.
impl<C: Default> Reply<C> for StatusCode {
    fn into_response(self) -> Response<C> {
        let mut res = Response::new(C::default());
        *res.status_mut() = self;
        res
    }
}

/// An empty response with this status and these headers.
impl<C: Default> Reply<C> for Response<()> {
    fn into_response(self) -> Response<C> {
        self.map(|()| C::default())
    }
}

/// A response with content.
impl<C: From<Body>> Reply<C> for Response<Body> {
    fn into_response(self) -> Response<C> {
        self.map(C::from)
    }
}

/// Calls `f` with the head of `req` taken out of it, for what wants a head without a body.
pub(crate) fn with_parts<B, T>(
    req: &mut Request<B>,
    f: impl FnOnce(&mut request::Parts) -> T,
) -> T {
    let (mut head, ()) = Request::new(()).into_parts();
    swap(req, &mut head);
    let result = f(&mut head);
    swap(req, &mut head);
    result
}

fn swap<B>(req: &mut Request<B>, head: &mut request::Parts) {
    std::mem::swap(req.method_mut(), &mut head.method);
    std::mem::swap(req.uri_mut(), &mut head.uri);
    std::mem::swap(req.version_mut(), &mut head.version);
    std::mem::swap(req.headers_mut(), &mut head.headers);
    std::mem::swap(req.extensions_mut(), &mut head.extensions);
}

/// A service with a middleware around it.
#[derive(Clone, Copy, Debug)]
pub struct Wrapped<S, M> {
    inner: S,
    middleware: M,
}

impl<S, M> Wrapped<S, M> {
    /// Puts `middleware` around `inner`.
    pub const fn new(inner: S, middleware: M) -> Self {
        Self { inner, middleware }
    }

    /// The service inside.
    pub const fn inner(&self) -> &S {
        &self.inner
    }
}

impl<S, M, B, C> Service<Request<B>> for Wrapped<S, M>
where
    M: OnRequest<B>,
    M::Then: OnResponse<C>,
    M::Reply: Reply<<M::Then as OnResponse<C>>::Body>,
    S: Service<Request<B>, Response = Response<C>>,
{
    type Response = Response<<M::Then as OnResponse<C>>::Body>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, M::Then, M::Reply>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, mut req: Request<B>) -> Self::Future {
        match self.middleware.on_request(&mut req) {
            ControlFlow::Continue(then) => ResponseFuture::Inner {
                future: self.inner.call(req),
                then: Some(then),
            },
            ControlFlow::Break(reply) => ResponseFuture::Reply { reply: Some(reply) },
        }
    }
}

/// A service with a middleware around it that wraps the bodies of requests.
#[derive(Clone, Copy, Debug)]
pub struct WrappedBody<S, M> {
    inner: S,
    middleware: M,
}

impl<S, M> WrappedBody<S, M> {
    /// Puts `middleware` around `inner`.
    pub const fn new(inner: S, middleware: M) -> Self {
        Self { inner, middleware }
    }

    /// The service inside.
    pub const fn inner(&self) -> &S {
        &self.inner
    }
}

impl<S, M, B, C> Service<Request<B>> for WrappedBody<S, M>
where
    M: OnBody<B>,
    M::Then: OnResponse<C>,
    M::Reply: Reply<<M::Then as OnResponse<C>>::Body>,
    S: Service<Request<M::Body>, Response = Response<C>>,
{
    type Response = Response<<M::Then as OnResponse<C>>::Body>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, M::Then, M::Reply>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, mut req: Request<B>) -> Self::Future {
        match self.middleware.on_request(&mut req) {
            ControlFlow::Continue(mut then) => {
                let req = req.map(|body| self.middleware.on_body(body, &mut then));
                ResponseFuture::Inner {
                    future: self.inner.call(req),
                    then: Some(then),
                }
            }
            ControlFlow::Break(reply) => ResponseFuture::Reply { reply: Some(reply) },
        }
    }
}

pin_project! {
    /// The future of every middleware made of two halves.
    #[project = ResponseFutureProj]
    #[derive(Debug)]
    #[allow(missing_docs, reason = "the variants are how it is made, not how it is used")]
    #[non_exhaustive]
    pub enum ResponseFuture<F, T, R> {
        #[doc(hidden)]
        Inner { #[pin] future: F, then: Option<T> },
        #[doc(hidden)]
        Reply { reply: Option<R> },
    }
}

impl<F, T, R, C, E> Future for ResponseFuture<F, T, R>
where
    F: Future<Output = Result<Response<C>, E>>,
    T: OnResponse<C>,
    R: Reply<T::Body>,
{
    type Output = Result<Response<T::Body>, E>;

    #[inline]
    #[expect(
        clippy::expect_used,
        reason = "a future is not polled after it is ready"
    )]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            ResponseFutureProj::Inner { future, then } => match future.poll(cx) {
                Poll::Ready(Ok(res)) => {
                    let then = then.take().expect("polled after ready");
                    Poll::Ready(Ok(then.on_response(res)))
                }
                Poll::Ready(Err(error)) => {
                    if let Some(then) = then.take() {
                        then.on_error();
                    }
                    Poll::Ready(Err(error))
                }
                Poll::Pending => Poll::Pending,
            },
            ResponseFutureProj::Reply { reply } => {
                let reply = reply.take().expect("polled after ready");
                Poll::Ready(Ok(reply.into_response()))
            }
        }
    }
}
