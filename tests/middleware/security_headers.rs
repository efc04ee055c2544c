//! `security_headers` on the wire.

use std::convert::Infallible;

use gopuram::Stack;
use gopuram::middleware::security_headers::CspNonce;
use gopuram::middleware::{Body, SecurityHeaders, Timeout};
use gopuram::testing::Client;
use http::header::X_FRAME_OPTIONS;
use http::{HeaderValue, Request, Response};
use tower::service_fn;
use tower_layer::Layer;
use tower_service::Service;

const FIELDS: [&str; 7] = [
    "content-security-policy",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "permissions-policy",
    "referrer-policy",
    "x-content-type-options",
    "x-frame-options",
];

#[tokio::test]
async fn every_answer_is_dressed() {
    let app =
        service_fn(async |_: Request<Body>| Ok::<_, Infallible>(Response::new(Body::from("hi"))));
    let stack = Stack::new().with(SecurityHeaders::default());
    let res = Client::new(stack.app(app)).get("/").await;
    res.assert_status(200)
        .assert_header("x-content-type-options", "nosniff")
        .assert_no_header("strict-transport-security")
        .assert_body("hi");
    for field in FIELDS {
        assert!(res.header(field).is_some(), "{field}");
    }
}

#[tokio::test(start_paused = true)]
async fn refusals_of_layers_further_in_are_dressed() {
    let app = service_fn(async |_: Request<Body>| {
        std::future::pending::<Result<Response<Body>, Infallible>>().await
    });
    let stack = Stack::new()
        .with(SecurityHeaders::default())
        .with(Timeout::head(std::time::Duration::from_secs(1)));
    let res = Client::new(stack.app(app)).get("/").await;
    res.assert_status(503)
        .assert_header("x-frame-options", "DENY");
}

#[tokio::test]
async fn what_the_application_says_stays() {
    let app = service_fn(async |_: Request<Body>| {
        let mut res = Response::new(Body::empty());
        let value = HeaderValue::from_static("SAMEORIGIN");
        res.headers_mut().insert(X_FRAME_OPTIONS, value);
        Ok::<_, Infallible>(res)
    });
    let client = Client::new(SecurityHeaders::default().layer(app));
    let res = client.get("/").await;
    res.assert_header("x-frame-options", "SAMEORIGIN");
}

#[tokio::test]
async fn the_page_knows_the_nonce_of_its_policy() {
    let app = service_fn(async |req: Request<Body>| {
        let nonce = CspNonce::of(&req).map(CspNonce::to_string);
        Ok::<_, Infallible>(Response::new(Body::from(nonce.unwrap_or_default())))
    });
    let client = Client::new(SecurityHeaders::default().csp_nonce().layer(app));
    let (one, other) = (client.get("/").await, client.get("/").await);
    for res in [&one, &other] {
        let policy = res.header("content-security-policy").unwrap_or_default();
        assert!(
            policy.contains(&format!("'nonce-{}'", res.text())),
            "{policy}"
        );
    }
    assert_eq!(one.text().len(), 32);
    assert_ne!(one.text(), other.text());
}

#[tokio::test]
async fn a_page_that_the_client_holds_keeps_the_nonce_it_came_with() {
    let app = service_fn(async |_: Request<Body>| {
        let mut res = Response::new(Body::empty());
        *res.status_mut() = http::StatusCode::NOT_MODIFIED;
        Ok::<_, Infallible>(res)
    });
    let nonces = SecurityHeaders::default().csp_nonce().layer(app);
    let res = Client::without_lint(nonces).get("/").await;
    res.assert_status(304)
        .assert_header("x-frame-options", "DENY")
        .assert_no_header("content-security-policy");
}

#[tokio::test]
async fn errors_of_the_application_pass_untouched() {
    let app = service_fn(async |_| Err::<Response<Body>, _>("down"));
    let mut service = SecurityHeaders::default().layer(app);
    let error = service.call(Request::new(Body::empty())).await.err();
    assert_eq!(error, Some("down"));
}

#[test]
fn a_stack_says_how_many() {
    let stack = Stack::new().with(SecurityHeaders::default()).to_string();
    assert!(stack.contains("8 fields"), "{stack}");
}
