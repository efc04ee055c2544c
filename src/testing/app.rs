//! Applications that misbehave, each in one way, and one that does not.
//!
//! ```
//! use gopuram::testing::{Client, app};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let res = Client::new(app::fails("no database")).get("/").await;
//! res.assert_status(500); // what a gateway makes of an error
//! # }
//! ```
//!
//! What misbehaves in its body only is made of [`answer`] and a body of [`testing::body`](super::body).

use std::convert::Infallible;
use std::fmt;
use std::future::Ready;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use crate::middleware::Body;

/// An application that answers at once with what `f` says.
pub const fn answer<F, C>(f: F) -> Answer<F>
where
    F: Fn(Request<Body>) -> Response<C>,
{
    Answer(f)
}

/// An application that is ready, and fails each request with a clone of `error`.
pub const fn fails<E: Clone>(error: E) -> Fails<E> {
    Fails(error)
}

/// An application that cannot get ready: `poll_ready` fails with a clone of `error`.
///
/// Calling it panics.
pub const fn unready<E: Clone>(error: E) -> Unready<E> {
    Unready(error)
}

/// An application that never gets ready.
///
/// Calling it panics.
pub const fn never_ready() -> NeverReady {
    NeverReady(())
}

/// An application that never answers, and a count of the calls that were dropped.
pub fn pending() -> (Pending, Dropped) {
    let dropped = Dropped::default();
    (Pending(dropped.clone()), dropped)
}

/// An application that panics when it is called.
pub const fn panics_when_called(message: &'static str) -> PanicsWhenCalled {
    PanicsWhenCalled(message)
}

/// An application whose future panics when it is polled.
pub const fn panics_when_polled(message: &'static str) -> PanicsWhenPolled {
    PanicsWhenPolled(message)
}

/// How many futures or bodies were dropped.
#[derive(Clone, Debug, Default)]
pub struct Dropped(Arc<AtomicUsize>);

impl Dropped {
    /// How many so far.
    pub fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// Counts one when the guard is dropped.
    pub fn guard(&self) -> DropGuard {
        DropGuard(self.clone())
    }
}

/// Counts its drop; see [`Dropped::guard`].
#[derive(Debug)]
pub struct DropGuard(Dropped);

impl Drop for DropGuard {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// See [`answer`].
#[derive(Clone, Copy)]
pub struct Answer<F>(F);

impl<F> fmt::Debug for Answer<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answer")
    }
}

impl<F, C> Service<Request<Body>> for Answer<F>
where
    F: Fn(Request<Body>) -> Response<C>,
{
    type Response = Response<C>;
    type Error = Infallible;
    type Future = Ready<Result<Response<C>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, req: Request<Body>) -> Self::Future {
        std::future::ready(Ok((self.0)(req)))
    }
}

/// See [`fails`].
#[derive(Clone, Copy, Debug)]
pub struct Fails<E>(E);

impl<E: Clone, B> Service<Request<B>> for Fails<E> {
    type Response = Response<Body>;
    type Error = E;
    type Future = Ready<Result<Response<Body>, E>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), E>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        std::future::ready(Err(self.0.clone()))
    }
}

/// See [`unready`].
#[derive(Clone, Copy, Debug)]
pub struct Unready<E>(E);

impl<E: Clone, B> Service<Request<B>> for Unready<E> {
    type Response = Response<Body>;
    type Error = E;
    type Future = Ready<Result<Response<Body>, E>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), E>> {
        Poll::Ready(Err(self.0.clone()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        panic!("called although it is not ready")
    }
}

/// See [`never_ready`].
#[derive(Clone, Copy, Debug)]
pub struct NeverReady(());

impl<B> Service<Request<B>> for NeverReady {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Pending
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        panic!("called although it is not ready")
    }
}

/// See [`pending`].
#[derive(Clone, Debug)]
pub struct Pending(Dropped);

impl<B> Service<Request<B>> for Pending {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = PendingFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        PendingFuture(self.0.guard())
    }
}

/// A future that is never ready.
#[derive(Debug)]
pub struct PendingFuture(#[expect(dead_code, reason = "counts its drop")] DropGuard);

impl Future for PendingFuture {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Pending
    }
}

/// See [`panics_when_called`].
#[derive(Clone, Copy, Debug)]
pub struct PanicsWhenCalled(&'static str);

impl<B> Service<Request<B>> for PanicsWhenCalled {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        panic!("{}", self.0)
    }
}

/// See [`panics_when_polled`].
#[derive(Clone, Copy, Debug)]
pub struct PanicsWhenPolled(&'static str);

impl<B> Service<Request<B>> for PanicsWhenPolled {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = PanicFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        PanicFuture(self.0)
    }
}

/// A future that panics.
#[derive(Clone, Copy, Debug)]
pub struct PanicFuture(&'static str);

impl Future for PanicFuture {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        panic!("{}", self.0)
    }
}
