//! One line for every request, whatever happens to it.

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use gopuram::middleware::Body;
use gopuram::middleware::access_log::{Outcome, Pending};
use gopuram::middleware::attributes::TimedOut;
use gopuram::middleware::wrap::Wrapped;
use gopuram::testing::Client;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body::{Body as _, Frame, SizeHint};
use tower::service_fn;
use tower_layer::Layer;
use tower_service::Service;

use super::Kept;

pub(super) fn outcomes() -> Kept {
    Kept::format("%>s %B %{outcome}x %X")
}

/// What a body does next.
#[derive(Clone, Copy)]
pub(super) enum Step {
    Data(&'static str),
    Fail,
    Panic,
    Trailers,
    Wait,
}

/// A body of steps; it tells how many bytes are left or not.
#[derive(Default)]
pub(super) struct Steps(pub(super) Vec<Step>, pub(super) Option<u64>);

impl http_body::Body for Steps {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        if self.0.is_empty() {
            return Poll::Ready(None);
        }
        match self.0.remove(0) {
            Step::Data(text) => {
                self.1 = self.1.map(|left| left - text.len() as u64);
                Poll::Ready(Some(Ok(Frame::data(Bytes::from(text)))))
            }
            Step::Fail => Poll::Ready(Some(Err("broken"))),
            Step::Panic => panic!("a body that panics, on purpose"),
            Step::Trailers => Poll::Ready(Some(Ok(Frame::trailers(HeaderMap::new())))),
            Step::Wait => Poll::Pending,
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.1.map(SizeHint::with_exact).unwrap_or_default()
    }
}

/// The line for a body of which `polls` frames are asked for.
fn line_of(method: Method, status: u16, body: Steps, polls: usize) -> String {
    let kept = outcomes();
    let mut body = Some(body);
    let mut app = kept.layer.layer(service_fn(move |_: Request<Body>| {
        let mut res = Response::new(body.take().unwrap());
        *res.status_mut() = StatusCode::from_u16(status).unwrap();
        std::future::ready(Ok::<_, Infallible>(res))
    }));
    let mut req = Request::new(Body::empty());
    *req.method_mut() = method;
    let mut cx = Context::from_waker(Waker::noop());
    let Poll::Ready(Ok(res)) = pin!(app.call(req)).poll(&mut cx) else {
        panic!("the application answers at once");
    };
    assert_eq!(kept.lines(), "", "before the body has ended");
    let polled = catch_unwind(AssertUnwindSafe(|| {
        let mut body = pin!(res.into_body());
        for _ in 0..polls {
            let _ = body.as_mut().poll_frame(&mut cx).is_ready();
        }
    }));
    drop(polled);
    kept.lines()
}

fn get(steps: &[Step], polls: usize) -> String {
    line_of(Method::GET, 200, Steps(steps.to_vec(), None), polls)
}

pub(super) const ABC: Step = Step::Data("abc");

#[test]
fn a_body_that_ended_is_complete() {
    assert_eq!(get(&[ABC, ABC], 3), "200 6 complete +\n");
    assert_eq!(get(&[ABC, ABC, Step::Trailers], 4), "200 6 complete +\n");
}

#[test]
fn nothing_more_is_asked_for_after_trailers() {
    assert_eq!(get(&[ABC, Step::Trailers], 2), "200 3 complete +\n");
}

#[test]
fn a_body_that_was_not_all_asked_for_is_not_complete() {
    assert_eq!(get(&[ABC, ABC], 0), "200 0 client_gone X\n");
    assert_eq!(get(&[ABC, ABC], 1), "200 3 client_gone X\n");
    assert_eq!(get(&[ABC, Step::Wait, ABC], 2), "200 3 client_gone X\n");
}

#[test]
fn the_last_byte_is_the_end_where_the_length_is_known() {
    let abc = |length| Steps(vec![ABC], Some(length));
    assert_eq!(line_of(Method::GET, 200, abc(3), 1), "200 3 complete +\n");
    assert_eq!(
        line_of(Method::GET, 200, abc(4), 1),
        "200 3 client_gone X\n"
    );
}

#[test]
fn a_body_that_nobody_asks_for_is_complete() {
    let body = || Steps(vec![ABC], None);
    assert_eq!(line_of(Method::HEAD, 200, body(), 0), "200 0 complete +\n");
    assert_eq!(line_of(Method::GET, 304, body(), 0), "304 0 complete +\n");
    assert_eq!(line_of(Method::GET, 204, body(), 0), "204 0 complete +\n");
    let empty = Steps(vec![], Some(0));
    assert_eq!(line_of(Method::GET, 200, empty, 0), "200 0 complete +\n");
}

#[test]
fn a_body_that_fails_or_panics_says_so() {
    assert_eq!(get(&[ABC, Step::Fail], 2), "200 3 error X\n");
    assert_eq!(get(&[ABC, Step::Panic], 2), "200 3 panic X\n");
    // Asked for too often after its end, it is still one line.
    assert_eq!(get(&[ABC, Step::Fail], 4), "200 3 error X\n");
}

#[test]
fn a_future_that_is_dropped_is_a_client_that_is_gone() {
    let kept = outcomes();
    let mut app = kept.layer.layer(service_fn(|_: Request<Body>| {
        std::future::pending::<Result<Response<Body>, Infallible>>()
    }));
    let mut cx = Context::from_waker(Waker::noop());
    drop(app.call(Request::new(Body::empty())));
    let mut polled = Box::pin(app.call(Request::new(Body::empty())));
    assert!(polled.as_mut().poll(&mut cx).is_pending());
    drop(polled);
    assert_eq!(kept.lines(), "499 0 client_gone X\n499 0 client_gone X\n");
}

#[test]
fn an_error_passes_through_and_is_logged() {
    let kept = outcomes();
    let mut app = kept.layer.layer(service_fn(|_: Request<Body>| {
        std::future::ready(Err::<Response<Body>, _>("failed"))
    }));
    let mut cx = Context::from_waker(Waker::noop());
    let polled = pin!(app.call(Request::new(Body::empty()))).poll(&mut cx);
    assert!(matches!(polled, Poll::Ready(Err("failed"))));
    assert_eq!(kept.lines(), "500 0 error X\n");
}

#[test]
fn a_panic_of_the_application_is_logged() {
    let kept = outcomes();
    let mut app = kept
        .layer
        .layer(service_fn(|req: Request<Body>| async move {
            assert!(
                req.uri() == "/fine",
                "an application that panics, on purpose"
            );
            Ok::<_, Infallible>(Response::new(Body::empty()))
        }));
    let call = AssertUnwindSafe(|| {
        let mut cx = Context::from_waker(Waker::noop());
        let _ = pin!(app.call(Request::new(Body::empty())))
            .poll(&mut cx)
            .is_ready();
    });
    assert!(catch_unwind(call).is_err());
    assert_eq!(kept.lines(), "500 0 panic X\n");
    let mut app = kept.layer.layer(service_fn(
        |_: Request<Body>| -> std::future::Ready<Result<Response<Body>, Infallible>> {
            panic!("a call that panics, on purpose")
        },
    ));
    let call = AssertUnwindSafe(|| drop(app.call(Request::new(Body::empty()))));
    assert!(catch_unwind(call).is_err());
    assert_eq!(kept.lines(), "500 0 panic X\n".repeat(2));
}

#[tokio::test]
async fn a_response_of_a_deadline_is_a_timeout() {
    let kept = outcomes();
    let app = service_fn(async |_: Request<Body>| {
        let mut res = Response::new(Body::from("too late"));
        *res.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        res.extensions_mut().insert(TimedOut::default());
        Ok::<_, Infallible>(res)
    });
    Client::new(kept.layer.layer(app)).get("/").await;
    assert_eq!(kept.lines(), "503 8 timeout +\n");
}

#[tokio::test]
async fn trailers_lengths_and_the_rest_of_a_response_pass() {
    let kept = outcomes();
    let app = service_fn(async |_: Request<Body>| {
        let body = Steps(vec![ABC, Step::Trailers], Some(3));
        let res = Response::builder().header("x-inner", "yes").body(body);
        Ok::<_, Infallible>(res.unwrap())
    });
    let mut app = kept.layer.layer(app);
    let res = app.call(Request::new(Body::empty())).await.unwrap();
    assert_eq!(res.body().size_hint().exact(), Some(3));
    // HTTP/1 has no trailers after a body of known length.
    let res = Client::in_process(app).get("/").await;
    res.assert_header("x-inner", "yes").assert_body("abc");
    assert!(res.trailers().is_some());
}

#[test]
fn an_empty_body_of_the_layer_is_not_logged() {
    let body = gopuram::middleware::access_log::LogBody::<Body>::default();
    assert!(body.is_end_stream());
    drop(body);
    drop(Pending::default());
}

#[tokio::test]
async fn rules_skip_by_what_is_known_at_the_end() {
    let kept = Kept::with(|log| {
        let layer = gopuram::middleware::AccessLog::format("%U %s", log).unwrap();
        layer
            .skip(|entry| entry.path() == "/healthz" && entry.status().is_success())
            .skip(|entry| {
                entry.method() == Method::OPTIONS
                    && entry.outcome() == Outcome::Complete
                    && entry.bytes() == 2
                    && entry.elapsed() == Duration::from_millis(7)
            })
    });
    let clock = kept.clock.clone();
    let app = service_fn(move |req: Request<Body>| {
        clock.advance(Duration::from_millis(7));
        let mut res = Response::new(Body::from("ok"));
        if req.uri().query() == Some("fail") {
            *res.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        }
        std::future::ready(Ok::<_, Infallible>(res))
    });
    let client = Client::new(kept.layer.layer(app));
    client.get("/healthz").await;
    client.get("/healthz?fail").await;
    client.request(Method::OPTIONS, "/a").await;
    client.get("/a").await;
    assert_eq!(kept.lines(), "/healthz 503\n/a 200\n");
}

#[tokio::test]
async fn a_rule_that_panics_skips_nothing() {
    let kept = Kept::with(|log| {
        let layer = gopuram::middleware::AccessLog::format("%s", log).unwrap();
        layer.skip(|_| panic!("a rule that panics, on purpose"))
    });
    let app =
        service_fn(async |_: Request<Body>| Ok::<_, Infallible>(Response::new(Body::empty())));
    Client::new(kept.layer.layer(app)).get("/").await;
    assert_eq!(kept.lines(), "200\n");
}

#[test]
fn the_layer_is_cheap_where_it_stands() {
    type Logged = Wrapped<(), gopuram::middleware::AccessLog>;
    assert_eq!(size_of::<Logged>(), size_of::<usize>());
    // One word waits for the response, and for the end of its body.
    assert_eq!(size_of::<Pending>(), size_of::<usize>());
}
