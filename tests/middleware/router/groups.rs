//! Groups of routes with layers around them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gopuram::Stack;
use gopuram::middleware::{Body, Router, SetHeader, on_request, on_response};
use gopuram::testing::Client;
use http::header::{VIA, WWW_AUTHENTICATE};
use http::{HeaderValue, Method, Request, Response, StatusCode, request};
use tower_http::cors::CorsLayer;

fn via(name: &'static str) -> SetHeader {
    SetHeader::response(VIA).append(HeaderValue::from_static(name))
}

fn router() -> Router {
    Router::new()
        .get("/free", async |_| "free")
        .group(via("outer"), |r| {
            r.get("/one", async |_| "one")
                .group(via("inner"), |r| r.get("/two", async |_| "two"))
        })
}

#[tokio::test]
async fn a_layer_is_around_its_routes_and_no_others() {
    let client = Client::new(router());
    client.get("/free").await.assert_no_header("via");
    client
        .get("/one")
        .await
        .assert_header("via", "outer")
        .assert_body("one");
    client
        .get("/two")
        .await
        .assert_header("via", "inner, outer");
    client
        .get("/none")
        .await
        .assert_status(404)
        .assert_no_header("via");
}

#[tokio::test]
async fn what_the_router_answers_for_a_path_comes_through_the_group() {
    let client = Client::new(router());
    let res = client.request(Method::POST, "/two").await;
    res.assert_status(405)
        .assert_header("allow", "GET, HEAD, OPTIONS")
        .assert_header("via", "inner, outer");
    let res = client.request(Method::OPTIONS, "/one").await;
    res.assert_status(204)
        .assert_header("allow", "GET, HEAD, OPTIONS")
        .assert_header("via", "outer");
}

#[tokio::test]
async fn a_guard_refuses_before_the_router_does() {
    let guard = on_request(|head: &mut request::Parts| {
        if head.headers.contains_key("authorization") {
            return Ok(());
        }
        let mut refusal = Response::new(());
        *refusal.status_mut() = StatusCode::UNAUTHORIZED;
        let challenge = HeaderValue::from_static("Basic realm=\"secrets\"");
        refusal.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        Err(refusal)
    });
    let client = Client::new(Router::new().group(guard, |r| r.get("/secret", async |_| "secret")));
    for method in [Method::GET, Method::POST, Method::OPTIONS] {
        let res = client.request(method, "/secret").await;
        res.assert_status(401).assert_no_header("allow");
    }
    let res = client
        .request(Method::HEAD, "/secret")
        .header("authorization", "x")
        .await;
    res.assert_status(200)
        .assert_header("content-length", "6")
        .assert_body("");
}

#[tokio::test]
async fn cors_of_a_group_answers_its_preflights() {
    let client = Client::new(Router::new().group(CorsLayer::permissive(), |r| {
        r.put("/thing", async |_| "put")
    }));
    let res = client
        .request(Method::OPTIONS, "/thing")
        .header("origin", "https://a.test")
        .header("access-control-request-method", "PUT")
        .await;
    res.assert_status(200)
        .assert_header("access-control-allow-origin", "*");
}

#[tokio::test]
async fn a_stack_wraps_a_group_and_mounts_in_it() {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let stack = Stack::new()
        .with(via("one"))
        .layer(on_response(move |_: &mut http::response::Parts| {
            counted.fetch_add(1, Ordering::Relaxed);
        }))
        .with(via("two"));
    let inner = Router::new().get("/x", async |_| "x");
    let router = Router::new().group(stack, |r| r.mount("/app", inner).fallback(async |_| "else"));
    let client = Client::new(router);
    client
        .get("/app/x")
        .await
        .assert_header("via", "two, one")
        .assert_body("x");
    client
        .get("/none")
        .await
        .assert_header("via", "two, one")
        .assert_body("else");
    assert_eq!(count.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn one_route_can_be_added_to_a_path_of_a_group() {
    let router = router().post("/one", async |_| "posted");
    let client = Client::new(router);
    let res = client.request(Method::POST, "/one").await;
    res.assert_body("posted").assert_no_header("via");
    // The path was first written in the group.
    let res = client.request(Method::PUT, "/one").await;
    res.assert_header("via", "outer")
        .assert_header("allow", "GET, HEAD, OPTIONS, POST");
}

#[tokio::test]
async fn a_handler_may_be_a_closure_with_state() {
    let greeting: Arc<str> = "hello".into();
    let router = Router::new().get("/", move |_: Request<Body>| {
        let greeting = Arc::clone(&greeting);
        async move { greeting.to_string() }
    });
    Client::new(router).get("/").await.assert_body("hello");
}
