//! What becomes of a promise to be ready: used, given back, or waited for just so long.

use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use gopuram::gateway::Deadlines;
use gopuram::middleware::from_fn::Next;
use gopuram::middleware::{
    BodyLimit, Cascade, Cors, Mount, Router, StaticFiles, When, from_fn, on_request,
};
use gopuram::{Application, Body, Stack};
use http::{Request, Response, StatusCode, request};
use http_body_util::BodyExt as _;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::Instant;
use tower::buffer::BufferLayer;
use tower::limit::{ConcurrencyLimit, ConcurrencyLimitLayer};
use tower::util::service_fn;
use tower::{Layer, Service, ServiceBuilder};

use crate::support::{ask, connect, http2, read_until, rest, turns};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

async fn hello(_: Request<Body>) -> Result<Response<Body>, Infallible> {
    Ok(Response::new(Body::from("hello")))
}

/// What a layer answers itself.
struct Own {
    req: fn() -> Request<Body>,
    status: Option<u16>,
}

fn preflight() -> Own {
    Own {
        req: || {
            Request::options("http://a/")
                .header("host", "a")
                .header("origin", "http://b")
                .header("access-control-request-method", "PUT")
                .body(Body::empty())
                .unwrap()
        },
        status: Some(204),
    }
}

fn too_long() -> Own {
    Own {
        req: || {
            let req = Request::post("http://a/").header("host", "a");
            req.body(Body::from("123456789")).unwrap()
        },
        status: Some(413),
    }
}

fn own() -> Own {
    Own {
        req: || {
            let req = Request::get("http://a/own").header("host", "a");
            req.body(Body::empty()).unwrap()
        },
        status: Some(200),
    }
}

fn panic() -> Own {
    Own {
        status: None,
        ..own()
    }
}

/// A connection in the state that the answer to `own` left it in; not closed.
async fn keep<S: Application>(app: S, own: &Own, version2: bool) -> Box<dyn std::any::Any> {
    let server = gopuram::serve(app).bind("127.0.0.1:0");
    let server = server.listen().await.unwrap();
    let address = server.socket().unwrap();
    let server = tokio::spawn(server.run());
    let io = || async move { TcpStream::connect(address).await.unwrap() };
    let answer = |status: Result<StatusCode, hyper::Error>| {
        assert_eq!(status.ok().map(|status| status.as_u16()), own.status);
    };
    let second = async move {
        if version2 {
            let mut client = http2(io().await).await;
            let res = client.send_request(ask("http://a/")).await.unwrap();
            assert_eq!(res.status(), 200);
        } else {
            let mut client = io().await;
            client.write_all(GET).await.unwrap();
            read_until(&mut client, "hello").await;
        }
    };
    let second = async {
        let second = tokio::time::timeout(Duration::from_secs(5), second).await;
        assert!(second.is_ok(), "another connection is kept waiting");
    };
    if version2 {
        let mut client = http2(io().await).await;
        let res = client.send_request((own.req)()).await;
        answer(res.map(|res| res.status()));
        second.await;
        Box::new((client, server))
    } else {
        let (mut client, conn) = http1::handshake(TokioIo::new(io().await)).await.unwrap();
        tokio::spawn(conn);
        let res = client.send_request((own.req)()).await;
        answer(res.map(|res| res.status()));
        second.await;
        Box::new((client, server))
    }
}

async fn holds_nothing<S: Application>(app: impl Fn() -> S, own: Own) {
    for version2 in [false, true] {
        drop(keep(app(), &own, version2).await);
    }
}

/// Layers that answer themselves, with what `$limit` is between them and the application.
macro_rules! each_layer {
    ($limit:expr, $error:ty) => {
        let app = service_fn(hello);
        let endpoint = |_: Request<Body>| async { "own" };
        let cors = || Stack::new().with(Cors::any_origin());
        holds_nothing(|| cors().layer($limit).app(app), preflight()).await;
        holds_nothing(
            || {
                Stack::new()
                    .when(true, Cors::any_origin())
                    .layer($limit)
                    .app(app)
            },
            preflight(),
        )
        .await;
        holds_nothing(
            || {
                Stack::new()
                    .layer(When::new(|_| true, Cors::any_origin()))
                    .layer($limit)
                    .app(app)
            },
            preflight(),
        )
        .await;
        // Within the application, where the stack does not see.
        let inner = || {
            ServiceBuilder::new()
                .layer(Cors::any_origin())
                .layer($limit)
                .service(app)
        };
        holds_nothing(inner, preflight()).await;
        holds_nothing(|| Stack::new().app(inner()), preflight()).await;
        holds_nothing(
            || Stack::new().app(cors().layer($limit).app(app)),
            preflight(),
        )
        .await;
        holds_nothing(
            || Stack::new().with(BodyLimit::new(1)).layer($limit).app(app),
            too_long(),
        )
        .await;
        let router = || Router::<$error>::fallible().get("/own", endpoint);
        holds_nothing(|| Stack::new().with(router()).layer($limit).app(app), own()).await;
        let mount = || Mount::<$error>::fallible().at("/", router());
        let other = |head: &request::Parts| head.uri.path() == "/own";
        holds_nothing(
            || {
                Stack::new()
                    .layer(When::new(other, mount()))
                    .layer($limit)
                    .app(app)
            },
            own(),
        )
        .await;
        let cascade = || Cascade::<$error>::fallible().then(router());
        holds_nothing(
            || Stack::new().with(cascade()).layer($limit).app(app),
            own(),
        )
        .await;
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(stringify!($error));
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join("own"), "own").unwrap();
        let files = || StaticFiles::new(&directory).unwrap();
        holds_nothing(|| Stack::new().with(files()).layer($limit).app(app), own()).await;
        let function = from_fn(
            async |req: Request<Body>, next: Next| match req.uri().path() {
                "/own" => Response::new(Body::from("own")),
                _ => next.run(req).await,
            },
        );
        holds_nothing(
            || Stack::new().layer(function).layer($limit).app(app),
            own(),
        )
        .await;
        let panics = on_request(|head: &mut request::Parts| {
            assert!(head.uri.path() != "/own", "on purpose");
        });
        holds_nothing(
            || Stack::new().layer(panics).layer($limit).app(app),
            panic(),
        )
        .await;
    };
}

#[tokio::test]
async fn a_layer_that_answers_itself_keeps_no_place_of_a_concurrency_limit() {
    each_layer!(ConcurrencyLimitLayer::new(1), Infallible);
}

#[tokio::test]
async fn a_layer_that_answers_itself_keeps_no_slot_of_a_buffer() {
    each_layer!(BufferLayer::new(1), tower::BoxError);
}

/// A layer, and how often it was cloned.
#[derive(Default)]
struct Clones<S>(Arc<AtomicUsize>, S);

impl<S: Clone> Clone for Clones<S> {
    fn clone(&self) -> Self {
        self.0.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(&self.0), self.1.clone())
    }
}

impl<S: Service<Request<Body>>> Service<Request<Body>> for Clones<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.1.poll_ready(cx)
    }

    fn call(&mut self, req: Request<Body>) -> Self::Future {
        self.1.call(req)
    }
}

fn counted<S>(count: Arc<AtomicUsize>) -> impl Layer<S, Service = Clones<S>> {
    tower_layer::layer_fn(move |inner| Clones(Arc::clone(&count), inner))
}

/// How often what `layered` makes is cloned for ten requests on each HTTP.
async fn clones<S: Application>(layered: impl Fn(Arc<AtomicUsize>) -> S) -> usize {
    let count = Arc::default();
    let mut client = connect(gopuram::serve(layered(Arc::clone(&count))));
    for _ in 0..10 {
        client.write_all(GET).await.unwrap();
        read_until(&mut client, "hello").await;
    }
    let mut client = http2(connect(gopuram::serve(layered(Arc::clone(&count))))).await;
    for _ in 0..10 {
        let res = client.send_request(ask("http://a/")).await.unwrap();
        assert_eq!(res.status(), 200);
    }
    count.load(Ordering::SeqCst)
}

#[tokio::test(start_paused = true)]
async fn a_stack_is_not_cloned_for_a_request_that_reaches_the_application() {
    let router = || Router::new().get("/", async |_| "hello");
    let around_function = |count| Stack::new().layer(counted(count)).app(service_fn(hello));
    assert_eq!(clones(around_function).await, 0);
    let around_router = |count| Stack::new().layer(counted(count)).app(router());
    assert_eq!(clones(around_router).await, 0);
    // What is always ready says so.
    assert_eq!(clones(|count| Clones(count, router())).await, 0);
    // Of what within it are layers or not nobody knows, the application is.
    let app = |count| Clones(count, service_fn(hello));
    assert_eq!(clones(|count| Stack::new().app(app(count))).await, 20);
    assert_eq!(clones(app).await, 20);
}

#[tokio::test(start_paused = true)]
async fn a_wait_for_readiness_has_an_end() {
    let done = Arc::new(Notify::new());
    let (ends, count) = (Arc::clone(&done), Arc::new(AtomicUsize::new(0)));
    let calls = Arc::clone(&count);
    let app = service_fn(move |_: Request<Body>| {
        calls.fetch_add(1, Ordering::SeqCst);
        let ends = Arc::clone(&ends);
        async move {
            ends.notified().await;
            Ok::<_, Infallible>(Response::new(Body::from("hello")))
        }
    });
    let app = ConcurrencyLimit::new(app, 1);
    for (deadlines, seconds) in [
        (Deadlines::default(), 30),
        (Deadlines::default().ready(Duration::from_secs(5)), 5),
    ] {
        let serve = || gopuram::serve(app.clone()).deadlines(deadlines);
        let mut first = connect(serve());
        first.write_all(GET).await.unwrap();
        turns().await;
        let before = Instant::now();
        let mut late = connect(serve());
        let mut streams = http2(connect(serve())).await;
        late.write_all(GET).await.unwrap();
        let stream = streams.send_request(ask("http://a/"));
        let (answer, stream) = tokio::join!(read_until(&mut late, "\r\n\r\n"), stream);
        assert_eq!(
            answer,
            "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"
        );
        assert_eq!(stream.unwrap().status(), 503);
        assert_eq!(before.elapsed().as_secs(), seconds);
        done.notify_one();
        read_until(&mut first, "hello").await;
        // The place in the queue was given back, and both connections go on.
        done.notify_one();
        late.write_all(GET).await.unwrap();
        read_until(&mut late, "hello").await;
        done.notify_one();
        let res = streams.send_request(ask("http://a/")).await.unwrap();
        let whole = res.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(whole, "hello");
    }
    assert_eq!(count.load(Ordering::SeqCst), 6);
}

#[tokio::test(start_paused = true)]
async fn a_wait_for_readiness_may_have_none() {
    let app = ConcurrencyLimit::new(service_fn(hello), 0);
    let deadlines = Deadlines::default().ready(Duration::MAX);
    let mut client = connect(gopuram::serve(app).deadlines(deadlines));
    client.write_all(GET).await.unwrap();
    let hour = Duration::from_hours(1);
    let answer = tokio::time::timeout(hour, read_until(&mut client, "\r\n\r\n"));
    assert!(answer.await.is_err());
}

/// Is not ready at first, and fails then.
#[derive(Clone, Default)]
struct FailsLater(bool);

impl Service<Request<Body>> for FailsLater {
    type Response = Response<Body>;
    type Error = &'static str;
    type Future = std::future::Ready<Result<Response<Body>, &'static str>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        if std::mem::replace(&mut self.0, true) {
            return Poll::Ready(Err("never again"));
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        unreachable!("not ready")
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_fails_while_it_is_waited_for_is_given_up() {
    let mut client = connect(gopuram::serve(FailsLater::default()));
    client.write_all(&[GET, GET].concat()).await.unwrap();
    let before = Instant::now();
    let answer = rest(&mut client).await;
    assert_eq!(answer.matches("HTTP/1.1 500 ").count(), 1, "{answer}");
    assert_eq!(before.elapsed(), Duration::ZERO, "the connection is closed");
}
