//! A request whose application is not ready yet.

use std::error::Error as StdError;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Request;
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep_until};

use super::pulse::after;
use crate::Application;
use crate::middleware::Body;

pin_project! {
    /// An application that makes itself ready for one request, for as long as there is time.
    pub(super) struct Waiting<S> {
        app: S,
        req: Option<Request<Body>>,
        deadline: Duration,
        #[pin]
        timer: Sleep,
    }
}

/// Why an application was not called.
pub(super) enum Unready {
    Failed(Box<dyn StdError + Send + Sync>),
    /// It was not ready in this time.
    Late(Duration),
}

impl<S: Application> Waiting<S> {
    pub(super) fn new(app: S, req: Request<Body>, deadline: Duration) -> Self {
        Self {
            app,
            req: Some(req),
            deadline,
            timer: sleep_until(after(deadline)),
        }
    }
}

impl<S: Application> Future for Waiting<S> {
    /// The future of the application, which was called.
    type Output = Result<S::Future, Unready>;

    #[expect(
        clippy::expect_used,
        reason = "a future is not polled after it is ready"
    )]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let me = self.project();
        match me.app.poll_ready(cx) {
            Poll::Ready(Ok(())) => {
                let req = me.req.take().expect("polled after ready");
                Poll::Ready(Ok(me.app.call(req)))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(Unready::Failed(error.into()))),
            Poll::Pending => me.timer.poll(cx).map(|()| Err(Unready::Late(*me.deadline))),
        }
    }
}
