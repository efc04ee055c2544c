//! What layers inside did to a request, in its line.

use std::convert::Infallible;
use std::time::Duration;

use gopuram::Stack;
use gopuram::middleware::{Body, CatchPanic, Timeout};
use gopuram::testing::Client;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use tower::service_fn;

use super::outcomes::{ABC, Step, Steps, outcomes};

const SOON: Duration = Duration::from_secs(1);

/// One for each time that a body is polled, of which there are few.
const NEVER: [Step; 9] = [Step::Wait; 9];

/// Answers by the path.
async fn app(req: Request<Body>) -> Result<Response<Body>, Infallible> {
    let steps = |steps: &[Step]| Body::new(Steps(steps.to_vec(), None));
    let body = match req.uri().path() {
        "/late" => std::future::pending().await,
        "/reads" => {
            let mut res = Response::new(Body::empty());
            if req.into_body().collect().await.is_err() {
                *res.status_mut() = StatusCode::BAD_REQUEST;
            }
            return Ok(res);
        }
        "/panics" => panic!("an application that panics, on purpose"),
        "/late-body" => steps(&[ABC, Step::Wait, Step::Wait, Step::Wait]),
        "/panicking-body" => steps(&[ABC, Step::Panic]),
        "/failing-body" => steps(&[ABC, Step::Fail]),
        _ => steps(&[ABC]),
    };
    Ok(Response::new(body))
}

/// The line for a request of `path`, whose body does not end if it is sent one.
async fn line_of(path: &str, with_body: bool) -> String {
    let kept = outcomes();
    let timeout = Timeout::head(2 * SOON)
        .request_idle(SOON)
        .response_idle(SOON);
    let stack = Stack::new()
        .with(kept.layer.clone())
        .with(CatchPanic::default())
        .with(timeout);
    let client = Client::in_process(stack.app(service_fn(app)));
    let req = client.post(path);
    let req = if with_body {
        req.stream(Steps(NEVER.to_vec(), None))
    } else {
        req
    };
    req.await;
    kept.lines()
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_a_deadline_is_a_timeout() {
    assert_eq!(line_of("/late", false).await, "503 0 timeout +\n");
    assert_eq!(line_of("/reads", true).await, "408 0 timeout -\n");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_a_deadline_cuts_is_a_timeout_and_broke_off() {
    assert_eq!(line_of("/late-body", false).await, "200 3 timeout X\n");
}

#[tokio::test]
async fn a_panic_that_was_caught_is_a_panic() {
    assert_eq!(line_of("/panics", false).await, "500 0 panic +\n");
    assert_eq!(line_of("/panicking-body", false).await, "200 3 panic X\n");
}

#[tokio::test]
async fn other_ends_are_what_they_were() {
    assert_eq!(line_of("/", false).await, "200 3 complete +\n");
    assert_eq!(line_of("/reads", false).await, "200 0 complete +\n");
    assert_eq!(line_of("/failing-body", false).await, "200 3 error X\n");
}
