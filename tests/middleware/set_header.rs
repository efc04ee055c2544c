//! `set_header` on the wire.

use std::convert::Infallible;

use gopuram::middleware::{Body, SetHeader};
use gopuram::testing::Client;
use http::header::SERVER;
use http::{HeaderValue, Request, Response};
use tower::service_fn;
use tower_layer::Layer;

#[tokio::test]
async fn responses_carry_the_field() {
    let app =
        service_fn(async |_: Request<Body>| Ok::<_, Infallible>(Response::new(Body::from("hi"))));
    let layer = SetHeader::response(SERVER).value(HeaderValue::from_static("gopuram"));
    let res = Client::new(layer.layer(app)).get("/").await;
    res.assert_status(200)
        .assert_header("server", "gopuram")
        .assert_body("hi");
}
