//! Several processes that are scraped as one.

use std::sync::{Arc, Mutex};

use gopuram::middleware::metrics::{Refused, Snapshot};
use gopuram::middleware::{Body, Metrics};
use gopuram::testing::Client;
use http::Request;
use tower::service_fn;
use tower_layer::Layer as _;
use tower_service::Service as _;

use super::{routes, samples};

const USERS: &str =
    r#"{http_request_method="GET",http_route="/users/{id}",http_response_status_code="200"}"#;
const ACTIVE: &str = r#"http_server_active_requests{http_request_method="GET"}"#;

async fn busy(requests: usize) -> Metrics {
    let metrics = Metrics::new();
    let client = routes(&metrics);
    for _ in 0..requests {
        client.get("/users/7").await.assert_status(200);
    }
    metrics
}

/// Begins a request that does not end.
fn in_flight(metrics: &Metrics) -> impl Sized + use<> {
    let mut app = metrics.layer(service_fn(|_: Request<Body>| {
        std::future::pending::<Result<http::Response<Body>, std::convert::Infallible>>()
    }));
    Box::pin(app.call(Request::new(Body::empty())))
}

#[tokio::test]
async fn numbers_of_all_add_up() {
    let (first, second, third) = (busy(1).await, busy(2).await, busy(4).await);
    routes(&third).get("/fails").await.assert_status(502);
    let (_a, _b) = (in_flight(&first), in_flight(&second));
    // What the others have written, each in a slot of its own.
    let slots: Vec<_> = [&second, &third]
        .map(|metrics| {
            let mut slot = vec![0; metrics.snapshot_len()];
            let snapshot = metrics.snapshot();
            slot[..snapshot.words().len()].copy_from_slice(snapshot.words());
            slot
        })
        .into();
    let first = first.peers(move || {
        let read = slots.iter().map(|slot| Snapshot::read(slot));
        read.collect::<Result<_, _>>().unwrap()
    });
    samples(&first)
        .await
        .assert(&format!("http_server_requests_total{USERS}"), 7)
        .assert(&format!("http_server_request_duration_seconds_count{USERS}"), 7)
        .assert(
            r#"http_server_requests_total{http_request_method="GET",http_route="/fails",http_response_status_code="502",error_type="502"}"#,
            1,
        )
        .assert(ACTIVE, 2);
}

#[tokio::test]
async fn the_counters_of_a_worker_that_is_gone_live_on() {
    let last = {
        let dead = busy(3).await;
        let _cut = in_flight(&dead);
        samples(&dead).await.assert(ACTIVE, 1);
        dead.snapshot()
    };
    let next = busy(2).await;
    next.restore(&Snapshot::read(last.words()).unwrap());
    samples(&next)
        .await
        .assert(&format!("http_server_requests_total{USERS}"), 5)
        .assert(ACTIVE, 0);
    // One with fewer places counts all the same.
    let small = Metrics::for_routes(0);
    small.restore(&last);
    samples(&small).await.assert(
        r#"http_server_requests_total{http_request_method="GET",http_route="_OTHER",http_response_status_code="200"}"#,
        3,
    );
}

#[tokio::test]
async fn what_is_not_what_was_written_is_refused() {
    let metrics = busy(3).await;
    let old = metrics.snapshot().words().to_vec();
    routes(&metrics).get("/users/7").await;
    let new = metrics.snapshot().words().to_vec();
    assert_eq!(old.len(), new.len());
    assert_eq!(Snapshot::read(&new).unwrap().words(), new);
    // Torn at any word: but where both are the same on one side, it is one of the two.
    for at in 0..=new.len() {
        let torn: Vec<_> = new[..at].iter().chain(&old[at..]).copied().collect();
        match Snapshot::read(&torn) {
            Ok(read) => assert!(read.words() == old || read.words() == new),
            Err(refused) => assert_eq!(refused, Refused::Torn),
        }
    }
    for at in 0..new.len() {
        assert!(Snapshot::read(&new[..at]).is_err());
        let mut changed = new.clone();
        changed[at] ^= 1 << (at % 64);
        let expected = if at == 0 {
            Refused::Version
        } else {
            Refused::Torn
        };
        assert_eq!(Snapshot::read(&changed).unwrap_err(), expected, "{at}");
    }
    assert_eq!(Snapshot::read(&vec![0; 100]), Err(Refused::Empty));
    assert_eq!(Snapshot::read(&[]), Err(Refused::Torn));
    assert_eq!(Snapshot::read(&vec![u64::MAX; 100]), Err(Refused::Version));
}

#[tokio::test]
async fn a_snapshot_is_read_while_all_is_counted() {
    let metrics = Metrics::new();
    let slot = Arc::new(Mutex::new(metrics.snapshot()));
    let seen = Arc::clone(&slot);
    let scraped = Metrics::new().peers(move || vec![seen.lock().unwrap().clone()]);
    let client = routes(&metrics);
    let counting = (0..4).map(|_| {
        let client = client.clone();
        tokio::spawn(async move {
            for _ in 0..50 {
                client.get("/users/7").await.assert_status(200);
            }
        })
    });
    let counting: Vec<_> = counting.collect();
    let page = Client::new(scraped.page());
    let mut last = 0.0;
    let total = format!("http_server_requests_total{USERS}");
    for _ in 0..20 {
        *slot.lock().unwrap() = metrics.snapshot();
        let now = super::text::prometheus(&page.get("/").await.text()).value(&total);
        assert!(last <= now);
        last = now;
    }
    for one in counting {
        one.await.unwrap();
    }
    *slot.lock().unwrap() = metrics.snapshot();
    samples(&scraped).await.assert(&total, 200);
}
