//! `content_type` on the wire.

use gopuram::Stack;
use gopuram::middleware::compress::Gzip;
use gopuram::middleware::{Body, Compress, ContentType};
use gopuram::testing::{Client, app};
use http::{HeaderValue, Request, Response, StatusCode};

fn answer(req: &Request<Body>) -> Response<Body> {
    let mut res = Response::new(Body::from("a".repeat(2000)));
    match req.uri().path() {
        "/none" => {
            *res.status_mut() = StatusCode::NO_CONTENT;
            *res.body_mut() = Body::empty();
        }
        "/typed" => {
            let png = HeaderValue::from_static("image/png");
            res.headers_mut().insert("content-type", png);
        }
        _ => {}
    }
    res
}

#[tokio::test]
async fn what_is_missing_is_said() {
    let layer = ContentType::or("text/html")
        .and_then(|layer| layer.extension("csv", "text/csv"))
        .and_then(|layer| layer.charset("utf-8"))
        .unwrap();
    let app = Stack::new()
        .with(layer)
        .app(app::answer(|req| answer(&req)));
    let client = Client::new(app);
    for (path, said) in [
        ("/", Some("text/html; charset=utf-8")),
        ("/report.csv", Some("text/csv; charset=utf-8")),
        ("/typed", Some("image/png")),
        ("/none", None),
    ] {
        let res = client.get(path).await;
        assert_eq!(res.header("content-type").as_deref(), said, "{path}");
    }
}

#[tokio::test]
async fn compress_goes_by_the_type_that_is_added() {
    let app = Stack::new()
        .with(Compress::with(Gzip::default()))
        .with(ContentType::or("text/html").unwrap())
        .app(app::answer(|req| answer(&req)));
    let res = Client::new(app)
        .get("/")
        .header("accept-encoding", "gzip")
        .await;
    res.assert_header("content-encoding", "gzip");
}
