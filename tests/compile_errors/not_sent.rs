//! An application that cannot be shared among requests, and one whose work cannot move
//! among threads.

use std::convert::Infallible;
use std::rc::Rc;

use gopuram::testing::Client;
use gopuram::{Body, Stack};
use http::{Request, Response};
use tower::service_fn;

struct Counter;

async fn kept_on_one_thread(_: Request<Body>) -> Result<Response<Body>, Infallible> {
    let count = Rc::new(1);
    std::future::ready(()).await;
    Ok(Response::new(count.to_string().into()))
}

fn main() {
    let counter = Counter;
    let app = service_fn(async move |_: Request<Body>| {
        let _ = &counter;
        Ok::<_, Infallible>(Response::new(Body::empty()))
    });
    let _ = Client::new(Stack::new().app(app)).get("/");
    let _ = async {
        Client::new(service_fn(kept_on_one_thread)).get("/").await;
    };
}
