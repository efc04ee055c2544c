//! How a request is measured in process.

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use gopuram::Body;
use http::Request;
use http::header::{ACCEPT, ACCEPT_ENCODING, HOST, USER_AGENT};
use tower_service::Service;

/// How many requests are made in advance and then timed together.
const BATCH: usize = 1000;

/// What one request costs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// Nanoseconds, the median of the batches.
    pub(crate) ns: f64,
    /// Heap allocations.
    pub(crate) allocations: f64,
}

/// A request as a browser would send it.
pub(crate) fn request() -> Request<Body> {
    let mut req = Request::new(Body::empty());
    *req.uri_mut() = http::Uri::from_static("/hello");
    let fields = [
        (HOST, "example.com"),
        (USER_AGENT, "Mozilla/5.0 (X11; Linux x86_64)"),
        (ACCEPT, "*/*"),
        (ACCEPT_ENCODING, "gzip, br"),
    ];
    for (name, value) in fields {
        req.headers_mut()
            .insert(name, http::HeaderValue::from_static(value));
    }
    req
}

/// Clones the service, polls it ready, calls it and polls its future once, for
/// each of many requests made before.
pub(crate) fn in_process<S, B>(service: S, request: impl Fn() -> Request<B>) -> Cost
where
    S: Service<Request<B>> + Clone,
{
    let batch = || (0..BATCH).map(|_| request()).collect::<Vec<_>>();
    let mut times: Vec<Duration> = (0..30)
        .map(|_| {
            let requests = batch();
            let start = Instant::now();
            for req in requests {
                once(service.clone(), req);
            }
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    let requests = batch();
    let counted = allocation_counter::measure(|| {
        for req in requests {
            once(service.clone(), req);
        }
    });
    let median = times.get(times.len() / 2).copied().unwrap_or_default();
    Cost {
        ns: median.as_secs_f64() * 1e9 / BATCH as f64,
        allocations: counted.count_total as f64 / BATCH as f64,
    }
}

fn once<S, B>(mut service: S, req: Request<B>)
where
    S: Service<Request<B>>,
{
    let mut cx = Context::from_waker(Waker::noop());
    assert!(
        service.poll_ready(&mut cx).is_ready(),
        "the service is not ready"
    );
    let future = pin!(service.call(req));
    match future.poll(&mut cx) {
        Poll::Ready(answer) => drop(std::hint::black_box(answer)),
        Poll::Pending => panic!("the service did not answer at once"),
    }
}
