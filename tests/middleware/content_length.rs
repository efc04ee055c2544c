//! `content_length` on the wire.

use gopuram::middleware::{Body, ContentLength};
use gopuram::testing::body::Script;
use gopuram::testing::{Client, app};
use http::{Request, Response};
use tower_layer::Layer;

fn answer(req: &Request<Body>) -> Response<Body> {
    Response::new(match req.uri().path() {
        "/whole" => Body::from("hello"),
        "/empty" => Body::empty(),
        "/counted" => Body::new(Script::new().data("he").data("llo").counts_down()),
        _ => Body::new(Script::new().data("hello")),
    })
}

#[tokio::test]
async fn what_is_known_is_said() {
    // In process, since a gateway says it too.
    let app = ContentLength::default().layer(app::answer(|req| answer(&req)));
    let client = Client::in_process(app);
    for (path, length) in [
        ("/whole", Some("5")),
        ("/empty", Some("0")),
        ("/counted", Some("5")),
        ("/stream", None),
    ] {
        let res = client.get(path).send().await;
        let said = res.headers().get("content-length");
        assert_eq!(
            said.map(http::HeaderValue::as_bytes),
            length.map(str::as_bytes)
        );
    }
}

#[tokio::test]
async fn a_304_and_a_204_say_nothing() {
    for status in [204, 304] {
        let app = app::answer(move |_| {
            let mut res = Response::new(Body::empty());
            *res.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
            res
        });
        let req = Client::new(ContentLength::default().layer(app)).get("/");
        let res = req.header("if-none-match", "\"a\"").await;
        res.assert_status(status).assert_no_header("content-length");
    }
}
