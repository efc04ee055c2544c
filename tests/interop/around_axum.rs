//! Stacks as layers in an axum router, and stacks served by others.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use gopuram::middleware::{
    CatchPanic, Compress, Conditional, RequestId, SecurityHeaders, SetHeader, Timeout, on_request,
};
use gopuram::testing::Client;
use gopuram::{Body, Stack};
use http::header::SERVER;
use http::{HeaderValue, StatusCode, request};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tower_layer::Layer;

use super::support::{ask, get as req};

fn signs(name: &'static str) -> SetHeader {
    SetHeader::response(SERVER).value(HeaderValue::from_static(name))
}

fn text() -> String {
    "a text of many words ".repeat(100)
}

#[tokio::test]
async fn a_stack_is_a_layer_of_an_axum_router() {
    let stack = Stack::new()
        .with(RequestId::default())
        .with(SecurityHeaders::default())
        .with(CatchPanic::default())
        .with(Timeout::head(Duration::from_secs(30)))
        .with(Compress::default())
        .with(Conditional::default());
    let router = Router::new().route("/", get(async || text())).layer(stack);
    let client = Client::new(router);
    let res = client.get("/").header("accept-encoding", "gzip").await;
    res.assert_status(200)
        .assert_header("content-encoding", "gzip")
        .assert_header("x-frame-options", "DENY");
    assert!(res.header("x-request-id").is_some());
    // A layer of an axum router is around its fallback too.
    let res = client.get("/none").await;
    res.assert_status(404)
        .assert_header("x-frame-options", "DENY");
}

#[tokio::test]
async fn a_stack_may_be_around_one_route() {
    let private =
        Stack::new()
            .with(signs("private"))
            .layer(on_request(|head: &mut request::Parts| {
                let key = head.headers.get("x-key");
                key.map(drop).ok_or(StatusCode::FORBIDDEN)
            }));
    let router = Router::new()
        .route("/public", get(async || "public"))
        .route("/private", get(async || "private").layer(private.clone()))
        .nest(
            "/more",
            Router::new()
                .route("/", get(async || "more"))
                .route_layer(private),
        );
    let client = Client::new(router);
    let res = client.get("/public").await;
    res.assert_body("public").assert_no_header("server");
    let res = client.get("/private").await;
    res.assert_status(403).assert_header("server", "private");
    let res = client.get("/private").header("x-key", "1").await;
    res.assert_status(200).assert_body("private");
    client.get("/more").await.assert_status(403);
    let res = client.get("/more").header("x-key", "1").await;
    res.assert_body("more");
}

#[tokio::test]
async fn the_order_is_the_stack_s_within_axum_s() {
    let outer = Stack::new().with(signs("first")).with(signs("second"));
    // Of axum's own layers the last is the outermost.
    let router = Router::new()
        .route("/", get(async || ""))
        .layer(signs("innermost"))
        .layer(outer);
    let res = Client::new(router).get("/").await;
    res.assert_header("server", "first");
}

#[tokio::test]
async fn axum_serves_a_stack() {
    let app = Stack::new()
        .with(Compress::default())
        .app(gopuram::middleware::Router::new().get("/", async |_| text()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new()
        .route("/axum", get(async || "axum"))
        .fallback_service(app);
    let serving = tokio::spawn(async { axum::serve(listener, router).await });
    ask(address, req("/axum", &[])).await.assert_body("axum");
    let res = ask(address, req("/", &["accept-encoding: gzip"])).await;
    res.assert_status(200)
        .assert_header("content-encoding", "gzip");
    serving.abort();
}

#[tokio::test]
async fn hyper_serves_a_stack() {
    let app = Stack::new().with(signs("ours")).app(
        gopuram::middleware::Router::new()
            .post("/", async |req: http::Request<Body>| req.into_body()),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let service = TowerToHyperService::new(app);
        let http1 = hyper::server::conn::http1::Builder::new();
        http1.serve_connection(TokioIo::new(stream), service).await
    });
    let post = http::Request::post("/").header("host", "localhost");
    let res = ask(address, post.body(Body::from("vanakkam")).unwrap()).await;
    res.assert_status(200)
        .assert_header("server", "ours")
        .assert_body("vanakkam");
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_stack_may_have_a_stack_of_tower_in_it() {
    let builder = tower::ServiceBuilder::new()
        .layer(signs("builder"))
        .concurrency_limit(10)
        .into_inner();
    let stack = Stack::new().layer(builder).with(signs("inside"));
    let router = Router::new().route("/", get(async || "both"));
    let res = Client::new(stack.clone().app(router.clone()))
        .get("/")
        .await;
    res.assert_body("both").assert_header("server", "builder");
    let res = Client::new(Layer::layer(&stack, router)).get("/").await;
    res.assert_body("both").assert_header("server", "builder");
}
