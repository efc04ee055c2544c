//! Functions given to `from_fn` and `on_request` with their arguments swapped, or that give
//! what cannot be answered with.

use gopuram::Body;
use gopuram::middleware::from_fn::Next;
use gopuram::middleware::{from_fn, on_request};
use http::{Request, request};

fn main() {
    let _ = from_fn(async |next: Next, req: Request<Body>| next.run(req).await);
    let _ = from_fn(async |_: Request<Body>, _: Next| 42);
    let _ = on_request(|head: &mut request::Parts| head.headers.contains_key("x-key"));
}
