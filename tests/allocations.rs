//! A layer costs nothing that it does not do, counted.
//!
//! A process of its own, since the allocator counts for all.

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use gopuram::middleware::access_log::Log;
use gopuram::middleware::attributes::Attributes;
use gopuram::middleware::forwarded::Fields;
use gopuram::middleware::from_fn::Next;
use gopuram::middleware::header_rules::responses;
use gopuram::middleware::place::{Anywhere, Placed};
use gopuram::middleware::wrap::{OnRequest, Wrapped};
use gopuram::middleware::{
    AccessLog, BodyLimit, Cache, CatchPanic, Compress, ContentRules, Cors, Decompress, Digest,
    Etag, Forwarded, HeaderRules, Health, Metrics, NormalizePath, RequestId, Router,
    SecurityHeaders, Timeout, from_fn, on_request, on_response,
};
use gopuram::stack::Innermost;
use gopuram::testing::app;
use gopuram::{Body, Stack};
use http::header::{HOST, SERVER};
use http::{HeaderValue, Request, Response, request, response};
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
fn allocations(app: impl Innermost) -> u64 {
    allocations_of(app, || Request::new(Body::empty()))
}

fn allocations_of(mut app: impl Innermost, request: impl Fn() -> Request<Body>) -> u64 {
    let mut cx = Context::from_waker(Waker::noop());
    let mut measured = 0;
    // What is made at the first requests only, to be used again, is not counted.
    for _ in 0..16 {
        let req = request();
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

/// The layers of a service on the open internet: the answer's fields are two allocations, its id
/// and the router's future one each.
#[test]
fn a_production_stack_allocates_four_times() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let _guard = runtime.enter();
    let stack = Stack::new()
        .with(RequestId::default())
        .with(AccessLog::combined(Log::to(io::sink())))
        .with(SecurityHeaders::default())
        .with(Cors::any_origin())
        .with(CatchPanic::default())
        .with(Timeout::head(Duration::from_secs(30)))
        .with(BodyLimit::new(1 << 20))
        .with(NormalizePath::trim())
        .with(Compress::default())
        .app(Router::new().get("/", async |_| "hello"));
    assert_eq!(allocations_of(stack, received), 4);
}

/// A request as a gateway hands it on: with fields, and with attributes that are not the layers' to pay for.
fn received() -> Request<Body> {
    let host = HeaderValue::from_static("example.com");
    let mut req = Request::new(Body::empty());
    req.headers_mut().insert(HOST, host);
    let _: &mut Attributes = Attributes::of_mut(&mut req);
    req
}

#[test]
fn layers_that_find_nothing_to_do_allocate_nothing() {
    let rules = [responses().status(404..=404).set(SERVER, "gopuram")];
    let taken = ContentRules::new().takes(["text/*"]);
    let app = Stack::new()
        .with(HeaderRules::new(rules).unwrap())
        .with(Health::new())
        .with(taken.unwrap())
        .with(Digest::default())
        .with(Decompress::default())
        .with(Etag::new().max_size(0))
        .app(app::answer(hello));
    assert_eq!(allocations(app), 0);
}

#[test]
fn who_is_behind_a_proxy_is_read_without_allocating() {
    let proxied = |name: &'static str, value: &'static str| {
        move || {
            let mut req = received();
            let value = HeaderValue::from_static(value);
            req.headers_mut().insert(name, value);
            req
        }
    };
    let app = |layer: Forwarded| Stack::new().with(layer).app(app::answer(hello));
    let one = proxied("x-forwarded-for", "192.0.2.1");
    assert_eq!(allocations_of(app(Forwarded::behind(1)), one), 0);
    let rfc = Forwarded::behind(2).fields(Fields::Forwarded);
    let two = proxied(
        "forwarded",
        "for=\"[2001:db8::1]\";proto=https, for=10.0.0.1",
    );
    assert_eq!(allocations_of(app(rfc), two), 0);
    assert_eq!(allocations_of(app(Forwarded::behind(0)), received), 0);
    // The list of what is removed, and the name in it.
    let lies = proxied("x-forwarded-for", "192.0.2.1");
    assert_eq!(allocations_of(app(Forwarded::behind(0)), lies), 2);
}

#[test]
fn what_is_counted_by_route_allocates_nothing() {
    // What the router and the attributes of the request cost is not the layer's.
    let router = || Router::new().get("/", async |_| "hello");
    let alone = allocations_of(router(), received);
    let metrics = Metrics::new().at("/metrics");
    let counted = Stack::new().with(metrics.clone()).app(router());
    assert_eq!(allocations_of(counted, received), alone);
    // Whoever asks first for what is told, the other shares it.
    let log = || AccessLog::format("%U %{route}x", Log::to(io::sink())).unwrap();
    let outside = Stack::new().with(metrics.clone()).with(log()).app(router());
    assert_eq!(allocations_of(outside, received), alone);
    let inside = Stack::new().with(log()).with(metrics.clone()).app(router());
    assert_eq!(allocations_of(inside, received), alone);
    let by_function = metrics.route(|_| Some("/users/{id}"));
    let app = Stack::new().with(by_function).app(app::answer(hello));
    assert_eq!(allocations(app), 0);
    // Beyond the limit of names as well.
    let few = Metrics::for_routes(0).route(|_| Some("/users/{id}"));
    let app = Stack::new().with(few).app(app::answer(hello));
    assert_eq!(allocations(app), 0);
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
        let value = HeaderValue::from_static(value);
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
