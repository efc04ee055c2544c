//! One application after the other.

use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response, StatusCode, request};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::body::Kept;
use crate::attributes::{Attributes, Told};
use crate::body::Body;
use crate::endpoint::{Endpoint, EndpointFuture};
use crate::future::Oneshot;

pin_project! {
    /// The future of a [`Cascade`](super::Cascade), and of a service with one before it.
    #[project = ResponseFutureProj]
    #[must_use = "futures do nothing unless polled"]
    #[non_exhaustive]
    pub enum ResponseFuture<S, F, E> {
        #[doc(hidden)]
        Trying { asked: Option<EndpointFuture<E>>, tries: Option<Box<Tries<S, E>>> },
        #[doc(hidden)]
        Last { #[pin] future: Oneshot<S, Request<Body>, F> },
    }
}

/// What is needed to ask the others.
#[expect(unnameable_types, reason = "it is how the future is made")]
pub struct Tries<S, E> {
    apps: Arc<[Endpoint<E>]>,
    /// Which of them is next, and how many there are to ask.
    next: usize,
    many: usize,
    passed: Arc<[StatusCode]>,
    last: S,
    head: request::Parts,
    body: Kept,
    /// What was told outwards before anybody was asked.
    told: Option<Told>,
}

impl<S, C, E> ResponseFuture<S, S::Future, E>
where
    S: Service<Request<Body>, Response = Response<C>, Error = E>,
{
    /// Asks the first `many` of `apps`, and then `last`, when that is ready.
    pub(super) fn new(
        apps: &Arc<[Endpoint<E>]>,
        many: usize,
        passed: &Arc<[StatusCode]>,
        last: S,
        req: Request<Body>,
    ) -> Self {
        if many == 0 {
            let future = Oneshot::new(last, req);
            return Self::Last { future };
        }
        let (head, body) = req.into_parts();
        let body = Kept::new(body);
        let mut tries = Box::new(Tries {
            apps: Arc::clone(apps),
            next: 0,
            many,
            passed: Arc::clone(passed),
            last,
            told: head.extensions.get().and_then(Attributes::told),
            head,
            body,
        });
        Self::Trying {
            asked: tries.ask(),
            tries: Some(tries),
        }
    }
}

impl<S, E> Tries<S, E> {
    /// Asks the next but the last.
    fn ask(&mut self) -> Option<EndpointFuture<E>> {
        let app = self.apps.get(..self.many)?.get(self.next)?;
        self.next += 1;
        let req = Request::from_parts(self.head.clone(), self.body.lend());
        Some(app.start(req))
    }

    /// Takes back what the one before has told.
    fn forget(&self) {
        let attributes = self.head.extensions.get::<Attributes>();
        if let (Some(attributes), Some(told)) = (attributes, &self.told) {
            attributes.tell_again(told.clone());
        }
    }
}

impl<S, C, E> Future for ResponseFuture<S, S::Future, E>
where
    S: Service<Request<Body>, Response = Response<C>, Error = E>,
    C: http_body::Body<Data = Bytes> + Send + 'static,
    C::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type Output = Result<Response<Body>, E>;

    #[expect(
        clippy::expect_used,
        reason = "a future is not polled after it is ready"
    )]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let future = match self.as_mut().project() {
                ResponseFutureProj::Last { future } => {
                    return future.poll(cx).map(|res| res.map(|res| res.map(Body::new)));
                }
                ResponseFutureProj::Trying { asked, tries } => {
                    let future = asked.as_mut().expect("polled after ready");
                    let res = ready!(Pin::new(future).poll(cx));
                    // It may hold the body of the request, which goes back when it is dropped.
                    *asked = None;
                    let mut left = tries.take().expect("polled after ready");
                    match res {
                        Ok(res) if left.passed.contains(&res.status()) && left.body.is_here() => {
                            drop(res);
                        }
                        res => return Poll::Ready(res),
                    }
                    left.forget();
                    *asked = left.ask();
                    if asked.is_some() {
                        *tries = Some(left);
                        continue;
                    }
                    let Tries {
                        last, head, body, ..
                    } = *left;
                    Oneshot::new(last, Request::from_parts(head, body.give()))
                }
            };
            self.set(Self::Last { future });
        }
    }
}

impl<S, F, E> fmt::Debug for ResponseFuture<S, F, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Trying { .. } => "Trying",
            Self::Last { .. } => "Last",
        })
    }
}

impl<S, E> fmt::Debug for Tries<S, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tries({} of {})", self.next, self.many)
    }
}
