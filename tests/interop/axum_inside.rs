//! An axum router as the application of a stack.

use axum::extract::{ConnectInfo, Path, Request};
use axum::http::StatusCode;
use axum::routing::{get, post};
use gopuram::Body;
use gopuram::middleware::attributes::Attributes;
use gopuram::testing::Client;

use super::support::{self, Server, Written, production};

fn router() -> axum::Router {
    axum::Router::new()
        .route("/", get(async || "the front page ".repeat(100)))
        .route(
            "/users/{id}",
            get(async |Path(id): Path<u32>| id.to_string()),
        )
        .route("/echo", post(async |body: axum::body::Bytes| body))
        .route("/stream", post(async |req: Request| req.into_body()))
        .route("/broken", get(broken))
        .route("/client", get(client))
        .fallback(async || (StatusCode::NOT_FOUND, "not of axum"))
}

async fn broken() -> &'static str {
    panic!("on purpose")
}

/// What a handler of axum can know of the connection.
async fn client(req: Request) -> String {
    let attributes = Attributes::of(&req).unwrap();
    assert!(attributes.request_id().is_some());
    assert!(req.extensions().get::<ConnectInfo<()>>().is_none());
    attributes.client().unwrap().ip.to_string()
}

#[tokio::test]
async fn a_whole_stack_goes_around_an_axum_router() {
    let written = Written::default();
    let log = written.log();
    let client = Client::new(production(log.clone(), router()));
    let res = client.get("/").header("accept-encoding", "gzip").await;
    res.assert_status(200)
        .assert_header("content-encoding", "gzip")
        .assert_header("content-type", "text/plain; charset=utf-8")
        .assert_header("x-content-type-options", "nosniff");
    client.get("/users/7").await.assert_body("7");
    client.get("/users/x").await.assert_status(400);
    client.get("/users//7").await.assert_status(308);
    client.get("/client").await.assert_body("127.0.0.1");
    client
        .get("/x")
        .await
        .assert_status(404)
        .assert_body("not of axum");
    let res = client.head("/").await;
    res.assert_status(200)
        .assert_header("content-length", "1500");
    for path in ["/echo", "/stream"] {
        client
            .post(path)
            .body("vanakkam")
            .await
            .assert_body("vanakkam");
        let much = vec![b'a'; (1 << 20) + 1];
        client.post(path).body(much).await.assert_status(413);
    }
    client.get("/broken").await.assert_status(500);
    let lines = written.lines(&log);
    assert_eq!(lines[0], "GET / 200 gzip");
    assert_eq!(lines.last().unwrap(), "GET /broken 500 -");
}

#[tokio::test]
async fn it_is_served_by_the_gateway() {
    let written = Written::default();
    let log = written.log();
    let server = Server::of(production(log.clone(), router())).await;
    let res = server
        .ask(support::get("/", &["accept-encoding: gzip"]))
        .await;
    res.assert_status(200)
        .assert_header("content-encoding", "gzip")
        .assert_header("access-control-allow-origin", "*");
    let post = http::Request::post("/stream").header("host", "localhost");
    let res = server.ask(post.body(Body::from("vanakkam")).unwrap()).await;
    res.assert_status(200).assert_body("vanakkam");
    server.stop().await;
    assert_eq!(
        written.lines(&log),
        ["GET / 200 gzip", "POST /stream 200 -"]
    );
}

#[tokio::test]
async fn without_any_layer_it_is_served_as_it_is() {
    let server = Server::of(router()).await;
    let res = server.ask(support::get("/users/7", &[])).await;
    res.assert_status(200).assert_body("7");
    server.stop().await;
}
