//! P: when an application is called.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use gopuram::middleware::{
    BodyLimit, CatchPanic, Compress, Head, RequestId, Router, Timeout, on_request,
};
use gopuram::testing::app;
use gopuram::{Body, Stack};
use http::{Request, Response, StatusCode, request};
use tokio::io::AsyncWriteExt as _;
use tower::Service;
use tower::limit::ConcurrencyLimit;
use tower_layer::Layer;

use crate::support::{Count, GET, ask, connect, http2_of, read_until, rest, text};

/// Panics when it is called without having said that it is ready, in this clone and since the last
/// call.
#[derive(Default)]
struct Strict {
    ready: bool,
    /// Not ready every other time.
    reluctant: bool,
    calls: Count,
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        Self {
            ready: false,
            reluctant: self.reluctant,
            calls: self.calls.clone(),
        }
    }
}

impl Service<Request<Body>> for Strict {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.reluctant = !self.reluctant;
        if self.reluctant {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        assert!(std::mem::take(&mut self.ready), "called although not ready");
        self.calls.add();
        std::future::ready(Ok(Response::new(Body::from("hello"))))
    }
}

#[tokio::test(start_paused = true)]
async fn p1_an_application_is_called_only_when_it_said_that_it_is_ready() {
    let strict = Strict::default();
    let layered = Stack::new()
        .with(RequestId::default())
        .with(CatchPanic::default())
        .with(Timeout::head(Duration::from_secs(1)))
        .with(BodyLimit::new(1))
        .with(Head::default())
        .with(Compress::default())
        .app(strict.clone());
    let routed = Router::new().route_service("/", Shared(Mutex::new(strict.clone())));
    for mut client in [connect(strict.clone()), connect(layered), connect(routed)] {
        for _ in 0..5 {
            client.write_all(GET).await.unwrap();
            let answer = read_until(&mut client, "hello").await;
            assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        }
    }
    let client = http2_of(strict.clone()).await;
    let mut asked = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let mut client = client.clone();
        asked.spawn(async move {
            client
                .send_request(ask("http://a/"))
                .await
                .unwrap()
                .status()
        });
    }
    while let Some(status) = asked.join_next().await {
        assert_eq!(status.unwrap(), 200);
    }
    assert_eq!(strict.calls.get(), 35);
}

/// A router's service is shared among threads.
struct Shared(Mutex<Strict>);

impl Clone for Shared {
    fn clone(&self) -> Self {
        Self(Mutex::new(self.0.lock().unwrap().clone()))
    }
}

impl Service<Request<Body>> for Shared {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.get_mut().unwrap().poll_ready(cx)
    }

    fn call(&mut self, req: Request<Body>) -> Self::Future {
        self.0.get_mut().unwrap().call(req)
    }
}

/// The first clone that is asked is not ready until it is told to be; the others are.
#[derive(Clone, Default)]
struct Gate {
    first: bool,
    asked: Arc<AtomicBool>,
    open: Arc<AtomicBool>,
    waker: Arc<Mutex<Option<Waker>>>,
}

impl Service<Request<Body>> for Gate {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.first |= !self.asked.swap(true, Ordering::SeqCst);
        if self.first && !self.open.load(Ordering::SeqCst) {
            *self.waker.lock().unwrap() = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, req: Request<Body>) -> Self::Future {
        let path = req.uri().path().to_owned();
        std::future::ready(Ok(Response::new(Body::from(path))))
    }
}

/// As [`Gate`], and a clone of the one that waits does not wait itself.
#[derive(Default)]
struct Fresh(Gate);

impl Clone for Fresh {
    fn clone(&self) -> Self {
        let first = false;
        Self(Gate {
            first,
            ..self.0.clone()
        })
    }
}

impl Service<Request<Body>> for Fresh {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, req: Request<Body>) -> Self::Future {
        self.0.call(req)
    }
}

#[tokio::test(start_paused = true)]
async fn p2_one_that_is_not_ready_keeps_only_its_own_request_waiting() {
    let app = Fresh::default();
    let (open, waker) = (Arc::clone(&app.0.open), Arc::clone(&app.0.waker));
    let mut client = http2_of(app).await;
    let mut waits = tokio::spawn(client.send_request(ask("http://a/waits")));
    let soon = Duration::from_secs(1);
    assert!(
        tokio::time::timeout(soon, &mut waits).await.is_err(),
        "called"
    );
    let res = client.send_request(ask("http://a/other"));
    let res = tokio::time::timeout(soon, res).await.expect("kept waiting");
    assert_eq!(text(res.unwrap()).await.unwrap(), "/other");
    open.store(true, Ordering::SeqCst);
    waker.lock().unwrap().take().unwrap().wake();
    let res = waits.await.unwrap().unwrap();
    assert_eq!(text(res).await.unwrap(), "/waits");
}

#[tokio::test(start_paused = true)]
async fn p2_the_wait_has_an_end() {
    let before = tokio::time::Instant::now();
    let mut client = connect(app::never_ready());
    client.write_all(GET).await.unwrap();
    let answer = read_until(&mut client, "\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    let mut client = http2_of(app::never_ready()).await;
    let res = client.send_request(ask("http://a/")).await.unwrap();
    assert_eq!(res.status(), 503);
    assert_eq!(before.elapsed().as_secs(), 60);
}

#[tokio::test]
async fn p3_a_layer_is_ready_when_inner_is() {
    macro_rules! layered {
        ($inner:expr) => {
            Stack::new()
                .with(RequestId::default())
                .with(CatchPanic::default())
                .with(Timeout::head(Duration::from_secs(1)))
                .with(Compress::default())
                .layer(on_request(|_: &mut request::Parts| Ok::<_, StatusCode>(())))
                .app($inner)
        };
    }
    fn ready<S: Service<Request<Body>>>(mut app: S) -> Poll<Result<(), S::Error>> {
        app.poll_ready(&mut Context::from_waker(Waker::noop()))
    }
    assert!(ready(layered!(app::never_ready())).is_pending());
    assert_eq!(
        ready(layered!(app::unready("full"))),
        Poll::Ready(Err("full"))
    );
    assert_eq!(ready(layered!(app::fails("broken"))), Poll::Ready(Ok(())));
}

#[tokio::test(start_paused = true)]
async fn p3_a_reply_leaves_inner_ready_and_not_called() {
    let strict = Strict::default();
    let refuses = on_request(|head: &mut request::Parts| match head.uri.path() {
        "/no" => Err(StatusCode::FORBIDDEN),
        _ => Ok(()),
    });
    let mut client = connect(refuses.layer(strict.clone()));
    for (path, status, calls) in [
        ("/no", 403, 0),
        ("/no", 403, 0),
        ("/", 200, 1),
        ("/no", 403, 1),
    ] {
        let head = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
        client.write_all(head.as_bytes()).await.unwrap();
        let end = if status == 200 { "hello" } else { "\r\n\r\n" };
        let answer = read_until(&mut client, end).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
        assert_eq!(strict.calls.get(), calls);
    }
}

#[tokio::test(start_paused = true)]
async fn p3_what_was_reserved_for_a_call_that_did_not_come_is_given_back() {
    let refuses = on_request(|head: &mut request::Parts| match head.uri.path() {
        "/no" => Err(StatusCode::FORBIDDEN),
        _ => Ok(()),
    });
    let one = ConcurrencyLimit::new(app::answer(|_| Response::new(Body::from("hello"))), 1);
    let stack = Stack::new().layer(refuses).app(one.clone());
    let bare = refuses.layer(one);
    for (mut idle, mut other) in [
        (connect(stack.clone()), connect(stack)),
        (connect(bare.clone()), connect(bare)),
    ] {
        let no = b"GET /no HTTP/1.1\r\nHost: a\r\n\r\n";
        idle.write_all(no).await.unwrap();
        read_until(&mut idle, "\r\n\r\n").await;
        other.write_all(GET).await.unwrap();
        let answer = read_until(&mut other, "\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn p4_one_that_fails_to_become_ready_is_answered_for_and_given_up() {
    let mut client = connect(app::unready("never again"));
    client.write_all(&[GET, GET].concat()).await.unwrap();
    let before = tokio::time::Instant::now();
    let answer = rest(&mut client).await;
    assert_eq!(answer.matches("HTTP/1.1 500 ").count(), 1, "{answer}");
    assert_eq!(before.elapsed(), Duration::ZERO, "the connection is closed");

    let asked = Count::default();
    let mut client = http2_of(Fails(asked.clone())).await;
    let both = [ask("http://a/"), ask("http://a/")].map(|req| client.send_request(req));
    for res in both {
        assert_eq!(res.await.unwrap().status(), 500);
    }
    assert_eq!(asked.get(), 1, "asked again after it failed");
    assert!(client.ready().await.is_err(), "the connection is closed");
}

/// Fails to become ready, and counts how often it is asked to.
#[derive(Clone)]
struct Fails(Count);

impl Service<Request<Body>> for Fails {
    type Response = Response<Body>;
    type Error = &'static str;
    type Future = std::future::Ready<Result<Response<Body>, &'static str>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        self.0.add();
        Poll::Ready(Err("never again"))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        panic!("called although it is not ready")
    }
}
