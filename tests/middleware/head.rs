//! `head` on the wire.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use gopuram::Stack;
use gopuram::middleware::{Body, Conditional, Head, Range};
use gopuram::testing::Client;
use http::{Method, Request, Response};
use http_body::{Frame, SizeHint};
use tower::service_fn;
use tower_layer::Layer;

fn answer(req: &Request<Body>) -> Response<Body> {
    assert_eq!(req.method(), Method::GET);
    Response::builder()
        .header("etag", "\"a\"")
        .header("x-path", req.uri().path())
        .body(Body::from("hello"))
        .unwrap()
}

#[tokio::test]
async fn a_head_has_the_fields_of_the_get_and_no_body() {
    // 9.3.2
    let app = service_fn(async |req: Request<Body>| Ok::<_, Infallible>(answer(&req)));
    let client = Client::new(Head::default().layer(app));
    let head = client.request(Method::HEAD, "/x").await;
    head.assert_status(200)
        .assert_header("etag", "\"a\"")
        .assert_header("x-path", "/x")
        .assert_header("content-length", "5")
        .assert_body("");
    client
        .get("/x")
        .await
        .assert_status(200)
        .assert_body("hello");
}

#[tokio::test]
async fn errors_of_the_application_have_their_fields_too() {
    let app = service_fn(async |_: Request<Body>| {
        let res = Response::builder().status(404).header("x-why", "gone");
        Ok::<_, Infallible>(res.body(Body::from("not here")).unwrap())
    });
    let client = Client::new(Head::default().layer(app));
    let head = client.request(Method::HEAD, "/").await;
    head.assert_status(404)
        .assert_header("x-why", "gone")
        .assert_header("content-length", "8")
        .assert_body("");
}

#[tokio::test]
async fn the_service_s_error_passes_through() {
    let app = service_fn(async |_: Request<Body>| Err::<Response<Body>, _>("broken"));
    let mut app = Head::default().layer(app);
    let mut req = Request::new(Body::empty());
    *req.method_mut() = Method::HEAD;
    let error = tower_service::Service::call(&mut app, req)
        .await
        .unwrap_err();
    assert_eq!(error, "broken");
}

#[tokio::test]
async fn a_range_means_nothing_to_a_head() {
    // 14.2
    let app = Stack::new()
        .with(Head::default())
        .with(Range::default())
        .with(Conditional::default())
        .app(service_fn(async |req: Request<Body>| {
            Ok::<_, Infallible>(answer(&req))
        }));
    let client = Client::new(app);
    let head = client
        .request(Method::HEAD, "/")
        .header("range", "bytes=0-1")
        .header("if-range", "\"a\"")
        .await;
    head.assert_status(200)
        .assert_header("content-length", "5")
        .assert_header("accept-ranges", "bytes")
        .assert_no_header("content-range")
        .assert_body("");
    // But a condition does (13.1.2).
    let head = client
        .request(Method::HEAD, "/")
        .header("if-none-match", "\"a\"")
        .await;
    head.assert_status(304)
        .assert_header("etag", "\"a\"")
        .assert_no_header("content-length")
        .assert_body("");
}

/// A stream without end that says when it is dropped.
#[derive(Default)]
struct Endless(Option<Arc<AtomicBool>>);

impl Drop for Endless {
    fn drop(&mut self) {
        if let Some(dropped) = &self.0 {
            dropped.store(true, Ordering::Relaxed);
        }
    }
}

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        assert!(self.0.is_none(), "the body of a HEAD is not read");
        Poll::Ready(None)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

#[tokio::test]
async fn a_stream_is_dropped_unread_before_the_response_goes_out() {
    let dropped = Arc::new(AtomicBool::new(false));
    let body = Arc::clone(&dropped);
    let app = service_fn(move |_: Request<Body>| {
        let body = Endless(Some(Arc::clone(&body)));
        async { Ok::<_, Infallible>(Response::new(body)) }
    });
    let mut app = Head::default().layer(app);
    let mut req = Request::new(Body::empty());
    *req.method_mut() = Method::HEAD;
    let res = tower_service::Service::call(&mut app, req).await.unwrap();
    assert!(dropped.load(Ordering::Relaxed));
    assert!(res.headers().is_empty(), "its length is not known");
}
