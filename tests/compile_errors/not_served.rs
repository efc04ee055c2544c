//! What is given to `serve` is no service, or fails with what is no error.

use gopuram::Body;
use http::{Request, Response};
use tower::service_fn;

#[derive(Clone, Copy)]
struct Oops;

async fn fails(_: Request<Body>) -> Result<Response<Body>, Oops> {
    Err(Oops)
}

fn main() {
    let _ = gopuram::serve("hello");
    let _ = gopuram::serve(service_fn(fails));
}
