//! What a request costs in process: time, and allocations.

#![expect(clippy::print_stdout, reason = "it prints what it measured")]

mod measure;
mod noop;

use std::convert::Infallible;

use gopuram::{Body, Stack};
use http::{Request, Response};
use tower::service_fn;

use noop::Noop;

fn main() {
    let app = || {
        service_fn(async |_: Request<Body>| Ok::<_, Infallible>(Response::new(Body::from("hello"))))
    };
    let s0 = measure::in_process(Stack::new().app(app()), measure::request);
    let s1 = measure::in_process(Stack::new().layer(Noop).app(app()), measure::request);
    let s8 = measure::in_process(
        Stack::new()
            .layer(Noop)
            .layer(Noop)
            .layer(Noop)
            .layer(Noop)
            .layer(Noop)
            .layer(Noop)
            .layer(Noop)
            .layer(Noop)
            .app(app()),
        measure::request,
    );
    let s32 = measure::in_process(
        Stack::new()
            .layer(Noop)
            .layer(Noop)
            .layer(Noop)
            .layer(Noop)
            .layer(Noop)
            .layer(Noop)
            .layer(Noop)
            .layer(Noop)
            .layer(Noop)
            .layer(Noop)
            .layer(Noop)
            .layer(Noop)
            .layer(Noop)
            .layer(Noop)
            .layer(Noop)
            .layer(Noop)
            .layer(Noop)
            .layer(Noop)
            .layer(Noop)
            .layer(Noop)
            .layer(Noop)
            .layer(Noop)
            .layer(Noop)
            .layer(Noop)
            .layer(Noop)
            .layer(Noop)
            .layer(Noop)
            .layer(Noop)
            .layer(Noop)
            .layer(Noop)
            .layer(Noop)
            .layer(Noop)
            .app(app()),
        measure::request,
    );
    println!("{s0:?} {s1:?} {s8:?} {s32:?}");
}
