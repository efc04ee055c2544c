//! What every layer keeps. Each law takes a way to put the layer around an application.

use std::error::Error as StdError;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use gopuram::Body;
use gopuram::middleware::attributes::{Attributes, Connection, Scheme};
use gopuram::middleware::lint::Lint;
use gopuram::testing::Received;
use gopuram::testing::app::Dropped;
use gopuram::testing::body::{Script, channel};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body::{Body as _, SizeHint};
use http_body_util::BodyExt as _;
use hyper::upgrade::OnUpgrade;
use tower::{Service, ServiceExt as _};
use tower_layer::Layer as _;

use crate::probe::{Failed, Inner, Probe};

/// A layer around a probe: what every layer of the catalogue is.
pub(crate) trait Outer:
    Service<
        Request<Body>,
        Response = Response<Self::C>,
        Error = Failed,
        Future: Future<Output = Result<Response<Self::C>, Failed>> + Send + 'static,
    > + Clone
    + Send
    + Sync
    + 'static
{
    type C: http_body::Body<Data = Bytes, Error: Into<Box<dyn StdError + Send + Sync>>>
        + Send
        + 'static;
}

impl<S, C> Outer for S
where
    S: Service<Request<Body>, Response = Response<C>, Error = Failed>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
    C: http_body::Body<Data = Bytes> + Send + 'static,
    C::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type C = C;
}

/// A request that asks for nothing special, as a gateway gives it.
fn get(target: &str) -> Request<Body> {
    let mut req = Request::new(Body::empty());
    *req.uri_mut() = target.parse().unwrap();
    req.headers_mut()
        .insert("host", HeaderValue::from_static("localhost"));
    let peer = "127.0.0.1:50000".parse().unwrap();
    let connection = Connection::new(None, Some(peer), Scheme::Http);
    req.extensions_mut()
        .insert(Attributes::new(Arc::new(connection)));
    req
}

/// A script that says how long it is.
fn exact(text: &'static str) -> Script {
    Script::new().data(text)
}

fn trailers() -> HeaderMap {
    HeaderMap::from_iter([(http::header::ETAG, HeaderValue::from_static("\"a\""))])
}

/// What is answered, read to the end, with both sides linted.
async fn ask<S: Outer>(app: S, req: Request<Body>) -> Received {
    let app = Lint::fail().named("outside").layer(Plain(app));
    Received::of(app.oneshot(req).await.unwrap()).await
}

/// Takes the request body of the lint for what it is.
#[derive(Clone)]
struct Plain<S>(S);

impl<S: Outer, B> Service<Request<B>> for Plain<S>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type Response = Response<S::C>;
    type Error = Failed;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failed>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, req: Request<B>) -> S::Future {
        self.0.call(req.map(Body::new))
    }
}

fn noop() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

pub(crate) async fn an_error_of_the_application_passes<S: Outer>(wrap: impl Fn(Inner) -> S) {
    for pending in [0, 2] {
        let fails = Probe::says(|_| Err(Failed(7))).pending(pending);
        let result = wrap(fails.linted()).oneshot(get("/nowhere")).await;
        assert_eq!(result.err(), Some(Failed(7)));
    }
}

pub(crate) async fn readiness_is_the_application_s<S: Outer>(wrap: impl Fn(Inner) -> S) {
    let probe = |readiness| Probe::says(|_| Err(Failed(0))).readiness(readiness);
    for readiness in [
        Poll::Pending,
        Poll::Ready(Err(Failed(3))),
        Poll::Ready(Ok(())),
    ] {
        let mut app = wrap(probe(readiness).linted());
        assert_eq!(app.poll_ready(&mut noop()), readiness);
    }
}

pub(crate) async fn clones_are_ready_each_for_itself<S: Outer>(wrap: impl Fn(Inner) -> S) {
    // The probe panics if a clone is called that was not asked.
    let mut first = wrap(Probe::answers(|_| Response::new(exact("a"))).linted());
    for _ in 0..2 {
        assert_eq!(first.poll_ready(&mut noop()), Poll::Ready(Ok(())));
        let mut second = first.clone();
        assert_eq!(second.poll_ready(&mut noop()), Poll::Ready(Ok(())));
        let (one, two) = (first.call(get("/nowhere")), second.call(get("/nowhere")));
        Received::of(two.await.unwrap()).await.assert_body("a");
        Received::of(one.await.unwrap()).await.assert_body("a");
    }
}

pub(crate) async fn a_request_passes_with_its_body<S: Outer>(wrap: impl Fn(Inner) -> S) {
    let seen = Arc::new(Mutex::new(None));
    let keep = Arc::clone(&seen);
    let app = wrap(
        Probe::answers(move |req| {
            *keep.lock().unwrap() = Some(req);
            Response::new(Script::new())
        })
        .linted(),
    );
    let (sender, body) = channel();
    let mut req = get("/a/b?c=%20d").map(|_| Body::new(body));
    *req.method_mut() = Method::POST;
    for value in ["1", "2"] {
        req.headers_mut()
            .append("x-kept", HeaderValue::from_static(value));
    }
    req.extensions_mut().insert(Marker("in"));
    req.extensions_mut()
        .insert(hyper::upgrade::on(Request::new(())));
    drop(app.oneshot(req).await.unwrap());

    let req = seen.lock().unwrap().take().unwrap();
    assert_eq!(req.method(), Method::POST);
    assert_eq!(req.uri(), "/a/b?c=%20d");
    let kept: Vec<_> = req.headers().get_all("x-kept").iter().collect();
    assert_eq!(kept, ["1", "2"]);
    assert_eq!(req.extensions().get(), Some(&Marker("in")));
    assert!(req.extensions().get::<OnUpgrade>().is_some());
    let mut body = pin!(req.into_body());
    assert!(body.as_mut().poll_frame(&mut noop()).is_pending());
    sender.data("a");
    let frame = frame_of(body.as_mut());
    assert_eq!(frame.unwrap().into_data().unwrap(), "a");
    sender.trailers(trailers());
    drop(sender);
    let rest = body.collect().await.unwrap();
    assert_eq!(rest.trailers(), Some(&trailers()));
}

pub(crate) async fn an_answer_that_is_not_understood_passes<S: Outer>(wrap: impl Fn(Inner) -> S) {
    let app = wrap(
        Probe::answers(|_| {
            let mut res = Response::new(exact("no idea").trailers(trailers()));
            *res.status_mut() = StatusCode::from_u16(299).unwrap();
            let fields = res.headers_mut();
            fields.insert(
                "content-type",
                HeaderValue::from_static("application/x-odd"),
            );
            fields.insert("x-odd", HeaderValue::from_bytes(b"\xff\xfe").unwrap());
            fields.append("x-two", HeaderValue::from_static("1"));
            fields.append("x-two", HeaderValue::from_static("2"));
            res.extensions_mut().insert(Marker("out"));
            res.extensions_mut()
                .insert(hyper::upgrade::on(Request::new(())));
            res
        })
        .linted(),
    );
    let mut req = get("/nowhere");
    *req.method_mut() = Method::from_bytes(b"BREW").unwrap();
    let res = ask(app, req).await;
    res.assert_status(299)
        .assert_body("no idea")
        .assert_trailer("etag", "\"a\"")
        .assert_header("content-type", "application/x-odd")
        .assert_header("x-two", "1, 2")
        .assert_no_header("content-length");
    assert_eq!(res.headers()["x-odd"].as_bytes(), b"\xff\xfe");
    assert_eq!(res.extension(), Some(&Marker("out")));
    assert!(res.extension::<OnUpgrade>().is_some());
}

pub(crate) async fn answers_without_content_are_left_alone<S: Outer>(wrap: impl Fn(Inner) -> S) {
    for (method, status, length) in [
        (Method::HEAD, 200, Some("100")),
        (Method::HEAD, 404, None),
        (Method::GET, 204, None),
        (Method::GET, 304, None),
        (Method::GET, 304, Some("100")),
        (Method::HEAD, 304, None),
    ] {
        let held = if status == 304 { "\"a\"" } else { "\"b\"" };
        let asked_for_all = Arc::new(AtomicUsize::new(0));
        let all = Arc::clone(&asked_for_all);
        let app = wrap(
            Probe::answers(move |req| {
                // A layer may ask for all and make the 304 itself.
                if status == 304 && !req.headers().contains_key("if-none-match") {
                    all.fetch_add(1, Ordering::Relaxed);
                    let mut res = Response::new(exact("all"));
                    let tag = HeaderValue::from_static("\"a\"");
                    res.headers_mut().insert("etag", tag);
                    return res;
                }
                let mut res = Response::new(Script::new().claims_end());
                *res.status_mut() = StatusCode::from_u16(status).unwrap();
                let fields = res.headers_mut();
                if status != 204 {
                    fields.insert("content-type", HeaderValue::from_static("text/plain"));
                }
                if let Some(length) = length {
                    fields.insert("content-length", HeaderValue::from_static(length));
                }
                fields.insert("etag", HeaderValue::from_static("\"a\""));
                res
            })
            .linted(),
        );
        let mut req = get("/nowhere");
        *req.method_mut() = method.clone();
        req.headers_mut()
            .insert("if-none-match", HeaderValue::from_static(held));
        let res = ask(app, req).await;
        let said = format!("{method} {status}: {res:?}");
        assert_eq!(res.status(), status, "{said}");
        let length = length.filter(|_| asked_for_all.load(Ordering::Relaxed) == 0);
        assert_eq!(res.header("content-length").as_deref(), length, "{said}");
        assert_eq!(res.header("etag").as_deref(), Some("\"a\""), "{said}");
        res.assert_body("").assert_no_header("content-encoding");
    }
}

pub(crate) async fn lengths_and_ends_are_true<S: Outer>(wrap: impl Fn(Inner) -> S) {
    let bodies: [(fn() -> Script, &str); 6] = [
        (Script::new, ""),
        (
            || {
                Script::new()
                    .claims_end()
                    .claims_length(SizeHint::with_exact(0))
            },
            "",
        ),
        (|| exact("a"), "a"),
        (
            || Script::new().data("").data("ab").pause().data("c"),
            "abc",
        ),
        (|| Script::new().pause().trailers(trailers()), ""),
        (|| Script::new().data("ab").data("c").counts_down(), "abc"),
    ];
    for (body, text) in bodies {
        let app = wrap(Probe::answers(move |_| Response::new(body())).linted());
        // The lints panic at a hint or an end that is not true.
        ask(app, get("/nowhere"))
            .await
            .assert_status(200)
            .assert_body(text);
    }
}

pub(crate) async fn a_broken_body_breaks_off<S: Outer>(wrap: impl Fn(Inner) -> S) {
    let broken = || Script::new().data("a").pause().error("cut");
    let app = wrap(Probe::answers(move |_| Response::new(broken())).linted());
    let res = ask(app, get("/nowhere")).await;
    assert_eq!(res.bytes(), "a");
    let mut error = res.error().unwrap() as &(dyn StdError + 'static);
    while let Some(source) = error.source() {
        error = source;
    }
    assert_eq!(error.to_string(), "cut");
}

pub(crate) async fn a_stream_is_not_held_back<S: Outer>(wrap: impl Fn(Inner) -> S) {
    let (sender, body) = channel();
    let body = Arc::new(Mutex::new(Some(body)));
    let take = move |_: Request<Body>| {
        let body = body.lock().unwrap().take().unwrap();
        Response::new(body)
    };
    let res = wrap(Probe::answers(take).linted())
        .oneshot(get("/nowhere"))
        .await
        .unwrap();
    let mut body = pin!(res.into_body());
    assert!(body.as_mut().poll_frame(&mut noop()).is_pending());
    for piece in ["a", "bc", "d"] {
        sender.data(piece);
        let frame = frame_of(body.as_mut()).unwrap_or_else(|| panic!("`{piece}` is missing"));
        assert_eq!(frame.into_data().unwrap(), piece);
        assert!(body.as_mut().poll_frame(&mut noop()).is_pending());
    }
    sender.trailers(trailers());
    drop(sender);
    let frame = frame_of(body.as_mut()).expect("trailers");
    assert_eq!(frame.into_trailers().unwrap(), trailers());
    assert!(frame_of(body.as_mut()).is_none());
}

pub(crate) async fn a_dropped_future_is_dropped_inside<S: Outer>(wrap: impl Fn(Inner) -> S) {
    for polls in 0..4 {
        let (dropped, called) = (Dropped::default(), Arc::new(AtomicUsize::new(0)));
        let calls = Arc::clone(&called);
        let probe = Probe::answers(move |_| {
            calls.fetch_add(1, Ordering::Relaxed);
            Response::new(exact("a"))
        });
        let mut app = wrap(probe.pending(9).counted(&dropped).linted());
        assert_eq!(app.poll_ready(&mut noop()), Poll::Ready(Ok(())));
        let mut future = Box::pin(app.call(get("/nowhere")));
        for _ in 0..polls {
            assert!(future.as_mut().poll(&mut noop()).is_pending());
        }
        drop(future);
        // A layer may ask the application only when it is polled, and after work of its own.
        let called = called.load(Ordering::Relaxed);
        assert_eq!(dropped.count(), called, "after {polls} polls");
    }
}

pub(crate) async fn a_dropped_body_is_dropped_inside<S: Outer>(wrap: impl Fn(Inner) -> S) {
    for polls in 0..4 {
        let dropped = Dropped::default();
        let counted = dropped.clone();
        let probe = Probe::answers(move |_| {
            let body = Script::new().pause().data("a").stop();
            Response::new(body.counted(&counted))
        });
        let res = wrap(probe.linted()).oneshot(get("/nowhere")).await.unwrap();
        let mut body = Box::pin(res.into_body());
        for _ in 0..polls {
            drop(body.as_mut().poll_frame(&mut noop()));
        }
        assert_eq!(dropped.count(), 0, "after {polls} polls");
        drop(body);
        assert_eq!(dropped.count(), 1, "after {polls} polls");
    }
}

/// Passes both ways.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Marker(&'static str);

/// The next frame, which must be there, or the end.
fn frame_of<C>(body: Pin<&mut C>) -> Option<http_body::Frame<Bytes>>
where
    C: http_body::Body<Data = Bytes, Error: Into<Box<dyn StdError + Send + Sync>>>,
{
    match body.poll_frame(&mut noop()) {
        Poll::Ready(frame) => frame.map(|frame| frame.map_err(Into::into).unwrap()),
        Poll::Pending => panic!("held back"),
    }
}
