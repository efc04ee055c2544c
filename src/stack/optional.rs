//! A layer that is there or not, decided when the stack is built.

use std::error::Error as StdError;
use std::fmt;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use crate::middleware::Body;
use crate::middleware::future::Either;
use crate::middleware::place::Placed;

/// A layer that is there or not; see [`Stack::when`](super::Stack::when).
///
/// Around any tower layer it can be given to [`Stack::layer`](super::Stack::layer).
#[derive(Clone, Copy, Debug)]
pub struct Optional<L>(Option<L>);

impl<L> Optional<L> {
    /// The layer, if `condition` holds.
    pub fn new(condition: bool, layer: L) -> Self {
        Self(condition.then_some(layer))
    }
}

#[diagnostic::do_not_recommend]
impl<L: Placed> Placed for Optional<L> {
    type Place = L::Place;
    const NAME: &'static str = L::NAME;

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(layer) => layer.describe(f),
            None => f.write_str("off"),
        }
    }
}

impl<S, L: Layer<S>> Layer<S> for Optional<L> {
    type Service = OptionalService<L::Service, S>;

    fn layer(&self, inner: S) -> Self::Service {
        match &self.0 {
            Some(layer) => OptionalService::On(layer.layer(inner)),
            None => OptionalService::Off(inner),
        }
    }
}

/// A service with a layer or without.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_enums, reason = "a layer is there or not")]
pub enum OptionalService<A, S> {
    /// With the layer around it.
    On(A),
    /// As it was.
    Off(S),
}

impl<A, S, B, C, D> Service<Request<B>> for OptionalService<A, S>
where
    A: Service<Request<B>, Response = Response<C>, Error = S::Error>,
    S: Service<Request<B>, Response = Response<D>>,
    C: http_body::Body<Data = Bytes> + Send + 'static,
    C::Error: Into<Box<dyn StdError + Send + Sync>>,
    D: http_body::Body<Data = Bytes> + Send + 'static,
    D::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Either<A::Future, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        match self {
            Self::On(service) => service.poll_ready(cx),
            Self::Off(service) => service.poll_ready(cx),
        }
    }

    fn call(&mut self, req: Request<B>) -> Self::Future {
        match self {
            Self::On(service) => Either::left(service.call(req)),
            Self::Off(service) => Either::right(service.call(req)),
        }
    }
}
