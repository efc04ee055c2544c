//! Layers of your own, three ways: a closure, an async function, two halves.
//!
//! Run: `cargo run --example own_layer`; then `curl -i '127.0.0.1:8000/?key=open'`.

use std::convert::Infallible;
use std::ops::ControlFlow;
use std::time::Instant;

use gopuram::middleware::from_fn::Next;
use gopuram::middleware::wrap::{OnRequest, OnResponse, Wrapped};
use gopuram::middleware::{Router, from_fn, on_request};
use gopuram::{Application, Body, Stack};
use http::{HeaderValue, Request, Response, StatusCode, request};
use tower_layer::Layer;

/// Two halves: the most that can be said of a layer, and nothing is allocated for it.
#[derive(Clone, Copy)]
struct Timing;

impl<S> Layer<S> for Timing {
    type Service = Wrapped<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        Wrapped::new(inner, *self)
    }
}

/// The way in: this one changes nothing, never replies, and notes the time.
impl<B> OnRequest<B> for Timing {
    type Then = Started;
    type Reply = Infallible;

    fn on_request(&self, _: &mut Request<B>) -> ControlFlow<Infallible, Started> {
        ControlFlow::Continue(Started(Instant::now()))
    }
}

struct Started(Instant);

/// The way out.
impl<C> OnResponse<C> for Started {
    type Body = C;

    fn on_response(self, mut res: Response<C>) -> Response<C> {
        let took = HeaderValue::from(self.0.elapsed().subsec_micros());
        res.headers_mut().insert("x-took-us", took);
        res
    }
}

/// A closure over the head is enough where nothing has to be waited for.
fn has_key(head: &mut request::Parts) -> Result<(), StatusCode> {
    let has = head.uri.query() == Some("key=open");
    has.then_some(()).ok_or(StatusCode::FORBIDDEN)
}

/// An async function may wait, before and after, and answer something else.
async fn teapot_instead(req: Request<Body>, next: Next) -> Response<Body> {
    let mut res = next.run(req).await;
    if res.status() == StatusCode::NOT_FOUND {
        *res.status_mut() = StatusCode::IM_A_TEAPOT;
    }
    res
}

pub(crate) fn app() -> impl Application {
    Stack::new()
        .layer(Timing)
        .layer(on_request(has_key))
        .layer(from_fn(teapot_instead))
        .app(Router::new().get("/", async |_| "you are in\n"))
}

#[tokio::main]
async fn main() -> Result<(), gopuram::Error> {
    gopuram::serve(app()).bind("127.0.0.1:8000").await
}
