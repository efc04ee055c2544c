//! `cascade` on the wire.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::convert::Infallible;
use std::future::IntoFuture;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use gopuram::Stack;
use gopuram::middleware::attributes::{Attributes, MatchedRoute};
use gopuram::middleware::endpoint::Endpoint;
use gopuram::middleware::{Body, Cascade, Mount, Router, StaticFiles};
use gopuram::testing::app::Dropped;
use gopuram::testing::body::{Script, channel};
use gopuram::testing::{Client, app};
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;
use tower::limit::GlobalConcurrencyLimitLayer;
use tower_layer::Layer as _;

/// Answers with a status, and does nothing else.
fn status(status: u16) -> Endpoint {
    let status = StatusCode::from_u16(status).unwrap();
    Endpoint::handler(move |_| std::future::ready((status, "of the first")))
}

fn echo() -> Endpoint {
    Endpoint::handler(async |req: Request<Body>| req.into_body())
}

/// Reads a frame before it finds that it has nothing.
fn reads_first() -> Endpoint {
    Endpoint::handler(async |mut req: Request<Body>| {
        drop(req.body_mut().frame().await);
        (StatusCode::NOT_FOUND, "it has read")
    })
}

fn streamed(text: &'static str) -> Request<Body> {
    let body = Script::new().data(text).pause().data("end");
    Request::post("/").body(Body::new(body)).unwrap()
}

async fn text(res: Response<Body>) -> Bytes {
    res.into_body().collect().await.unwrap().to_bytes()
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_all_share_does_not_wait_for_itself() {
    let limit = GlobalConcurrencyLimitLayer::new(1);
    let answers = |status: u16| {
        limit.layer(tower::service_fn(move |_: Request<Body>| async move {
            let res = Response::builder().status(status);
            Ok::<_, Infallible>(res.body(Body::empty()).unwrap())
        }))
    };
    let app = Cascade::new().then(answers(404)).layer(answers(200));
    let client = Client::in_process(app);
    for _ in 0..2 {
        let answer = client.get("/").into_future();
        let answer = tokio::time::timeout(Duration::from_mins(1), answer).await;
        answer.expect("it waits for itself").assert_status(200);
    }
}

#[tokio::test]
async fn the_first_that_has_it_answers() {
    let router = |path, text| Router::new().get(path, move |_| std::future::ready(text));
    let cascade = Cascade::new()
        .then(router("/a", "first"))
        .then(router("/{any}", "second"))
        .then(StaticFiles::new("../examples/site").unwrap());
    let client = Client::new(cascade);
    client.get("/a").await.assert_body("first");
    client.get("/b").await.assert_body("second");
    client.get("/x/y").await.assert_status(404);
    // 405 is an answer.
    let res = client.request(Method::POST, "/a").await;
    res.assert_status(405)
        .assert_header("allow", "GET, HEAD, OPTIONS");
}

#[tokio::test]
async fn the_answer_of_the_last_stands() {
    let last = Endpoint::<Infallible>::handler(async |_| (StatusCode::NOT_FOUND, "of the last"));
    let client = Client::new(Cascade::new().then(status(404)).then(last));
    let res = client.get("/").await;
    res.assert_status(404).assert_body("of the last");
    let client = Client::new(Cascade::new());
    client.get("/").await.assert_status(404).assert_body("");
    let client = Client::new(Cascade::new().then(status(404)));
    client.get("/").await.assert_body("of the first");
}

#[tokio::test]
async fn which_answers_are_passed_over_can_be_said() {
    let by_method =
        |method, text| Router::new().route(method, "/a", move |_| std::future::ready(text));
    let cascade = Cascade::new()
        .then(by_method(Method::GET, "got"))
        .then(by_method(Method::PUT, "put"))
        .catch(&[StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED]);
    let client = Client::new(cascade);
    client.get("/a").await.assert_body("got");
    client.request(Method::PUT, "/a").await.assert_body("put");
    client
        .delete("/a")
        .await
        .assert_header("allow", "OPTIONS, PUT");
    for passed in [404, 403, 500] {
        let only = Cascade::new().then(status(passed)).then(echo());
        let only = only.catch(&[StatusCode::INTERNAL_SERVER_ERROR]);
        let res = Client::new(only).post("/").body("x").await;
        assert_eq!(res.status() == 200, passed == 500, "{passed}");
    }
}

#[tokio::test]
async fn what_is_whole_each_gets() {
    let cascade = Cascade::new()
        .then(reads_first())
        .then(reads_first())
        .then(echo());
    // As a layer that has read it hands it on, for from a client it comes as a stream.
    let whole = Request::new(Body::from("abc"));
    let res = cascade.clone().oneshot(whole).await.unwrap();
    assert_eq!(text(res).await, "abc");
    Client::new(cascade).get("/").await.assert_body("");
}

#[tokio::test]
async fn a_stream_that_was_left_unread_goes_on_whole() {
    let cascade = Cascade::new()
        .then(status(404))
        .then(status(404))
        .then(echo());
    let res = cascade.clone().oneshot(streamed("start, ")).await.unwrap();
    assert_eq!(res.status(), 200);
    assert_eq!(text(res).await, "start, end");
    // As a layer too, and with its trailers and its pauses.
    let (sender, body) = channel();
    let layered = Stack::new().with(Cascade::new().then(status(404)));
    let req = Request::new(Body::new(body));
    let res = layered.app(echo()).oneshot(req).await.unwrap();
    let mut body = res.into_body();
    sender.data("one");
    let frame = body.frame().await.unwrap().unwrap();
    assert_eq!(frame.into_data().unwrap(), "one");
    sender.trailers(http::HeaderMap::new());
    drop(sender);
    let rest = body.collect().await.unwrap();
    assert!(rest.trailers().is_some());
}

#[tokio::test]
async fn a_stream_that_was_read_from_is_not_given_on() {
    let cascade = Cascade::new()
        .then(status(404))
        .then(reads_first())
        .then(echo());
    let res = cascade.oneshot(streamed("start, ")).await.unwrap();
    assert_eq!(res.status(), 404);
    assert_eq!(text(res).await, "it has read");
}

#[tokio::test]
async fn a_stream_that_an_application_keeps_is_not_given_on() {
    let kept: Arc<Mutex<Option<Request<Body>>>> = Arc::default();
    let keep = Arc::clone(&kept);
    let keeps = Endpoint::<Infallible>::handler(move |req: Request<Body>| {
        *keep.lock().unwrap() = Some(req);
        std::future::ready(StatusCode::NOT_FOUND)
    });
    let cascade = Cascade::new().then(keeps).then(echo());
    let res = cascade.oneshot(streamed("start, ")).await.unwrap();
    assert_eq!(res.status(), 404);
    let body = kept.lock().unwrap().take().unwrap().into_body();
    assert_eq!(body.collect().await.unwrap().to_bytes(), "start, end");
}

#[tokio::test]
async fn what_is_passed_over_is_dropped_before_the_next_is_asked() {
    let dropped = Dropped::default();
    let (first, second) = (dropped.clone(), dropped.clone());
    let first = app::answer(move |_| {
        let mut res = Response::new(Script::new().stop().counted(&first));
        *res.status_mut() = StatusCode::NOT_FOUND;
        res
    });
    let second =
        Endpoint::<Infallible>::handler(move |_| std::future::ready(second.count().to_string()));
    let cascade = Cascade::new().then(first).then(second);
    Client::new(cascade).get("/").await.assert_body("1");
}

#[tokio::test]
async fn each_sees_the_request_as_it_came() {
    let seen = Endpoint::<Infallible>::handler(async |req: Request<Body>| {
        let attributes = Attributes::of(&req).unwrap();
        let (prefix, params) = (attributes.mount().prefix(), attributes.params().iter());
        format!(
            "{} {prefix:?} {} {:?} {}",
            req.uri(),
            params.count(),
            attributes.route(),
            attributes.original_uri().is_some(),
        )
    });
    let router = Router::new().get("/{name}", async |_| StatusCode::NOT_FOUND);
    let cascade = Cascade::new()
        .then(Mount::new().at("/a", router.clone()))
        .then(Router::new().mount("/a", router))
        .then(seen);
    let res = Client::new(cascade).get("/a/b").await;
    res.assert_body("/a/b \"\" 0 None false");
}

#[tokio::test]
async fn what_one_has_told_outwards_is_taken_back() {
    let finds_nothing = Router::new().get("/{page}", async |_| StatusCode::NOT_FOUND);
    let cascade = Cascade::new().then(finds_nothing.clone()).then(echo());
    let mut req = Request::get("/a").body(Body::empty()).unwrap();
    Attributes::of_mut(&mut req).set_route(MatchedRoute::new("/outer/{*}"));
    let report = Attributes::of_mut(&mut req).report();
    Attributes::of_mut(&mut req).set_route(MatchedRoute::new("/outer/{*}"));
    cascade.oneshot(req).await.unwrap();
    assert_eq!(report.read().route.unwrap().as_str(), "/outer/{*}");
    // What the one that answers has told stays.
    let cascade = Cascade::new().then(finds_nothing);
    let mut req = Request::get("/a").body(Body::empty()).unwrap();
    let report = Attributes::of_mut(&mut req).report();
    cascade.oneshot(req).await.unwrap();
    assert_eq!(report.read().route.unwrap().as_str(), "/{page}");
}

#[tokio::test]
async fn an_error_ends_the_cascade() {
    let cascade = Cascade::<&str>::fallible()
        .then(app::fails("no database"))
        .then(app::fails("not asked"));
    let error = cascade.oneshot(Request::new(Body::empty())).await;
    assert_eq!(error.unwrap_err(), "no database");
}
