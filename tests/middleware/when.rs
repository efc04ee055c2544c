//! `when` on the wire.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gopuram::Stack;
use gopuram::middleware::body::{FileRegion, Read, ReadAt};
use gopuram::middleware::{Body, BodyLimit, Compress, SetHeader, When};
use gopuram::testing::{Client, app};
use http::header::SERVER;
use http::{HeaderValue, Request, Response, request};
use tower::limit::ConcurrencyLimit;
use tower::{Service as _, ServiceExt as _, service_fn};
use tower_layer::{Layer, layer_fn};

const VALUE: HeaderValue = HeaderValue::from_static("gopuram");

fn is_marked(head: &request::Parts) -> bool {
    head.headers.contains_key("x-marked")
}

async fn echo(req: Request<Body>) -> Result<Response<Body>, Infallible> {
    Ok(Response::new(req.into_body()))
}

#[tokio::test]
async fn each_request_is_decided_by_its_head() {
    let layer = When::new(is_marked, SetHeader::response(SERVER).value(VALUE));
    let client = Client::new(layer.layer(service_fn(echo)));
    for _ in 0..2 {
        let res = client.post("/").header("x-marked", "1").body("a").await;
        res.assert_header("server", "gopuram").assert_body("a");
        let res = client.post("/").body("b").await;
        res.assert_no_header("server").assert_body("b");
    }
}

#[tokio::test]
async fn a_layer_that_replies_and_wraps_bodies_is_one_of_two_ways() {
    let client = Client::new(
        Stack::new()
            .with(When::new(is_marked, BodyLimit::new(3)))
            .app(service_fn(echo)),
    );
    let res = client.post("/").header("x-marked", "1").body("long").await;
    res.assert_status(413);
    let res = client.post("/").header("x-marked", "1").body("abc").await;
    res.assert_status(200).assert_body("abc");
    client.post("/").body("long").await.assert_body("long");
}

#[tokio::test]
async fn it_stands_in_a_stack_where_its_layer_does() {
    let stack = Stack::new()
        .with(BodyLimit::new(1 << 20))
        .with(When::new(is_marked, Compress::default()))
        .app(service_fn(echo));
    let printed = stack.to_string();
    let line = printed.lines().find(|line| line.contains("when")).unwrap();
    assert!(line.starts_with("represent │ when "), "{printed}");
    assert!(line.ends_with(" compress gzip"), "{printed}");
}

#[tokio::test]
async fn an_error_of_either_way_passes() {
    let layer = When::new(is_marked, SetHeader::response(SERVER).value(VALUE));
    for marked in [true, false] {
        let mut req = Request::new(Body::empty());
        if marked {
            req.headers_mut().insert("x-marked", VALUE);
        }
        let error = layer.layer(app::fails("broken")).oneshot(req).await;
        assert_eq!(error.unwrap_err(), "broken");
    }
}

/// What can be read for ever.
struct Zeros;

impl ReadAt for Zeros {
    fn read_at(self: Arc<Self>, _: u64, len: usize) -> Read {
        Read::Now(Ok(vec![0; len].into()))
    }
}

#[tokio::test]
async fn a_region_of_a_file_stays_one() {
    let layer = When::new(is_marked, SetHeader::response(SERVER).value(VALUE));
    let app = app::answer(|_| Response::new(Body::file(FileRegion::new(Arc::new(Zeros), 0, 9))));
    for marked in ["x-marked", "x-other"] {
        let req = Request::get("/").header(marked, "1");
        let req = req.body(Body::empty()).unwrap();
        let res = layer.layer(app).oneshot(req).await.unwrap();
        assert_eq!(res.body().as_file().unwrap().len(), 9);
    }
}

/// An application that takes one call at a time, all clones together.
fn one_at_a_time()
-> impl tower::Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send>
+ Clone {
    ConcurrencyLimit::new(service_fn(echo), 1)
}

#[tokio::test]
async fn a_limit_of_one_call_does_not_wait_for_itself() {
    let layer = When::new(is_marked, SetHeader::response(SERVER).value(VALUE));
    let mut service = layer.layer(one_at_a_time());
    for marked in ["x-marked", "x-other", "x-marked", "x-marked", "x-other"] {
        let req = Request::get("/").header(marked, "1");
        let req = req.body(Body::empty()).unwrap();
        let res = service.ready().await.unwrap().call(req).await.unwrap();
        assert_eq!(res.status(), 200, "{marked}");
    }
}

#[tokio::test]
async fn a_layer_is_made_once_and_keeps_what_it_keeps() {
    let made = AtomicUsize::new(0);
    let counting = layer_fn(|inner| {
        made.fetch_add(1, Ordering::Relaxed);
        inner
    });
    let mut service = When::new(is_marked, counting).layer(service_fn(echo));
    for marked in ["x-marked", "x-other", "x-marked"] {
        let req = Request::get("/").header(marked, "1");
        let req = req.body(Body::empty()).unwrap();
        service.ready().await.unwrap().call(req).await.unwrap();
    }
    assert_eq!(made.load(Ordering::Relaxed), 1);
}
