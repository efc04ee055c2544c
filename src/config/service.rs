//! Services and layers whose types are gone, since what a file says is known at run time only.

use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use tower_layer::Layer;

use crate::Application;
use crate::middleware::{Body, promise};

/// What goes wrong in an application, of whatever type it was.
pub type Failure = Box<dyn StdError + Send + Sync>;

/// The answer of a [`ErasedService`] to come.
pub type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, Failure>> + Send>>;

/// An application whose type is gone.
pub struct ErasedService(Box<dyn Erased>);

impl ErasedService {
    /// Any application.
    pub fn new(app: impl Application) -> Self {
        Self(Box::new(Known(app)))
    }
}

impl Clone for ErasedService {
    fn clone(&self) -> Self {
        Self(self.0.another())
    }
}

impl<B> tower_service::Service<Request<B>> for ErasedService
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Failure>,
{
    type Response = Response<Body>;
    type Error = Failure;
    type Future = Answer;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, req: Request<B>) -> Answer {
        let answer = self.0.call(req.map(Body::new));
        // What is in the box sees to itself.
        promise::used(self);
        answer
    }
}

impl fmt::Debug for ErasedService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErasedService").finish_non_exhaustive()
    }
}

/// What an application does, without its types.
trait Erased: Send {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>>;
    fn call(&mut self, req: Request<Body>) -> Answer;
    fn another(&self) -> Box<dyn Erased>;
}

struct Known<S>(S);

impl<S: Application> Erased for Known<S> {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.0.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, req: Request<Body>) -> Answer {
        let answer = promise::call(&mut self.0, req);
        Box::pin(async {
            let res = answer.await.map_err(Into::into)?;
            Ok(res.map(Body::new))
        })
    }

    fn another(&self) -> Box<dyn Erased> {
        Box::new(Self(self.0.clone()))
    }
}

/// A layer whose type is gone.
#[derive(Clone)]
pub(super) struct AnyLayer(Arc<dyn Fn(ErasedService) -> ErasedService + Send + Sync>);

impl AnyLayer {
    pub(super) fn new<L>(layer: L) -> Self
    where
        L: Layer<ErasedService, Service: Application> + Send + Sync + 'static,
    {
        Self(Arc::new(move |inner| {
            ErasedService::new(layer.layer(inner))
        }))
    }
}

impl Layer<ErasedService> for AnyLayer {
    type Service = ErasedService;

    fn layer(&self, inner: ErasedService) -> ErasedService {
        (self.0)(inner)
    }
}
