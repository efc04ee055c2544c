//! An application with its stack around it.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use tower_service::Service;

use super::display::{self, Tier};
use crate::middleware::{Body, promise};

/// What a stack can be put around: a service from requests to responses.
///
/// Every [`tower_service::Service`] of `Request<Body>` that answers `Response<_>` is that, so there
/// is nothing to implement. What a gateway can serve is a little more: an
/// [`Application`](crate::Application).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an application",
    label = "not a tower service from `Request<Body>` to `Response<_>`",
    note = "an application is a `tower_service::Service<Request<gopuram::Body>, Response = Response<C>>`, where `C` is a body of `Bytes`",
    note = "an `async fn` becomes one in a router: `Router::new().get(\"/\", handler)`"
)]
pub trait Innermost:
    Service<Request<Body>, Response = Response<<Self as Innermost>::Body>>
{
    /// The body of its responses.
    type Body: http_body::Body<Data = Bytes>;
}

#[diagnostic::do_not_recommend]
impl<S, C> Innermost for S
where
    S: Service<Request<Body>, Response = Response<C>>,
    C: http_body::Body<Data = Bytes>,
{
    type Body = C;
}

/// An application with its stack around it; prints itself as a tower.
///
/// It takes requests with any body and gives the stack [`Body`]: for nothing if it is one already. That
/// the stack is asked for one request type only is what keeps compile times flat: a compiler
/// that must guess the request type tries every layer twice.
#[derive(Clone)]
pub struct App<S> {
    service: S,
    tiers: Arc<[Tier]>,
}

impl<S> App<S> {
    pub(crate) fn new(service: S, tiers: Vec<Tier>) -> Self {
        Self {
            service,
            tiers: tiers.into(),
        }
    }

    /// The outermost layer's service.
    pub fn into_inner(self) -> S {
        self.service
    }
}

impl<S, B> Service<Request<B>> for App<S>
where
    S: Service<Request<Body>>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, req: Request<B>) -> S::Future {
        self.service.call(req.map(Body::new))
    }
}

/// Prints the stack as a tower, outermost first, the application last.
impl<S> fmt::Display for App<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        display::tower(&self.tiers, f)
    }
}

impl<S> fmt::Debug for App<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.tiers.iter().map(Tier::name))
            .finish()
    }
}

/// Where the layers end and the application begins.
///
/// Layers may wrap the body of a request; the application is written for one body
/// type. This makes that one of whatever comes, for nothing if it is one already.
///
/// Whether the layers within the application use what they reserve nobody knows. So it is called by
/// [`promise::call`], and only it is cloned where it does not say, not the whole stack.
#[derive(Clone, Copy, Debug)]
pub struct Entry<S>(S);

impl<S> Entry<S> {
    pub(super) const fn new(app: S) -> Self {
        Self(app)
    }
}

impl<S, B> Service<Request<B>> for Entry<S>
where
    S: Service<Request<Body>> + Clone,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, req: Request<B>) -> S::Future {
        let future = promise::call(&mut self.0, req.map(Body::new));
        promise::used(self);
        future
    }
}
