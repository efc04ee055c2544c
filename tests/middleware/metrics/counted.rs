//! What is counted, once, whatever happens.

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use gopuram::Body;
use gopuram::middleware::Metrics;
use gopuram::middleware::attributes::{Attributes, MatchedRoute, TimedOut};
use gopuram::testing::Client;
use gopuram::testing::body::Script;
use http::{Method, Request, Response, StatusCode};
use http_body::{Body as _, Frame, SizeHint};
use tower::service_fn;
use tower_layer::Layer as _;
use tower_service::Service as _;

use super::{routes, samples};

#[tokio::test]
async fn requests_are_counted_by_method_status_and_route() {
    let metrics = Metrics::new();
    let client = routes(&metrics);
    for id in 0..5 {
        client.get(&format!("/users/{id}")).await.assert_status(200);
    }
    client.head("/users/7").await.assert_status(200);
    client.delete("/users/7").await.assert_status(405);
    client.get("/blog/first").await.assert_status(200);
    client.get("/fails").await.assert_status(502);
    for path in ["/none", "/nothing", "/users/7/"] {
        client.get(path).await.assert_status(404);
    }
    let total =
        |labels: &str| format!("http_server_requests_total{{http_request_method={labels}}}");
    let user = r#",http_route="/users/{id}""#;
    samples(&metrics)
        .await
        .assert(
            &total(&format!(r#""GET"{user},http_response_status_code="200""#)),
            5,
        )
        .assert(
            &total(&format!(r#""HEAD"{user},http_response_status_code="200""#)),
            1,
        )
        .assert(
            &total(&format!(
                r#""DELETE"{user},http_response_status_code="405""#
            )),
            1,
        )
        .assert(
            &total(r#""GET",http_route="/blog/{post}",http_response_status_code="200""#),
            1,
        )
        .assert(
            &total(r#""GET",http_route="/fails",http_response_status_code="502",error_type="502""#),
            1,
        )
        .assert(&total(r#""GET",http_response_status_code="404""#), 3)
        .assert(
            &format!(
                "http_server_request_duration_seconds_count{{http_request_method=\"GET\"{user},\
                 http_response_status_code=\"200\"}}"
            ),
            5,
        )
        .assert(
            &format!("http_server_time_to_head_seconds_count{{http_request_method=\"GET\"{user}}}"),
            5,
        );
}

#[tokio::test]
async fn lengths_are_those_of_both_bodies() {
    let metrics = Metrics::new();
    let client = routes(&metrics);
    client
        .post("/users/1")
        .body("x".repeat(1000))
        .await
        .assert_body("1000");
    // One that does not know its length is counted.
    let stream = Script::new().data("abc").data("defg").end();
    client
        .post("/users/1")
        .stream(stream)
        .await
        .assert_body("7");
    let of = |what: &str, rest: &str| {
        format!(
            "http_server_{what}_body_size_bytes_{rest}{{http_request_method=\"POST\",http_route=\"/users/{{id}}\"}}"
        )
    };
    let at = |what: &str, le: &str| {
        let all = of(what, "bucket");
        format!("{},le=\"{le}\"}}", all.strip_suffix('}').unwrap())
    };
    samples(&metrics)
        .await
        .assert(&of("request", "sum"), 1007)
        .assert(&of("request", "count"), 2)
        .assert(&at("request", "0.0"), 0)
        .assert(&at("request", "256.0"), 1)
        .assert(&at("request", "1024.0"), 2)
        .assert(&at("response", "0.0"), 0)
        .assert(&at("response", "256.0"), 2)
        .assert(&of("response", "sum"), 5)
        .assert(&of("response", "count"), 2);
}

/// A body that says it is as long as can be, and has three bytes.
struct Liar(Option<&'static str>);

impl http_body::Body for Liar {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let data = self.0.take().map(|data| Frame::data(Bytes::from(data)));
        Poll::Ready(data.map(Ok))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(u64::MAX - 2)
    }
}

#[tokio::test]
async fn what_a_client_declares_and_does_not_send_is_not_counted() {
    const SUM: &str = r#"http_server_request_body_size_bytes_sum{http_request_method="POST"}"#;
    const COUNT: &str = r#"http_server_request_body_size_bytes_count{http_request_method="POST"}"#;
    let metrics = Metrics::new();
    // Refused before any of it is read, and read to its early end.
    let refuses = service_fn(async |_: Request<Body>| {
        let mut res = Response::new(Body::empty());
        *res.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
        Ok::<_, Infallible>(res)
    });
    let reads = service_fn(async |req: Request<Body>| {
        let read = req.into_body().into_bytes(100).await;
        Ok::<_, Infallible>(Response::new(Body::from(read.unwrap_or_default())))
    });
    let request = || {
        let req = Request::post("/").header("content-length", u64::MAX - 2);
        req.body(Body::new(Liar(Some("abc")))).unwrap()
    };
    metrics.layer(refuses).call(request()).await.unwrap();
    let samples = samples(&metrics).await;
    samples.assert(SUM, 0).assert(COUNT, 1);
    let res = metrics.layer(reads).call(request()).await.unwrap();
    drop(res);
    let samples = super::samples(&metrics).await;
    assert!(samples.value(SUM) < 4.0);
    samples.assert(COUNT, 2);
    // Of another server's body nobody sees what is read.
    let foreign =
        service_fn(async |_: Request<Liar>| Ok::<_, Infallible>(Response::new(Body::empty())));
    let req = Request::post("/").header("content-length", u64::MAX - 2);
    let req = req.body(Liar(Some("abc"))).unwrap();
    metrics.layer(foreign).call(req).await.unwrap();
    super::samples(&metrics).await.assert(COUNT, 2);
}

/// What is counted of a request for which `app` does what it does.
async fn outcome(of: impl FnOnce(&Metrics)) -> String {
    let metrics = Metrics::new();
    of(&metrics);
    let samples = samples(&metrics).await;
    samples.assert(
        r#"http_server_active_requests{http_request_method="GET"}"#,
        0,
    );
    let total = "http_server_requests_total{http_request_method=\"GET\",";
    let mut all = samples.names().filter_map(|name| name.strip_prefix(total));
    let one = all.next().expect("it was not counted").to_owned();
    assert_eq!(all.next(), None);
    samples.assert(&format!("{total}{one}"), 1);
    one.trim_end_matches('}').to_owned()
}

/// Asks for an answer, and for so many frames of its body.
fn ask(metrics: &Metrics, status: u16, body: Script, frames: usize) {
    let mut body = Some(body);
    let mut app = metrics.layer(service_fn(move |_: Request<Body>| {
        let mut res = Response::new(body.take().unwrap());
        *res.status_mut() = StatusCode::from_u16(status).unwrap();
        std::future::ready(Ok::<_, Infallible>(res))
    }));
    let mut cx = Context::from_waker(Waker::noop());
    let call = pin!(app.call(Request::new(Body::empty())));
    let Poll::Ready(Ok(res)) = call.poll(&mut cx) else {
        panic!("the application answers at once");
    };
    let polled = catch_unwind(AssertUnwindSafe(|| {
        let mut body = pin!(res.into_body());
        for _ in 0..frames {
            let _ = body.as_mut().poll_frame(&mut cx).is_ready();
        }
    }));
    drop(polled);
}

#[tokio::test]
async fn the_end_of_a_body_is_what_counts() {
    let abc = || Script::new().data("abc").data("def").end();
    let whole = outcome(|metrics| ask(metrics, 200, abc(), 3)).await;
    assert_eq!(whole, r#"http_response_status_code="200""#);
    for frames in [0, 1] {
        let left = outcome(|metrics| ask(metrics, 200, abc(), frames)).await;
        assert_eq!(
            left,
            r#"http_response_status_code="200",error_type="client_gone""#
        );
    }
    // No server asks for what is in these.
    for status in [204, 205, 304] {
        let unasked = outcome(|metrics| ask(metrics, status, abc(), 0)).await;
        assert_eq!(unasked, format!(r#"http_response_status_code="{status}""#));
    }
    let fails = Script::new().data("abc").error("broken");
    let failed = outcome(|metrics| ask(metrics, 200, fails, 2)).await;
    assert_eq!(
        failed,
        r#"http_response_status_code="200",error_type="error""#
    );
    let panics = Script::new().data("abc").panic("on purpose");
    let panicked = outcome(|metrics| ask(metrics, 200, panics, 2)).await;
    assert_eq!(
        panicked,
        r#"http_response_status_code="200",error_type="panic""#
    );
}

#[tokio::test]
async fn a_request_without_an_answer_is_counted_too() {
    let request = || Request::new(Body::empty());
    let gone = outcome(|metrics| {
        let mut app = metrics.layer(service_fn(|_: Request<Body>| {
            std::future::pending::<Result<Response<Body>, Infallible>>()
        }));
        drop(app.call(request()));
    });
    assert_eq!(
        gone.await,
        r#"http_response_status_code="499",error_type="client_gone""#
    );
    let failed = outcome(|metrics| {
        let mut app = metrics.layer(service_fn(|_: Request<Body>| {
            std::future::ready(Err::<Response<Body>, _>("failed"))
        }));
        let mut cx = Context::from_waker(Waker::noop());
        let polled = pin!(app.call(request())).poll(&mut cx);
        assert!(matches!(polled, Poll::Ready(Err("failed"))));
    });
    assert_eq!(
        failed.await,
        r#"http_response_status_code="500",error_type="error""#
    );
    let panicked = outcome(|metrics| {
        let mut app = metrics.layer(service_fn(
            |_: Request<Body>| -> std::future::Ready<Result<Response<Body>, Infallible>> {
                panic!("a call that panics, on purpose")
            },
        ));
        let call = AssertUnwindSafe(|| drop(app.call(request())));
        assert!(catch_unwind(call).is_err());
    });
    assert_eq!(
        panicked.await,
        r#"http_response_status_code="500",error_type="panic""#
    );
}

#[tokio::test]
async fn an_answer_of_a_deadline_is_a_timeout() {
    let metrics = Metrics::new();
    let app = metrics.layer(service_fn(async |_: Request<Body>| {
        let mut res = Response::new(Body::from("too late"));
        *res.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        res.extensions_mut().insert(TimedOut::default());
        Ok::<_, Infallible>(res)
    }));
    Client::new(app).get("/").await;
    samples(&metrics).await.assert(
        r#"http_server_requests_total{http_request_method="GET",http_response_status_code="503",error_type="timeout"}"#,
        1,
    );
}

#[tokio::test]
async fn what_is_in_flight_is_shown() {
    let metrics = Metrics::new();
    let mut app = metrics.layer(service_fn(|_: Request<Body>| {
        std::future::ready(Ok::<_, Infallible>(Response::new(Body::from("hello"))))
    }));
    let active = r#"http_server_active_requests{http_request_method="GET"}"#;
    let first = app.call(Request::new(Body::empty()));
    let second = app.call(Request::new(Body::empty())).await.unwrap();
    samples(&metrics).await.assert(active, 2);
    drop(first);
    samples(&metrics).await.assert(active, 1);
    drop(second);
    samples(&metrics).await.assert(active, 0);
}

#[tokio::test]
async fn whatever_clients_send_there_is_a_bound() {
    let metrics = Metrics::for_routes(4);
    let app = metrics.layer(service_fn(async |mut req: Request<Body>| {
        let route = req.uri().path().to_owned();
        let status = req.uri().query().and_then(|query| query.parse().ok());
        Attributes::of_mut(&mut req).set_route(MatchedRoute::new(route));
        let mut res = Response::new(Body::empty());
        *res.status_mut() = StatusCode::from_u16(status.unwrap_or(200)).unwrap();
        Ok::<_, Infallible>(res)
    }));
    let client = Client::new(app);
    for n in 0..100 {
        let method = Method::from_bytes(format!("METHOD{n}").as_bytes()).unwrap();
        let target = format!("/{n}-{}?{}", "é".repeat(200), 500 + n);
        client.request(method, &target).await;
        client.post(&target).await;
    }
    let samples = samples(&metrics).await;
    let series = samples.count("http_server_requests_total");
    assert!(series <= 4 * 8 + 11 + 1, "{series}");
    assert!(samples.count("http_server_time_to_head_seconds_count") <= 4 * 4 + 11 + 1);
    let total = |name: &&str| name.starts_with("http_server_requests_total");
    let all: f64 = samples
        .names()
        .filter(total)
        .map(|name| samples.value(name))
        .sum();
    assert!((all - 200.0).abs() < 1e-9, "{all}");
    samples.assert(
        r#"http_server_requests_total{http_request_method="_OTHER",http_route="_OTHER"}"#,
        200 - u32::try_from(series).unwrap() + 1,
    );
    let longest = samples.names().map(str::len).max().unwrap();
    assert!(longest < 400, "{longest}");
    assert!(metrics.snapshot().words().len() <= metrics.snapshot_len());
}
