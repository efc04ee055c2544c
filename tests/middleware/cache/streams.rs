//! Bodies on their way, read by several at once.

use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use gopuram::middleware::Body;
use gopuram::middleware::cache::Cache;
use gopuram::testing::body::{Sender, channel};
use gopuram::testing::{Client, Received};
use gopuram::{Application, Stack};
use http::{HeaderValue, Request, Response};
use http_body::Body as _;
use tower::service_fn;

use super::support::{Count, clock, settle};

/// A cache around one body that is fed by hand; further calls are answered with another.
fn fed(length: Option<&'static str>, calls: &Count) -> (Sender, Client<impl Application>) {
    let (sender, body) = channel();
    let body = Arc::new(Mutex::new(Some(body)));
    let calls = calls.clone();
    let app = service_fn(move |_: Request<Body>| {
        calls.add();
        let body = body.lock().unwrap().take();
        let is_first = body.is_some();
        let mut res = Response::new(body.map_or(Body::from("other"), Body::new));
        let headers = res.headers_mut();
        headers.insert("cache-control", HeaderValue::from_static("max-age=60"));
        if let Some(length) = length.filter(|_| is_first) {
            headers.insert("content-length", HeaderValue::from_static(length));
        }
        async move { Ok::<_, Infallible>(res) }
    });
    let cache = Cache::in_memory(1 << 20).entry(8).clock(clock());
    (
        sender,
        Client::in_process(Stack::new().with(cache).app(app)),
    )
}

/// The next piece of a body, if it is there.
fn piece(body: Pin<&mut Body>) -> Option<String> {
    let mut cx = Context::from_waker(Waker::noop());
    match body.poll_frame(&mut cx) {
        Poll::Ready(Some(frame)) => {
            let data = frame.unwrap().into_data().unwrap();
            Some(String::from_utf8(data.to_vec()).unwrap())
        }
        Poll::Ready(None) => Some(String::new()),
        Poll::Pending => None,
    }
}

#[tokio::test]
async fn a_body_of_known_length_is_read_by_all_as_it_comes() {
    let calls = Count::default();
    let (sender, client) = fed(Some("6"), &calls);
    let mut first = pin!(client.get("/").send().await.into_body());
    sender.data("ab");
    assert_eq!(piece(first.as_mut()).unwrap(), "ab");
    let mut second = pin!(client.get("/").send().await.into_body());
    assert_eq!(second.size_hint().exact(), Some(6));
    assert_eq!(piece(second.as_mut()).unwrap(), "ab");
    assert_eq!(piece(second.as_mut()), None);
    sender.data("cd");
    // The first does not read, and holds nobody up.
    assert_eq!(piece(second.as_mut()).unwrap(), "cd");
    sender.data("ef");
    assert_eq!(piece(second.as_mut()).unwrap(), "ef");
    drop(sender);
    assert_eq!(piece(second.as_mut()).unwrap(), "");
    for wanted in ["cd", "ef", ""] {
        assert_eq!(piece(first.as_mut()).unwrap(), wanted);
    }
    client.get("/").await.assert_body("abcdef");
    assert_eq!(calls.get(), 1);
}

#[tokio::test]
async fn if_one_reader_goes_the_others_read_on() {
    let calls = Count::default();
    let (sender, client) = fed(Some("4"), &calls);
    let mut first = Box::pin(client.get("/").send().await.into_body());
    let mut second = pin!(client.get("/").send().await.into_body());
    sender.data("ab");
    assert_eq!(piece(first.as_mut()).unwrap(), "ab");
    drop(first);
    sender.data("cd");
    assert_eq!(piece(second.as_mut()).unwrap(), "ab");
    assert_eq!(piece(second.as_mut()).unwrap(), "cd");
    drop(sender);
    client.get("/").await.assert_body("abcd");
    assert_eq!(calls.get(), 1);
}

#[tokio::test]
async fn the_end_of_a_body_is_waited_for_though_its_reader_has_all_it_was_told_of() {
    for is_cut in [false, true] {
        let calls = Count::default();
        let (sender, client) = fed(Some("2"), &calls);
        let mut first = Box::pin(client.get("/").send().await.into_body());
        sender.data("ab");
        assert_eq!(piece(first.as_mut()).unwrap(), "ab");
        // As a server does that has sent as many bytes as it said.
        drop(first);
        settle().await;
        if is_cut {
            sender.error("cut");
        }
        drop(sender);
        settle().await;
        let body = if is_cut { "other" } else { "ab" };
        client.get("/").await.assert_body(body);
    }
}

#[tokio::test]
async fn a_body_of_unknown_length_is_waited_for_whether_the_first_reads_it_or_not() {
    let calls = Count::default();
    let (sender, client) = fed(None, &calls);
    let first = client.get("/").send().await;
    let second = tokio::spawn(client.get("/").into_future());
    sender.data("ab");
    settle().await;
    assert!(!second.is_finished());
    sender.data("cd");
    drop(sender);
    second.await.unwrap().assert_body("abcd");
    Received::of(first).await.assert_body("abcd");
    assert_eq!(calls.get(), 1);
}

#[tokio::test]
async fn a_body_that_becomes_too_long_is_waited_for_no_longer() {
    let calls = Count::default();
    let (sender, client) = fed(None, &calls);
    let first = client.get("/").send().await;
    let second = tokio::spawn(client.get("/").into_future());
    settle().await;
    sender.data("01234567");
    settle().await;
    assert!(!second.is_finished());
    sender.data("8");
    second.await.unwrap().assert_body("other");
    sender.data("9");
    drop(sender);
    Received::of(first).await.assert_body("0123456789");
    assert_eq!(calls.get(), 2);
}

#[tokio::test]
async fn a_body_that_breaks_off_breaks_off_for_all_who_read_it() {
    let calls = Count::default();
    let (sender, client) = fed(Some("6"), &calls);
    let first = client.get("/").send().await;
    let second = client.get("/").send().await;
    sender.data("ab");
    sender.error("cut");
    for res in [first, second] {
        let res = Received::of(res).await;
        assert_eq!(res.bytes(), "ab");
        assert!(res.error().is_some());
    }
    client.get("/").await.assert_body("other");
    assert_eq!(calls.get(), 2);
}
