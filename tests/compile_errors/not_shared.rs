//! An application that cannot be shared among requests.

use std::convert::Infallible;

use gopuram::testing::Client;
use gopuram::{Body, Stack};
use http::{Request, Response};
use tower::service_fn;

struct Counter;

fn main() {
    let counter = Counter;
    let app = service_fn(move |_: Request<Body>| {
        let _ = std::mem::size_of_val(&counter);
        std::future::ready(Ok::<_, Infallible>(Response::new(Body::empty())))
    });
    let _ = Client::new(Stack::new().app(app)).get("/");
}
