//! Middleware of one `async` function, for work that must await.
//!
//! ```
//! use gopuram_middleware::from_fn::{Next, from_fn};
//! use gopuram_middleware::Body;
//! use http::{Request, Response};
//! # use tower_layer::Layer;
//! # use std::{convert::Infallible, task::{Context, Poll, Waker}};
//! # #[derive(Clone)] struct App;
//! # impl tower_service::Service<Request<Body>> for App {
//! #     type Response = Response<Body>;
//! #     type Error = Infallible;
//! #     type Future = std::future::Ready<Result<Response<Body>, Infallible>>;
//! #     fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> { Poll::Ready(Ok(())) }
//! #     fn call(&mut self, _: Request<Body>) -> Self::Future { std::future::ready(Ok(Response::default())) }
//! # }
//! # let app = App;
//!
//! let app = from_fn(async |req: Request<Body>, next: Next| {
//!     let mut res = next.run(req).await;
//!     res.headers_mut().insert("x-seen", http::HeaderValue::from_static("yes"));
//!     res
//! })
//! .layer(app);
//! # let mut app = app;
//! # use tower_service::Service;
//! # let call = std::pin::pin!(app.call(Request::new(Body::empty())));
//! # let Poll::Ready(Ok(res)) = call.poll(&mut Context::from_waker(Waker::noop())) else { panic!() };
//! # assert_eq!(res.headers()["x-seen"], "yes");
//! ```
//!
//! The function may answer without running `next`, but not run it twice. An error of the
//! inner service is for the gateway and passes through: the function sees a 500
//! in its place, and if it returns that response, the error goes on as it was.
//! Returning another response instead settles the error. What is changed in that 500 itself,
//! a field or even the status, is lost with it.
//!
//! One box per request; the function's own future is not boxed. The inner service
//! is cloned once per request, since the function may keep it as long as it likes. State
//! is best captured as an `Arc` by a closure that returns an `async move` block.

use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::body::Body;
use crate::promise;
use crate::response::IntoResponse;

/// Makes middleware of an `async` function of a request and what is next.
///
/// See the [module documentation](self) for an example.
pub const fn from_fn<F, Fut>(f: F) -> FromFn<F>
where
    F: Fn(Request<Body>, Next) -> Fut,
    Fut: Future,
    Fut::Output: IntoResponse,
{
    FromFn { f }
}

/// The layer made by [`from_fn`].
#[derive(Clone, Copy)]
pub struct FromFn<F> {
    f: F,
}

impl<F> fmt::Debug for FromFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FromFn({})", std::any::type_name::<F>())
    }
}

impl<S, F: Clone> Layer<S> for FromFn<F> {
    type Service = FromFnService<S, F>;

    fn layer(&self, inner: S) -> Self::Service {
        FromFnService {
            inner,
            f: self.f.clone(),
        }
    }
}

/// A service with a function around it.
#[derive(Clone, Copy)]
pub struct FromFnService<S, F> {
    inner: S,
    f: F,
}

impl<S: fmt::Debug, F> fmt::Debug for FromFnService<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromFnService")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

impl<S, F, Fut, B, C> Service<Request<B>> for FromFnService<S, F>
where
    S: Service<Request<Body>, Response = Response<C>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
    C: http_body::Body<Data = Bytes> + Send + 'static,
    C::Error: Into<Box<dyn StdError + Send + Sync>>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
    F: Fn(Request<Body>, Next) -> Fut,
    Fut: Future,
    Fut::Output: IntoResponse,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = ResponseFuture<Fut, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, req: Request<B>) -> Self::Future {
        // The service that is ready is the one to call; its clone is not ready.
        let clone = self.inner.clone();
        let ready = std::mem::replace(&mut self.inner, clone);
        let next = Next(Box::pin(Call {
            service: ready,
            state: State::Idle,
        }));
        let future = (self.f)(req.map(Body::new), next);
        promise::used(self);
        ResponseFuture {
            future,
            error: std::marker::PhantomData,
        }
    }
}

/// What is next: the inner service, ready to be called once.
#[must_use = "nothing further in is asked unless `run` is awaited"]
pub struct Next(Pin<Box<dyn ErasedCall + Send>>);

impl Next {
    /// Passes the request on and waits for the response.
    pub async fn run(mut self, req: Request<Body>) -> Response<Body> {
        self.0.as_mut().start(req);
        std::future::poll_fn(|cx| self.0.as_mut().poll(cx)).await
    }
}

impl fmt::Debug for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Next")
    }
}

/// A call in one box: the service first, its future in the same place then.
trait ErasedCall {
    fn start(self: Pin<&mut Self>, req: Request<Body>);
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Response<Body>>;
}

pin_project! {
    struct Call<S, F> {
        service: S,
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F> {
        Idle,
        Running { #[pin] future: F },
    }
}

impl<S, C> ErasedCall for Call<S, S::Future>
where
    S: Service<Request<Body>, Response = Response<C>>,
    S::Error: Send + 'static,
    C: http_body::Body<Data = Bytes> + Send + 'static,
    C::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    fn start(self: Pin<&mut Self>, req: Request<Body>) {
        let mut this = self.project();
        let future = this.service.call(req);
        this.state.set(State::Running { future });
    }

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Response<Body>> {
        let StateProj::Running { future } = self.project().state.project() else {
            return Poll::Pending;
        };
        Poll::Ready(match ready!(future.poll(cx)) {
            Ok(res) => res.map(Body::new),
            Err(error) => Escaped::response(error),
        })
    }
}

/// An error of the inner service on its way past the function.
struct Escaped<E>(Arc<Mutex<Option<E>>>);

impl<E> Clone for Escaped<E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<E: Send + 'static> Escaped<E> {
    fn response(error: E) -> Response<Body> {
        let mut res = Response::new(Body::empty());
        *res.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        res.extensions_mut()
            .insert(Self(Arc::new(Mutex::new(Some(error)))));
        res
    }

    fn caught(res: &mut Response<Body>) -> Option<E> {
        let Self(slot) = res.extensions_mut().remove()?;
        slot.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

pin_project! {
    /// The future of [`FromFnService`].
    pub struct ResponseFuture<F, E> {
        #[pin]
        future: F,
        error: std::marker::PhantomData<fn() -> E>,
    }
}

impl<F, E> fmt::Debug for ResponseFuture<F, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

impl<F, E> Future for ResponseFuture<F, E>
where
    F: Future,
    F::Output: IntoResponse,
    E: Send + 'static,
{
    type Output = Result<Response<Body>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut res = ready!(self.project().future.poll(cx)).into_response();
        Poll::Ready(match Escaped::caught(&mut res) {
            Some(error) => Err(error),
            None => Ok(res),
        })
    }
}
