//! `timeout` on the wire; the clock is paused and moves on when all wait.

use std::convert::Infallible;
use std::error::Error as _;
use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use gopuram::Stack;
use gopuram::middleware::timeout::Error;
use gopuram::middleware::{Body, Timeout};
use gopuram::testing::Client;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body::{Body as _, Frame};
use tokio::time::{Instant, Sleep, sleep};
use tower::service_fn;
use tower_layer::Layer;
use tower_service::Service;

const SECOND: Duration = Duration::from_secs(1);

/// Frames with a wait before each, then trailers.
struct Slow {
    waits: Vec<Duration>,
    sleep: Pin<Box<Sleep>>,
    ended: bool,
}

impl Slow {
    fn after(seconds: &[u64]) -> Body {
        let mut waits: Vec<_> = seconds.iter().copied().map(Duration::from_secs).collect();
        waits.reverse();
        let first = waits.pop().unwrap_or_default();
        Body::new(Self {
            waits,
            sleep: Box::pin(sleep(first)),
            ended: false,
        })
    }
}

impl http_body::Body for Slow {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        ready!(self.sleep.as_mut().poll(cx));
        if let Some(wait) = self.waits.pop() {
            self.sleep.as_mut().reset(Instant::now() + wait);
            return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b".")))));
        }
        self.ended = true;
        let mut trailers = HeaderMap::new();
        trailers.insert("x-done", HeaderValue::from_static("yes"));
        Poll::Ready(Some(Ok(Frame::trailers(trailers))))
    }
}

fn stack(timeout: Timeout) -> Client<impl App> {
    // Trailers that nobody asked for and typed errors do not come over a socket.
    Client::in_process(Stack::new().with(timeout).app(service_fn(respond)))
}

trait App:
    Service<Request<Body>, Response = Response<Self::Answer>, Error = Infallible, Future: Send>
    + Clone
    + Send
    + 'static
{
    type Answer: http_body::Body<Data = Bytes, Error = Error> + Send + 'static;
}

impl<S, C> App for S
where
    S: Service<Request<Body>, Response = Response<C>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + 'static,
    C: http_body::Body<Data = Bytes, Error = Error> + Send + 'static,
{
    type Answer = C;
}

/// What the path says: how to wait and how to answer.
async fn respond(req: Request<Body>) -> Result<Response<Body>, Infallible> {
    let (head, body) = req.into_parts();
    let mut res = Response::new(Body::from("hi"));
    match head.uri.path() {
        "/slow" => sleep(5 * SECOND).await,
        "/never" => pending().await,
        "/stream" => *res.body_mut() = Slow::after(&[0, 2, 2, 2]),
        "/read" => match read(body).await {
            Ok(n) => *res.body_mut() = Body::from(n.to_string()),
            Err(_) => *res.status_mut() = StatusCode::BAD_REQUEST,
        },
        "/cope" => {
            let n = read(body).await.unwrap_or(99);
            *res.body_mut() = Body::from(n.to_string());
        }
        _ => {}
    }
    Ok(res)
}

/// How many bytes `body` has.
async fn read(mut body: Body) -> Result<usize, gopuram::middleware::body::Error> {
    let mut n = 0;
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        n += frame?.data_ref().map_or(0, Bytes::len);
    }
    Ok(n)
}

#[tokio::test(start_paused = true)]
async fn a_head_in_time_passes() {
    let client = stack(Timeout::head(6 * SECOND));
    client
        .get("/slow")
        .await
        .assert_status(200)
        .assert_body("hi");
}

#[tokio::test(start_paused = true)]
async fn a_head_too_late_is_503() {
    let start = Instant::now();
    let res = stack(Timeout::head(4 * SECOND)).get("/slow").await;
    res.assert_status(503)
        .assert_no_header("retry-after")
        .assert_body("");
    assert_eq!(start.elapsed().as_secs(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_head_too_late_is_504_by_choice_and_says_when_to_come_again() {
    let timeout = Timeout::head(4 * SECOND)
        .gateway_timeout()
        .retry_after(90 * SECOND);
    let res = stack(timeout).get("/slow").await;
    res.assert_status(504).assert_header("retry-after", "90");
}

#[tokio::test(start_paused = true)]
async fn a_head_that_is_ready_passes_however_short_the_deadline() {
    let client = stack(Timeout::head(Duration::ZERO));
    client.get("/").await.assert_status(200).assert_body("hi");
}

#[tokio::test(start_paused = true)]
async fn the_longest_deadline_does_not_overflow() {
    let timeout = Timeout::head(Duration::MAX)
        .response_idle(Duration::MAX)
        .response_total(Duration::MAX);
    let res = stack(timeout).get("/stream").await;
    res.assert_status(200).assert_body("...");
}

#[tokio::test(start_paused = true)]
async fn what_inner_holds_is_dropped_before_the_refusal() {
    struct Held(Arc<AtomicBool>);
    impl Drop for Held {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let dropped = Arc::new(AtomicBool::new(false));
    let held = Arc::clone(&dropped);
    let app = service_fn(move |_| {
        let held = Held(Arc::clone(&held));
        async move {
            let _held = held;
            pending::<Result<Response<Body>, Infallible>>().await
        }
    });
    let mut service = Timeout::head(SECOND).layer(app);
    let mut future = std::pin::pin!(service.call(Request::new(Body::empty())));
    let res = future.as_mut().await.unwrap();
    assert_eq!(res.status(), 503);
    assert!(dropped.load(Ordering::Relaxed));
}

#[tokio::test(start_paused = true)]
async fn an_inner_that_uses_up_its_budget_is_ended_too() {
    let app = service_fn(async |_| {
        // Semaphore permits cost budget; as many as there are in a poll are taken.
        let permits = tokio::sync::Semaphore::new(1);
        loop {
            drop(permits.acquire().await);
            if !tokio::task::coop::has_budget_remaining() {
                tokio::time::advance(SECOND / 4).await;
            }
        }
        #[expect(unreachable_code, reason = "says what it would answer with")]
        Ok::<_, Infallible>(Response::new(Body::empty()))
    });
    let client = Client::new(Stack::new().with(Timeout::head(SECOND)).app(app));
    client.get("/").await.assert_status(503);
}

#[test]
fn no_runtime_is_needed_for_what_is_ready() {
    let timeout = Timeout::head(SECOND)
        .response_idle(SECOND)
        .request_idle(SECOND);
    let app = service_fn(async |_| Ok::<_, Infallible>(Response::new(Body::from("hi"))));
    let mut service = timeout.layer(app);
    let mut future = std::pin::pin!(service.call(Request::new(Body::from("in"))));
    let mut cx = Context::from_waker(Waker::noop());
    let Poll::Ready(Ok(res)) = future.as_mut().poll(&mut cx) else {
        panic!("a ready inner is pending");
    };
    let mut body = std::pin::pin!(res.into_body());
    assert_eq!(body.size_hint().exact(), Some(2));
    assert!(body.as_mut().poll_frame(&mut cx).is_ready());
    assert!(body.is_end_stream());
}

#[tokio::test(start_paused = true)]
async fn errors_of_the_application_pass_untouched() {
    let app = service_fn(async |_| Err::<Response<Body>, _>("down"));
    let mut service = Timeout::head(SECOND).layer(app);
    let error = service.call(Request::new(Body::empty())).await.err();
    assert_eq!(error, Some("down"));
}

#[tokio::test(start_paused = true)]
async fn a_response_body_in_time_passes_with_its_trailers() {
    let timeout = Timeout::bodies()
        .response_idle(3 * SECOND)
        .response_total(7 * SECOND);
    let res = stack(timeout).get("/stream").await;
    res.assert_status(200).assert_body("...");
    assert_eq!(res.trailers().unwrap()["x-done"], "yes");
}

#[tokio::test(start_paused = true)]
async fn a_response_body_that_idles_breaks_off() {
    let start = Instant::now();
    let res = stack(Timeout::bodies().response_idle(SECOND))
        .get("/stream")
        .await;
    res.assert_status(200);
    assert_eq!(res.bytes(), ".");
    assert!(is_elapsed(res.error()));
    assert_eq!(start.elapsed().as_secs(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_response_body_that_never_ends_breaks_off() {
    let start = Instant::now();
    let timeout = Timeout::bodies()
        .response_idle(3 * SECOND)
        .response_total(3 * SECOND);
    let res = stack(timeout).get("/stream").await;
    assert_eq!(res.bytes(), "..");
    assert!(is_elapsed(res.error()));
    assert_eq!(start.elapsed().as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_request_body_in_time_is_read() {
    let timeout = Timeout::head(60 * SECOND)
        .request_idle(3 * SECOND)
        .request_total(10 * SECOND);
    let upload = Slow::after(&[1, 2, 2]);
    let res = stack(timeout)
        .request(Method::POST, "/read")
        .body(upload)
        .await;
    res.assert_status(200).assert_body("2");
}

#[tokio::test(start_paused = true)]
async fn a_request_body_that_idles_is_408() {
    let upload = Slow::after(&[1, 5, 1]);
    let res = stack(Timeout::bodies().request_idle(2 * SECOND))
        .request(Method::POST, "/read")
        .body(upload)
        .await;
    res.assert_status(408)
        .assert_header("connection", "close")
        .assert_body("");
}

#[tokio::test(start_paused = true)]
async fn a_request_body_that_takes_too_long_is_408() {
    let start = Instant::now();
    let upload = Slow::after(&[1, 1, 1, 1, 1]);
    let res = stack(Timeout::bodies().request_total(3 * SECOND))
        .request(Method::POST, "/read")
        .body(upload)
        .await;
    res.assert_status(408);
    assert_eq!(start.elapsed().as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_application_that_copes_with_a_late_body_is_believed() {
    let upload = Slow::after(&[5]);
    let res = stack(Timeout::bodies().request_idle(2 * SECOND))
        .request(Method::POST, "/cope")
        .body(upload)
        .await;
    res.assert_status(200).assert_body("99");
}

#[tokio::test(start_paused = true)]
async fn a_shorter_deadline_of_the_head_includes_reading_the_request() {
    let upload = Slow::after(&[5]);
    let timeout = Timeout::head(SECOND).request_idle(2 * SECOND);
    let res = stack(timeout)
        .request(Method::POST, "/read")
        .body(upload)
        .await;
    res.assert_status(503);
}

#[test]
fn a_stack_says_how_long() {
    let stack = Stack::new().with(Timeout::head(30 * SECOND));
    assert!(stack.to_string().contains("30s"), "{stack}");
    let stack = Stack::new().with(Timeout::bodies().response_idle(SECOND));
    assert!(stack.to_string().contains("bodies"), "{stack}");
}

fn is_elapsed(error: Option<&gopuram::middleware::body::Error>) -> bool {
    let error = error.and_then(|error| error.source()?.downcast_ref());
    matches!(error, Some(Error::Elapsed))
}
