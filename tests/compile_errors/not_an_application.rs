//! `.app` is given what is no service, one of another body, and one of another answer.

use std::convert::Infallible;

use gopuram::{Body, Stack};
use http::{Request, Response};
use tower::service_fn;

async fn of_text(_: Request<String>) -> Result<Response<Body>, Infallible> {
    Ok(Response::default())
}

async fn to_text(_: Request<Body>) -> Result<String, Infallible> {
    Ok(String::new())
}

fn main() {
    let _ = Stack::new().app("hello");
    let _ = Stack::new().app(service_fn(of_text));
    let _ = Stack::new().app(service_fn(to_text));
}
