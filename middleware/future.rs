//! The futures that more than one layer is made of.
//!
//! [`Either`] is for a request that goes one of two ways, [`Oneshot`] for a service that cannot be
//! asked beforehand whether it is ready. Neither allocates.

use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Response;
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::body::Body;

pin_project! {
    /// One of two answers, with a [`Body`] either way.
    ///
    /// What is a [`Body`] already stays as it is; any other is boxed.
    #[project = EitherProj]
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    #[non_exhaustive]
    pub enum Either<A, B> {
        #[doc(hidden)]
        Left { #[pin] future: A },
        #[doc(hidden)]
        Right { #[pin] future: B },
    }
}

impl<A, B> Either<A, B> {
    /// The first of the two.
    #[inline]
    pub const fn left(future: A) -> Self {
        Self::Left { future }
    }

    /// The second of the two.
    #[inline]
    pub const fn right(future: B) -> Self {
        Self::Right { future }
    }
}

impl<A, B, C, D, E> Future for Either<A, B>
where
    A: Future<Output = Result<Response<C>, E>>,
    B: Future<Output = Result<Response<D>, E>>,
    C: http_body::Body<Data = Bytes> + Send + 'static,
    C::Error: Into<Box<dyn StdError + Send + Sync>>,
    D: http_body::Body<Data = Bytes> + Send + 'static,
    D::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type Output = Result<Response<Body>, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match self.project() {
            EitherProj::Left { future } => ready!(future.poll(cx)).map(|res| res.map(Body::new)),
            EitherProj::Right { future } => ready!(future.poll(cx)).map(|res| res.map(Body::new)),
        })
    }
}

pin_project! {
    /// A service until it is ready, then its answer in the same place.
    #[project = OneshotProj]
    #[must_use = "futures do nothing unless polled"]
    #[non_exhaustive]
    pub enum Oneshot<S, R, F> {
        #[doc(hidden)]
        Waiting { service: S, req: Option<R> },
        #[doc(hidden)]
        Running { #[pin] future: F },
    }
}

impl<S: Service<R>, R> Oneshot<S, R, S::Future> {
    /// Calls `service` with `req` when it is ready.
    #[inline]
    pub const fn new(service: S, req: R) -> Self {
        let req = Some(req);
        Self::Waiting { service, req }
    }
}

impl<S: Service<R>, R> Future for Oneshot<S, R, S::Future> {
    type Output = Result<S::Response, S::Error>;

    #[expect(
        clippy::expect_used,
        reason = "a future is not polled after it is ready"
    )]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let future = match self.as_mut().project() {
                OneshotProj::Running { future } => return future.poll(cx),
                OneshotProj::Waiting { service, req } => {
                    ready!(service.poll_ready(cx))?;
                    service.call(req.take().expect("polled after ready"))
                }
            };
            self.set(Self::Running { future });
        }
    }
}

impl<S, R, F> fmt::Debug for Oneshot<S, R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Waiting { .. } => "Waiting",
            Self::Running { .. } => "Running",
        })
    }
}
