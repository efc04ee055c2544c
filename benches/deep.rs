//! A stack of 32 layers, for `cargo xtask bench build` to time the compiler by.

use std::convert::Infallible;
use std::io;

use gopuram::{Body, Stack};
use gopuram_benches::noop;
use http::{Request, Response};
use tower::service_fn;

fn main() -> io::Result<()> {
    let app =
        service_fn(async |_: Request<Body>| Ok::<_, Infallible>(Response::new(Body::empty())));
    let app = noop::thirty_two(Stack::new()).app(app);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    // It is built to be built; run, it serves until it is told to stop.
    runtime
        .block_on(async { gopuram::serve(app).bind("127.0.0.1:0").await })
        .map_err(io::Error::other)
}
