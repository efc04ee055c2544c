//! Layers that do nothing, to see what being there costs.

use std::convert::Infallible;
use std::ops::ControlFlow;

use gopuram::middleware::wrap::{OnRequest, OnResponse, Wrapped};
use http::{Request, Response};
use tower_layer::Layer;

/// Passes both ways and changes nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Noop;

impl<S> Layer<S> for Noop {
    type Service = Wrapped<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        Wrapped::new(inner, *self)
    }
}

impl<B> OnRequest<B> for Noop {
    type Body = B;
    type Then = Self;
    type Reply = Infallible;

    fn on_request(&self, req: Request<B>) -> ControlFlow<Infallible, (Request<B>, Self)> {
        ControlFlow::Continue((req, *self))
    }
}

impl<C> OnResponse<C> for Noop {
    type Body = C;

    fn on_response(self, res: Response<C>) -> Response<C> {
        res
    }
}
