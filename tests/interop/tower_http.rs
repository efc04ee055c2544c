//! The layers of tower-http in a stack.

use std::time::Duration;

use gopuram::middleware::{Compress, RequestId, Router, SecurityHeaders};
use gopuram::testing::Client;
use gopuram::{Body, Stack};
use http::header::{AUTHORIZATION, SET_COOKIE};
use http::{Request, StatusCode};
use tower_http::add_extension::AddExtensionLayer;
use tower_http::compression::CompressionLayer;
use tower_http::cors::CorsLayer;
use tower_http::sensitive_headers::SetSensitiveHeadersLayer;
use tower_http::services::ServeDir;
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;

#[derive(Clone)]
struct Greeting(&'static str);

/// Says what the layers outside have put in the request.
async fn greet(req: Request<Body>) -> String {
    let greeting = req.extensions().get::<Greeting>().unwrap();
    let authorization = req.headers().get(AUTHORIZATION);
    let secret = authorization.is_some_and(http::HeaderValue::is_sensitive);
    format!("{} {secret}", greeting.0)
}

#[tokio::test]
async fn they_stand_between_ours() {
    let timeout = Duration::from_secs(5);
    let app = Stack::new()
        .with(RequestId::default())
        .layer(TraceLayer::new_for_http())
        .layer(SetSensitiveHeadersLayer::new([AUTHORIZATION, SET_COOKIE]))
        .with(SecurityHeaders::default())
        .layer(CorsLayer::permissive())
        .layer(TimeoutLayer::with_status_code(
            StatusCode::GATEWAY_TIMEOUT,
            timeout,
        ))
        .layer(AddExtensionLayer::new(Greeting("vanakkam")))
        .layer(CompressionLayer::new())
        .app(
            Router::new()
                .get("/", greet)
                .get("/long", async |_| "long ".repeat(1000))
                .get("/never", async |_| std::future::pending::<String>().await),
        );
    let tower = app.to_string();
    for name in [
        "TraceLayer<..>",
        "CorsLayer",
        "TimeoutLayer",
        "app │ Router",
    ] {
        assert!(tower.contains(name), "{tower}");
    }
    let client = Client::new(app);
    let res = client.get("/").header("authorization", "x").await;
    res.assert_status(200)
        .assert_body("vanakkam true")
        .assert_header("x-frame-options", "DENY")
        .assert_header("access-control-allow-origin", "*");
    let res = client.get("/long").header("accept-encoding", "gzip").await;
    res.assert_header("content-encoding", "gzip");
    tokio::time::pause();
    client.get("/never").await.assert_status(504);
}

#[tokio::test]
async fn what_they_have_compressed_is_not_compressed_again() {
    let app = Stack::new()
        .with(Compress::default())
        .layer(CompressionLayer::new())
        .app(Router::new().get("/", async |_| "long ".repeat(1000)));
    let res = Client::new(app)
        .get("/")
        .header("accept-encoding", "gzip")
        .await;
    res.assert_header("content-encoding", "gzip");
    assert_eq!(res.frames().concat()[..2], [0x1f, 0x8b]);
    let mut plain = String::new();
    let coded = res.frames().concat();
    let mut decoder = flate2::read::GzDecoder::new(&coded[..]);
    std::io::Read::read_to_string(&mut decoder, &mut plain).unwrap();
    assert_eq!(plain, "long ".repeat(1000));
}

#[tokio::test]
async fn serve_dir_is_an_application_to_mount() {
    let page = std::fs::read("../examples/site/tiers.html").unwrap();
    let app = Stack::new()
        .with(SecurityHeaders::default())
        .with(Compress::default())
        .app(Router::new().mount("/site", ServeDir::new("../examples/site")));
    let client = Client::new(app);
    let res = client.get("/site/tiers.html").await;
    res.assert_status(200)
        .assert_header("x-frame-options", "DENY")
        .assert_body(&page);
    let res = client.get("/site/tiers.html").header("range", "bytes=0-14");
    res.await.assert_status(206).assert_body("<!doctype html>");
    let res = client
        .get("/site/tiers.html")
        .header("accept-encoding", "gzip");
    res.await.assert_header("content-encoding", "gzip");
    client.get("/site/none").await.assert_status(404);
}
