//! `request_id` on the wire.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};

use gopuram::Stack;
use gopuram::middleware::attributes::Attributes;
use gopuram::middleware::{AccessLog, Body, RequestId};
use gopuram::testing::Client;
use http::{HeaderName, HeaderValue, Request, Response};
use tower::service_fn;
use tower_layer::Layer;

/// Answers with the ids that it was given: in its attributes, and in its field.
async fn echo(req: Request<Body>) -> Result<Response<Body>, Infallible> {
    let id = Attributes::of(&req).and_then(Attributes::request_id);
    let fields: Vec<_> = req.headers().get_all("x-request-id").iter().collect();
    let body = format!("{} {fields:?}", id.unwrap().as_str());
    let res = Response::builder().header("x-request-id", "of the application");
    Ok(res.body(Body::from(body)).unwrap())
}

fn counting() -> RequestId {
    let count = AtomicU64::new(0);
    RequestId::minted_by(move || HeaderValue::from(count.fetch_add(1, Ordering::Relaxed)))
}

#[tokio::test]
async fn every_request_has_one_id_in_three_places() {
    let client = Client::new(counting().layer(service_fn(echo)));
    let res = client.get("/").await;
    res.assert_header("x-request-id", "0")
        .assert_body("0 [\"0\"]");
    let res = client
        .get("/")
        .header("x-request-id", "forged")
        .header("x-request-id", "b")
        .await;
    res.assert_header("x-request-id", "1")
        .assert_body("1 [\"1\"]");
}

#[tokio::test]
async fn ids_are_distinct_uuids_by_default() {
    let client = Client::new(RequestId::default().layer(service_fn(echo)));
    let first = client.get("/").await.header("x-request-id").unwrap();
    let second = client.get("/").await.header("x-request-id").unwrap();
    assert!(first < second);
    assert_eq!((first.len(), first.as_bytes()[14]), (36, b'7'));
}

#[tokio::test]
async fn a_trusted_id_goes_through() {
    let client = Client::new(counting().trust_inbound().layer(service_fn(echo)));
    let res = client.get("/").header("x-request-id", "Root=1-a").await;
    res.assert_header("x-request-id", "Root=1-a")
        .assert_body("Root=1-a [\"Root=1-a\"]");
    let res = client.get("/").header("x-request-id", "a b").await;
    res.assert_header("x-request-id", "0");
}

#[tokio::test]
async fn the_field_may_have_another_name() {
    let name = HeaderName::from_static("x-correlation-id");
    let client = Client::new(counting().header(name).layer(service_fn(echo)));
    client.get("/").await.assert_header("x-correlation-id", "0");
}

#[tokio::test]
async fn it_stands_outside_the_access_log_which_shows_it() {
    let log = gopuram::middleware::access_log::Log::to(std::io::sink());
    let stack = Stack::new()
        .with(counting().trust_inbound())
        .with(AccessLog::combined(log));
    let tower = stack.to_string();
    assert!(tower.contains("x-request-id, trusting"), "{tower}");
    assert!(tower.contains("combined"), "{tower}");
    let client = Client::new(stack.app(service_fn(echo)));
    client.get("/").await.assert_header("x-request-id", "0");
}
