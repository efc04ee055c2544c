//! The three rungs of writing a layer: two halves, closures over heads, an async function.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use gopuram::middleware::access_log::Log;
use gopuram::middleware::from_fn::Next;
use gopuram::middleware::wrap::{OnRequest, OnResponse, Wrapped};
use gopuram::middleware::{
    AccessLog, CatchPanic, Compress, Timeout, from_fn, on_request, on_response,
};
use gopuram::testing::body::Script;
use gopuram::testing::{Client, app};
use gopuram::{Body, Stack};
use http::header::{ALLOW, SERVER};
use http::{HeaderValue, Method, Request, Response, StatusCode, request, response};
use tower::{Service, ServiceExt};
use tower_layer::Layer;

/// Refuses what is not `GET`, and signs the rest.
#[derive(Clone, Copy)]
struct OnlyGet;

struct Sign;

impl<B> OnRequest<B> for OnlyGet {
    type Then = Option<Sign>;
    type Reply = Response<()>;

    fn on_request(&self, req: &mut Request<B>) -> ControlFlow<Response<()>, Option<Sign>> {
        match *req.method() {
            Method::GET => ControlFlow::Continue(Some(Sign)),
            Method::HEAD => ControlFlow::Continue(None),
            _ => {
                let mut reply = Response::new(());
                *reply.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
                let get = HeaderValue::from_static("GET");
                reply.headers_mut().insert(ALLOW, get);
                ControlFlow::Break(reply)
            }
        }
    }
}

impl<C> OnResponse<C> for Sign {
    type Body = C;

    fn on_response(self, mut res: Response<C>) -> Response<C> {
        let ours = HeaderValue::from_static("ours");
        res.headers_mut().insert(SERVER, ours);
        res
    }
}

fn hello(_: Request<Body>) -> Response<Body> {
    Response::new(Body::from("hello"))
}

/// Counts how often it is asked, in this clone of it and all others.
#[derive(Clone, Default)]
struct Count(Arc<AtomicUsize>);

impl Count {
    fn app(&self) -> app::Answer<impl Fn(Request<Body>) -> Response<Body> + Clone + use<>> {
        let count = Arc::clone(&self.0);
        app::answer(move |req| {
            count.fetch_add(1, Ordering::Relaxed);
            hello(req)
        })
    }

    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

#[tokio::test]
async fn two_halves_pass_or_reply() {
    let count = Count::default();
    let client = Client::new(Wrapped::new(count.app(), OnlyGet));
    let res = client.get("/").await;
    res.assert_body("hello").assert_header("server", "ours");
    client.head("/").await.assert_no_header("server");
    assert_eq!(count.get(), 2);
    let res = client.post("/").await;
    res.assert_status(405).assert_header("allow", "GET");
    res.assert_no_header("server").assert_body("");
    assert_eq!(count.get(), 2, "a reply asks nobody");
}

#[tokio::test]
async fn readiness_and_errors_are_inner_s() {
    let mut cx = Context::from_waker(Waker::noop());
    let mut app = Wrapped::new(app::never_ready(), OnlyGet);
    let ready = Service::<Request<Body>>::poll_ready(&mut app, &mut cx);
    assert_eq!(ready, Poll::Pending);
    let mut app = Wrapped::new(app::unready("full"), OnlyGet);
    let ready = Service::<Request<Body>>::poll_ready(&mut app, &mut cx);
    assert_eq!(ready, Poll::Ready(Err("full")));
    let app = Wrapped::new(app::fails("broken"), OnlyGet);
    let error = app.oneshot(Request::new(Body::empty())).await.unwrap_err();
    assert_eq!(error, "broken");
    let app = Wrapped::new(app::fails("broken"), OnlyGet);
    assert!(format!("{:?}", app.inner()).contains("broken"));
}

#[tokio::test]
async fn a_status_is_enough_of_a_reply() {
    let key = on_request(|head: &mut request::Parts| {
        let key = head.headers.get("x-key");
        key.map(drop).ok_or(StatusCode::FORBIDDEN)
    });
    let count = Count::default();
    let client = Client::new(key.layer(count.app()));
    client.get("/").await.assert_status(403).assert_body("");
    assert_eq!(count.get(), 0);
    let res = client.get("/").header("x-key", "1").await;
    res.assert_status(200).assert_body("hello");
}

#[tokio::test]
async fn a_reply_may_have_content_through_every_layer_of_the_catalogue_that_wraps_bodies() {
    let guard = on_request(|head: &mut request::Parts| match head.uri.path() {
        "/open" => ControlFlow::Continue(()),
        _ => ControlFlow::Break(Response::new(Body::from("no key"))),
    });
    let stack = Stack::new()
        .with(AccessLog::common(Log::to(std::io::sink())))
        .with(CatchPanic::default())
        .with(Timeout::head(Duration::from_secs(1)))
        .layer(guard)
        .with(Compress::default())
        .app(app::answer(hello));
    let client = Client::new(stack);
    client
        .get("/shut")
        .await
        .assert_status(200)
        .assert_body("no key");
    client.get("/open").await.assert_body("hello");
}

#[tokio::test]
async fn closures_see_the_heads() {
    let rename = on_request(|head: &mut request::Parts| {
        head.method = Method::PATCH;
    });
    let teapot = on_response(|head: &mut response::Parts| {
        head.status = StatusCode::IM_A_TEAPOT;
    });
    let says =
        app::answer(|req: Request<Body>| Response::new(Body::from(req.method().to_string())));
    let res = Client::new(teapot.layer(rename.layer(says))).get("/").await;
    res.assert_status(418).assert_body("PATCH");
    let flow = on_request(|_: &mut request::Parts| ControlFlow::<StatusCode>::Continue(()));
    Client::new(flow.layer(app::answer(hello)))
        .get("/")
        .await
        .assert_body("hello");
}

#[tokio::test]
async fn an_async_function_may_answer_early() {
    let count = Count::default();
    let early = from_fn(
        async |req: Request<Body>, next: Next| match req.uri().path() {
            "/early" => Err("early"),
            _ => Ok(next.run(req).await),
        },
    );
    let client = Client::new(early.layer(count.app()));
    client.get("/early").await.assert_body("early");
    assert_eq!(count.get(), 0);
    client.get("/").await.assert_body("hello");
    assert_eq!(count.get(), 1);
}

#[tokio::test]
async fn an_error_passes_an_async_function_untouched() {
    let seen = Arc::new(AtomicUsize::new(0));
    let saw = Arc::clone(&seen);
    let looks = from_fn(move |req, next: Next| {
        let saw = Arc::clone(&saw);
        async move {
            let mut res = next.run(req).await;
            saw.store(res.status().as_u16().into(), Ordering::Relaxed);
            res.headers_mut()
                .insert(SERVER, HeaderValue::from_static("ours"));
            res
        }
    });
    let app = looks.layer(app::fails("broken"));
    let error = app.oneshot(Request::new(Body::empty())).await.unwrap_err();
    assert_eq!(error, "broken");
    assert_eq!(seen.load(Ordering::Relaxed), 500);
}

#[tokio::test]
async fn an_async_function_may_settle_an_error() {
    let settles = from_fn(async |req, next: Next| {
        let res = next.run(req).await;
        match res.status() {
            StatusCode::INTERNAL_SERVER_ERROR => {
                let mut res = Response::new(Body::from("sorry"));
                *res.status_mut() = StatusCode::BAD_GATEWAY;
                res
            }
            _ => res,
        }
    });
    let client = Client::in_process(settles.layer(app::fails("broken")));
    let res = client.get("/").await;
    res.assert_status(502).assert_body("sorry");
    assert_eq!(res.failure(), None);
}

#[tokio::test]
async fn an_async_function_reads_a_body_and_hands_it_on() {
    use http_body_util::BodyExt as _;
    let shouts = from_fn(async |req: Request<Body>, next: Next| {
        let (head, body) = req.into_parts();
        let bytes = body
            .collect()
            .await
            .map_err(|_| StatusCode::BAD_REQUEST)?
            .to_bytes();
        let loud = String::from_utf8_lossy(&bytes).to_uppercase();
        let mut req = Request::from_parts(head, Body::from(loud));
        req.headers_mut().remove(http::header::TRANSFER_ENCODING);
        Ok::<_, StatusCode>(next.run(req).await)
    });
    let echo = app::answer(|req: Request<Body>| Response::new(req.into_body()));
    let client = Client::new(shouts.layer(echo));
    let body = Script::new().data("hel").pause().data("lo");
    client.post("/").stream(body).await.assert_body("HELLO");
    let broken = Script::new().data("hel").error("cut");
    let client = Client::in_process(shouts.layer(app::answer(hello)));
    client.post("/").stream(broken).await.assert_status(400);
}

#[tokio::test]
async fn a_function_that_does_not_wait_for_next_is_not_waited_for() {
    let (pending, dropped) = app::pending();
    let gives_up = from_fn(async |req: Request<Body>, next: Next| {
        let mut run = Box::pin(next.run(req));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(run.as_mut().poll(&mut cx).is_pending());
        drop(run);
        StatusCode::SERVICE_UNAVAILABLE
    });
    let res = Client::new(gives_up.layer(pending)).get("/").await;
    res.assert_status(503);
    assert_eq!(dropped.count(), 1);
}

#[test]
fn layers_of_closures_print_what_they_are() {
    fn passes(_: &mut request::Parts) {}
    let text = format!("{:?}", on_request(passes));
    assert!(
        text.starts_with("OnRequest(") && text.contains("passes"),
        "{text}"
    );
}
