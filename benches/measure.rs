//! How a request is measured in process.

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use gopuram::Body;
use gopuram::middleware::attributes::{Attributes, Connection, Scheme};
use http::header::{ACCEPT, ACCEPT_ENCODING, HOST, HeaderName, ORIGIN, USER_AGENT};
use http::{HeaderValue, Request, Uri};
use std::sync::Arc;
use tower_service::Service;

/// How many requests are made in advance and then timed together.
const BATCH: usize = 1000;

/// How many batches are timed; the median counts.
const BATCHES: usize = 61;

/// What one request costs.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Cost {
    /// Nanoseconds, the median of the batches.
    pub ns: f64,
    /// Heap allocations, the mean of a batch.
    pub allocations: f64,
}

/// A request as a gateway of ours hands it on: a browser's, with its connection known.
pub fn ours() -> Request<Body> {
    let mut req = request(Body::empty());
    let peer = ([127, 0, 0, 1], 50_000).into();
    let connection = Connection::new(None, Some(peer), Scheme::default());
    req.extensions_mut()
        .insert(Attributes::new(Arc::new(connection)));
    req
}

/// The same request as axum's server hands it on.
pub fn axums() -> axum::extract::Request {
    request(axum::body::Body::empty())
}

fn request<B>(body: B) -> Request<B> {
    let mut req = Request::new(body);
    *req.uri_mut() = Uri::from_static("/hello");
    let fields: [(HeaderName, &str); 5] = [
        (HOST, "example.com"),
        (USER_AGENT, "Mozilla/5.0 (X11; Linux x86_64)"),
        (ACCEPT, "*/*"),
        (ACCEPT_ENCODING, "gzip, br"),
        (ORIGIN, "https://example.org"),
    ];
    for (name, value) in fields {
        req.headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    req
}

/// Clones the service, polls it ready, calls it, polls its future once and drops the
/// answer, for each of many requests made before.
#[expect(clippy::cast_precision_loss, reason = "a thousand is far from 2^52")]
pub fn in_process<S, B>(service: &S, request: impl Fn() -> Request<B>) -> Cost
where
    S: Service<Request<B>> + Clone,
{
    let batch = || (0..BATCH).map(|_| request()).collect::<Vec<_>>();
    let send = |requests: Vec<Request<B>>| {
        for req in requests {
            once(service.clone(), req);
        }
    };
    let batch_time = |_| {
        let requests = batch();
        let start = Instant::now();
        send(requests);
        start.elapsed()
    };
    let mut times: Vec<Duration> = (0..BATCHES).map(batch_time).collect();
    times.sort_unstable();
    let median = times.get(BATCHES / 2).copied().unwrap_or_default();
    let requests = batch();
    let counted = allocation_counter::measure(|| send(requests));
    Cost {
        ns: median.as_secs_f64() * 1e9 / BATCH as f64,
        allocations: counted.count_total as f64 / BATCH as f64,
    }
}

/// Sends that many requests, for somebody else to measure.
pub fn many<S, B>(service: &S, requests: usize, request: impl Fn() -> Request<B>)
where
    S: Service<Request<B>> + Clone,
{
    for _ in 0..requests {
        let req = request();
        once(service.clone(), req);
    }
}

/// Not inlined, so that callgrind can tell it from the making of requests.
#[inline(never)]
fn once<S, B>(mut service: S, req: Request<B>)
where
    S: Service<Request<B>>,
{
    let mut cx = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut cx).is_ready(), "it is not ready");
    let future = pin!(service.call(req));
    match future.poll(&mut cx) {
        Poll::Ready(answer) => drop(std::hint::black_box(answer)),
        Poll::Pending => panic!("it did not answer at once"),
    }
}
