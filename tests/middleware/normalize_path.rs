//! `normalize_path` on the wire.

use std::convert::Infallible;

use gopuram::Stack;
use gopuram::middleware::attributes::Attributes;
use gopuram::middleware::{Body, NormalizePath};
use gopuram::testing::{Client, Received};
use http::{Method, Request, Response};
use tower::service_fn;
use tower_layer::Layer;
use tower_service::Service;

/// Answers with the target it sees and the one that was sent, if another.
async fn echo(req: Request<Body>) -> Result<Response<Body>, Infallible> {
    let mut text = req.uri().to_string();
    if let Some(original) = Attributes::of(&req).and_then(Attributes::original_uri) {
        text = format!("{text} for {original}");
    }
    Ok(Response::new(Body::from(text)))
}

async fn get(layer: NormalizePath, target: &str) -> Received {
    Client::new(layer.layer(service_fn(echo))).get(target).await
}

#[tokio::test]
async fn a_path_in_normal_form_passes() {
    let res = get(NormalizePath::trim(), "/a/b?x=//").await;
    res.assert_status(200).assert_body("/a/b?x=//");
}

#[tokio::test]
async fn another_is_redirected_with_its_query() {
    let res = get(NormalizePath::trim(), "/a//b/?x=//&y=%2F/").await;
    res.assert_status(308)
        .assert_header("location", "/a/b?x=//&y=%2F/")
        .assert_body("");
    let res = get(NormalizePath::append(), "/a?").await;
    res.assert_status(308).assert_header("location", "/a/?");
}

#[tokio::test]
async fn no_path_redirects_to_another_host() {
    for target in [
        "//evil.test/",
        "///evil.test/",
        "/\\evil.test/",
        "/.//evil.test/",
        "/a/..//evil.test/",
        "/%2e/\\/evil.test/",
    ] {
        for layer in [
            NormalizePath::trim(),
            NormalizePath::trim().keep_double_slashes(),
        ] {
            let res = get(layer, target).await;
            res.assert_status(308);
            let location = res.header("location").unwrap_or_default();
            assert!(location.starts_with('/'), "{target}: {location}");
            let second = location.as_bytes().get(1).copied();
            assert!(
                !matches!(second, Some(b'/' | b'\\')),
                "{target}: {location}"
            );
        }
    }
}

#[tokio::test]
async fn a_redirect_of_a_mounted_application_has_the_mount_in_front() {
    let mut req = Request::new(Body::empty());
    *req.uri_mut() = http::Uri::from_static("/a/");
    Attributes::of_mut(&mut req).enter_mount("/app");
    let mut service = NormalizePath::trim().layer(service_fn(echo));
    let res = service.call(req).await.unwrap();
    assert_eq!(res.headers()["location"], "/app/a");
}

#[tokio::test]
async fn a_rewrite_keeps_what_was_sent() {
    let layer = NormalizePath::trim().rewrite();
    let res = get(layer, "/a/./b//?q=1").await;
    res.assert_status(200)
        .assert_body("/a/b?q=1 for /a/./b//?q=1");
    let res = get(layer, "http://example.com//a/").await;
    res.assert_body("http://example.com/a for http://example.com//a/");
}

#[tokio::test]
async fn targets_without_a_path_pass() {
    let client = Client::new(NormalizePath::append().layer(service_fn(echo)));
    let res = client.request(Method::OPTIONS, "*").await;
    res.assert_status(200).assert_body("*");
    // A tunnel's answer has no content to tell of it.
    let connect = client.request(Method::CONNECT, "example.com:443");
    let res = connect.call().await.unwrap();
    assert_eq!(res.status(), 200);
    let bytes = res.into_body().try_into_bytes().unwrap();
    assert_eq!(bytes, "example.com:443");
}

#[tokio::test]
async fn the_method_does_not_matter() {
    let client = Client::new(NormalizePath::trim().layer(service_fn(echo)));
    let res = client.request(Method::POST, "/a/").body("x").await;
    res.assert_status(308).assert_header("location", "/a");
}

#[test]
fn a_stack_says_how() {
    let stack = Stack::new().with(NormalizePath::trim()).to_string();
    assert!(stack.contains("trim, redirect"), "{stack}");
    let layer = NormalizePath::append().rewrite();
    let stack = Stack::new().with(layer).to_string();
    assert!(stack.contains("append, rewrite"), "{stack}");
}
