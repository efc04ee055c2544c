//! What is behind the layers where there is nothing.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use gopuram::Body;
use gopuram::middleware::promise;
use http::{Request, Response, StatusCode};
use tower_service::Service;

/// Answers everything with 404.
#[derive(Clone, Copy, Debug)]
pub(super) struct NotFound;

impl Service<Request<Body>> for NotFound {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        promise::used(self);
        let mut res = Response::new(Body::empty());
        *res.status_mut() = StatusCode::NOT_FOUND;
        ready(Ok(res))
    }
}
