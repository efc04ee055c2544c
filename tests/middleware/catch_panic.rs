//! `catch_panic` on the wire.

use std::convert::Infallible;
use std::error::Error as _;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Mutex;
use std::task::{Context, Poll};

use bytes::Bytes;
use gopuram::Stack;
use gopuram::middleware::catch_panic::{CatchPanicService, Error, Stage};
use gopuram::middleware::{Body, CatchPanic};
use gopuram::testing::Client;
use http::{HeaderMap, Request, Response};
use http_body::{Body as _, Frame};
use tower::service_fn;
use tower_layer::Layer;
use tower_service::Service;

/// Answers with two frames and trailers, or panics where the path says.
#[derive(Clone)]
struct App {
    unready: bool,
}

impl Service<Request<Body>> for App {
    type Response = Response<Frames>;
    type Error = &'static str;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Frames>, &'static str>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        assert!(!std::mem::take(&mut self.unready), "not ready");
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, req: Request<Body>) -> Self::Future {
        let path = req.uri().path().to_owned();
        assert_ne!(path, "/call", "in call");
        Box::pin(async move {
            assert_ne!(path, "/future", "in the future");
            tokio::task::yield_now().await;
            assert_ne!(path, "/later", "in the future, later");
            if path == "/error" {
                return Err("down");
            }
            Ok(Response::new(Frames {
                next: 0,
                panics: path == "/body",
            }))
        })
    }
}

#[derive(Debug)]
struct Frames {
    next: usize,
    panics: bool,
}

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.next += 1;
        Poll::Ready(match self.next {
            1 => Some(Ok(Frame::data(Bytes::from_static(b"one")))),
            2 if self.panics => panic!("in the body"),
            2 => Some(Ok(Frame::data(Bytes::from_static(b"two")))),
            3 => {
                let mut trailers = HeaderMap::new();
                trailers.insert("x-sum", http::HeaderValue::from_static("6"));
                Some(Ok(Frame::trailers(trailers)))
            }
            4 => None,
            _ => unreachable!("polled after its end"),
        })
    }
}

fn app() -> CatchPanicService<App> {
    CatchPanic::default().layer(App { unready: false })
}

#[tokio::test]
async fn a_panic_before_the_head_is_500() {
    for path in ["/call", "/future", "/later"] {
        let res = Client::new(app()).get(path).await;
        res.assert_status(500).assert_body("");
    }
}

#[tokio::test]
async fn a_panic_of_the_body_breaks_it_off_once() {
    let res = Client::in_process(app()).get("/body").await;
    res.assert_status(200);
    assert_eq!(res.bytes(), "one");
    let error = res.error().unwrap().source().unwrap();
    assert!(matches!(
        error.downcast_ref::<Error>(),
        Some(Error::Panicked)
    ));
}

#[tokio::test]
async fn a_body_that_panicked_has_ended() {
    let mut service = app();
    let mut res = service.call(get("/body")).await.unwrap();
    let mut frames = Vec::new();
    while let Some(frame) = poll_fn(|cx| pin!(res.body_mut()).poll_frame(cx)).await {
        frames.push(frame.is_ok());
    }
    assert_eq!(frames, [true, false]);
    assert!(res.body().is_end_stream());
    assert_eq!(res.body().size_hint().exact(), Some(0));
}

#[tokio::test]
async fn what_does_not_panic_passes_with_its_trailers() {
    let res = Client::in_process(app()).get("/").await;
    res.assert_status(200).assert_body("onetwo");
    assert_eq!(res.trailers().unwrap()["x-sum"], "6");
}

#[tokio::test]
async fn errors_of_the_application_pass_untouched() {
    assert_eq!(app().call(get("/error")).await.unwrap_err(), "down");
}

#[tokio::test]
async fn a_panic_while_getting_ready_refuses_one_request_only() {
    let mut service = CatchPanic::default().layer(App { unready: true });
    for status in [500, 200] {
        poll_fn(|cx| service.poll_ready(cx)).await.unwrap();
        let res = service.call(get("/")).await.unwrap();
        assert_eq!(res.status(), status);
    }
}

#[tokio::test]
async fn each_panic_is_reported_with_its_stage_and_message() {
    static SEEN: Mutex<Vec<(Stage, String)>> = Mutex::new(Vec::new());
    let layer = CatchPanic::default().report(|panic| {
        let seen = (panic.stage(), panic.message().to_owned());
        SEEN.lock().unwrap().push(seen);
    });
    let client = Client::in_process(layer.layer(App { unready: false }));
    for path in ["/call", "/future", "/later", "/body", "/"] {
        client.get(path).await;
    }
    let seen = std::mem::take(&mut *SEEN.lock().unwrap());
    let stages: Vec<_> = seen.iter().map(|(stage, _)| *stage).collect();
    assert_eq!(
        stages,
        [Stage::Call, Stage::Future, Stage::Future, Stage::Body]
    );
    assert!(seen[0].1.contains("in call"), "{seen:?}");
    assert_eq!(seen[3].1, "in the body");
}

#[tokio::test]
async fn a_stack_with_it_goes_on_after_a_panic() {
    let app = service_fn(async |req: Request<Body>| {
        assert_ne!(req.uri().path(), "/bad");
        Ok::<_, Infallible>(Response::new(Body::from("fine")))
    });
    let stack = Stack::new().with(CatchPanic::default());
    assert!(stack.to_string().contains("catch_panic"));
    let client = Client::new(stack.app(app));
    client.get("/bad").await.assert_status(500);
    client.get("/").await.assert_status(200).assert_body("fine");
}

fn get(path: &str) -> Request<Body> {
    let mut req = Request::new(Body::empty());
    *req.uri_mut() = path.parse().unwrap_or_default();
    req
}
