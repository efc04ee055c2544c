//! Middleware of one closure over the head of a request or a response.
//!
//! ```
//! use gopuram_middleware::{on_request, on_response};
//! use http::{HeaderValue, StatusCode, request, response};
//! # use tower_layer::Layer as _;
//! # let app = ();
//!
//! let app = on_response(|head: &mut response::Parts| {
//!     head.headers.insert("x-seen", HeaderValue::from_static("yes"));
//! })
//! .layer(app);
//! let app = on_request(|head: &mut request::Parts| match head.headers.contains_key("x-key") {
//!     true => Ok(()),
//!     false => Err(StatusCode::FORBIDDEN),
//! })
//! .layer(app);
//! # let _ = app;
//! ```
//!
//! The body is not touched, so the closure works on all. A closure over a request says `()` to pass it
//! on always, or a `Result` whose error is the [reply](crate::wrap::Reply).
//!
//! No allocation, but a closure over a response is cloned for each request: what it captures had better
//! be cheap to clone, as an `Arc` or a [`HeaderValue`](http::HeaderValue) is.

use std::convert::Infallible;
use std::fmt;
use std::ops::ControlFlow;

use http::{Request, Response, request, response};
use tower_layer::Layer;

use crate::wrap::{OnRequest as Way, OnResponse as WayOut, Wrapped, with_parts};

/// Makes middleware of a closure over the head of a request.
///
/// See the [module documentation](self) for an example.
pub const fn on_request<F, R>(f: F) -> OnRequest<F>
where
    F: Fn(&mut request::Parts) -> R,
    R: Verdict,
{
    OnRequest(f)
}

/// Makes middleware of a closure over the head of a response.
///
/// See the [module documentation](self) for an example.
pub const fn on_response<F>(f: F) -> OnResponse<F>
where
    F: Fn(&mut response::Parts),
{
    OnResponse(f)
}

/// What a closure over a request says: pass it on, or reply.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say whether to pass a request on",
    label = "neither passed on nor refused",
    note = "the closure of `on_request` gives `()` to pass the request on, or a `Result<(), Reply>` whose error is answered"
)]
pub trait Verdict {
    /// What is answered instead of asking the inner service.
    type Reply;

    /// Whether to pass the request on.
    fn verdict(self) -> ControlFlow<Self::Reply>;
}

impl Verdict for () {
    type Reply = Infallible;

    fn verdict(self) -> ControlFlow<Infallible> {
        ControlFlow::Continue(())
    }
}

impl<R> Verdict for Result<(), R> {
    type Reply = R;

    fn verdict(self) -> ControlFlow<R> {
        match self {
            Ok(()) => ControlFlow::Continue(()),
            Err(reply) => ControlFlow::Break(reply),
        }
    }
}

impl<R> Verdict for ControlFlow<R> {
    type Reply = R;

    fn verdict(self) -> Self {
        self
    }
}

/// The layer made by [`on_request`](on_request()).
#[derive(Clone, Copy)]
pub struct OnRequest<F>(F);

/// The layer made by [`on_response`](on_response()).
#[derive(Clone, Copy)]
pub struct OnResponse<F>(F);

impl<S, F: Clone> Layer<S> for OnRequest<F> {
    type Service = Wrapped<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        Wrapped::new(inner, self.clone())
    }
}

impl<S, F: Clone> Layer<S> for OnResponse<F> {
    type Service = Wrapped<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        Wrapped::new(inner, self.clone())
    }
}

impl<F> fmt::Debug for OnRequest<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OnRequest({})", std::any::type_name::<F>())
    }
}

impl<F> fmt::Debug for OnResponse<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OnResponse({})", std::any::type_name::<F>())
    }
}

impl<F, R, B> Way<B> for OnRequest<F>
where
    F: Fn(&mut request::Parts) -> R,
    R: Verdict,
{
    type Then = ();
    type Reply = R::Reply;

    fn on_request(&self, req: &mut Request<B>) -> ControlFlow<R::Reply> {
        with_parts(req, |head| (self.0)(head)).verdict()
    }
}

impl<F, B> Way<B> for OnResponse<F>
where
    F: Fn(&mut response::Parts) + Clone,
{
    type Then = Self;
    type Reply = Infallible;

    fn on_request(&self, _: &mut Request<B>) -> ControlFlow<Infallible, Self> {
        ControlFlow::Continue(self.clone())
    }
}

impl<F, C> WayOut<C> for OnResponse<F>
where
    F: Fn(&mut response::Parts),
{
    type Body = C;

    fn on_response(self, res: Response<C>) -> Response<C> {
        let (mut head, body) = res.into_parts();
        (self.0)(&mut head);
        Response::from_parts(head, body)
    }
}
