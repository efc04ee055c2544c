//! A layer costs nothing that it does not do, counted.
//!
//! A process of its own, since the allocator counts for all.

use std::convert::Infallible;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use gopuram::middleware::from_fn::Next;
use gopuram::middleware::place::{Anywhere, Placed};
use gopuram::middleware::wrap::{OnRequest, Wrapped};
use gopuram::middleware::{Cache, from_fn, on_request, on_response};
use gopuram::stack::Innermost;
use gopuram::testing::app;
use gopuram::{Body, Stack};
use http::{Request, Response, request, response};
use tower_layer::Layer;

/// Made of the two halves, and does nothing in either.
#[derive(Clone, Copy)]
struct Noop;

impl Placed for Noop {
    type Place = Anywhere;
    const NAME: &'static str = "noop";
}

impl<S> Layer<S> for Noop {
    type Service = Wrapped<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        Wrapped::new(inner, *self)
    }
}

impl<B> OnRequest<B> for Noop {
    type Then = ();
    type Reply = Infallible;

    fn on_request(&self, _: &mut Request<B>) -> std::ops::ControlFlow<Infallible> {
        std::ops::ControlFlow::Continue(())
    }
}

fn hello(_: Request<Body>) -> Response<Body> {
    Response::new(Body::from("hello"))
}

/// How many allocations a request takes that is answered at once.
fn allocations(mut app: impl Innermost) -> u64 {
    let mut cx = Context::from_waker(Waker::noop());
    let mut measured = 0;
    // What is made at the first request only is not counted.
    for _ in 0..2 {
        let req = Request::new(Body::empty());
        let mut res = None;
        let info = allocation_counter::measure(|| {
            assert!(matches!(app.poll_ready(&mut cx), Poll::Ready(Ok(()))));
            let call = pin!(app.call(req));
            res = Some(call.poll(&mut cx).map(Result::ok));
        });
        assert!(matches!(res, Some(Poll::Ready(Some(_)))));
        measured = info.count_total;
    }
    measured
}

#[test]
fn layers_that_do_nothing_allocate_nothing_however_many() {
    macro_rules! stack {
        ($with:ident $($layer:tt)*) => {
            Stack::new()$(.$with($layer))*.app(app::answer(hello))
        };
    }
    macro_rules! all {
        ($with:ident) => {[
            allocations(stack!($with)),
            allocations(stack!($with Noop)),
            allocations(stack!($with Noop Noop Noop Noop Noop Noop Noop Noop)),
            allocations(stack!($with
                Noop Noop Noop Noop Noop Noop Noop Noop
                Noop Noop Noop Noop Noop Noop Noop Noop
                Noop Noop Noop Noop Noop Noop Noop Noop
                Noop Noop Noop Noop Noop Noop Noop Noop)),
        ]};
    }
    assert_eq!(all!(with), [0; 4]);
    assert_eq!(all!(layer), [0; 4]);
}

#[test]
fn closures_over_heads_allocate_nothing() {
    let app = Stack::new()
        .layer(on_request(|_: &mut request::Parts| ()))
        .layer(on_response(|_: &mut response::Parts| ()))
        .app(app::answer(hello));
    assert_eq!(allocations(app), 0);
}

#[test]
fn a_layer_that_is_off_or_on_allocates_nothing_of_its_own() {
    for on in [true, false] {
        let app = Stack::new().when(on, Noop).app(app::answer(hello));
        assert_eq!(allocations(app), 0);
    }
}

#[test]
fn an_async_function_allocates_once() {
    let passes = from_fn(async |req: Request<Body>, next: Next| next.run(req).await);
    let app = Stack::new().layer(passes).app(app::answer(hello));
    assert_eq!(allocations(app), 1);
    let app = Stack::new()
        .layer(passes)
        .layer(passes)
        .app(app::answer(hello));
    assert_eq!(allocations(app), 2);
}

#[test]
fn the_counter_counts() {
    let app = app::answer(|_: Request<Body>| Response::new(Body::from(vec![1_u8, 2])));
    assert!(allocations(app) > 0);
}

/// An answer with five fields that may be stored.
fn page(_: Request<Body>) -> Response<Body> {
    let mut res = Response::new(Body::from("hello"));
    let fields = [
        ("cache-control", "max-age=60"),
        ("content-type", "text/plain"),
        ("etag", "\"a\""),
        ("vary", "accept-encoding"),
        ("x-own", "1"),
    ];
    for (name, value) in fields {
        let value = http::HeaderValue::from_static(value);
        res.headers_mut().insert(name, value);
    }
    res
}

#[test]
fn a_hit_of_the_cache_allocates_its_key_its_fields_and_what_it_says() {
    let cache = Cache::in_memory(1 << 20);
    let stack = || Stack::new().with(cache.clone()).app(app::answer(page));
    // What is stored is shared from its first hit on.
    allocations(stack());
    let hit = allocations(stack());
    // The key, two for the fields, and the values of `Age` and `Cache-Status`.
    assert!(hit <= 7, "{hit}");
}
