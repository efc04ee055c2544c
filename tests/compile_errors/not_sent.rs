//! An application whose work cannot move among threads.

use std::convert::Infallible;
use std::rc::Rc;

use gopuram::Body;
use gopuram::testing::Client;
use http::{Request, Response};
use tower::service_fn;

async fn kept_on_one_thread(_: Request<Body>) -> Result<Response<Body>, Infallible> {
    let count = Rc::new(1);
    std::future::ready(()).await;
    Ok(Response::new(count.to_string().into()))
}

fn main() {
    let _ = Client::new(service_fn(kept_on_one_thread)).get("/");
}
