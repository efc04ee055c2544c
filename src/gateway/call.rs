//! From a request that hyper has parsed to the application, and back.

use std::convert::Infallible;
use std::error::Error as StdError;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use http::header::CONNECTION;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body::Body as _;
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower_service::Service;
use tracing::error;

use super::answer::{self, Asked, Content};
use super::front;
use super::outgoing::Outgoing;
use super::paced::{Paced, Stalled};
use super::pulse::{Pulse, Receiving};
use super::settings::Settings;
use crate::Application;
use crate::middleware::Body;
use crate::middleware::attributes::{Attributes, Connection};

/// What all requests over a connection have in common.
pub(super) struct Shared<S> {
    /// One clone of the application for the connection, not one for each request; none
    /// once it failed to become ready, after which it may not be asked again.
    pub(super) app: Mutex<Option<S>>,
    pub(super) pulse: Arc<Pulse>,
    pub(super) connection: Arc<Connection>,
    pub(super) settings: Arc<Settings>,
    /// When the connection is too old for another request, if ever.
    pub(super) old: Option<Instant>,
}

impl<S> Shared<S> {
    /// Takes a request for the last one when there have been enough, or for long enough.
    #[inline]
    fn count(&self, number: usize) {
        if number >= self.settings.requests || self.old.is_some_and(|old| Instant::now() >= old) {
            self.pulse.close();
        }
    }
}

/// The service that hyper calls.
pub(super) struct Call<S>(pub(super) Arc<Shared<S>>);

impl<S: Application> hyper::service::Service<Request<Incoming>> for Call<S> {
    type Response = Response<Outgoing<S::ResponseBody, S>>;
    // A failed application is answered for; hyper has no part in it.
    type Error = Infallible;
    type Future = Calling<S>;

    #[inline]
    fn call(&self, mut req: Request<Incoming>) -> Calling<S> {
        let flight = InFlight::new(Arc::clone(&self.0));
        self.0.count(flight.number);
        let asked = Asked::of(&req);
        let counters = &self.0.settings.counters;
        counters.requests.one();
        if asked.http2 {
            counters.streams.one();
        }
        let verdict = if self.0.pulse.is_refused(flight.number) {
            Err(StatusCode::BAD_REQUEST)
        } else {
            front::check(&mut req)
        };
        let state = match verdict {
            Ok(()) => {
                let attributes = Attributes::new(Arc::clone(&self.0.connection));
                req.extensions_mut().insert(attributes);
                start(
                    &self.0,
                    req.map(|body| {
                        if body.is_end_stream() {
                            Body::empty()
                        } else {
                            let receiving = Receiving::new(Arc::clone(&self.0.pulse));
                            Body::new(Paced::new(body, receiving, &self.0.settings))
                        }
                    }),
                )
            }
            Err(status) => {
                self.0.settings.counters.refuse(status);
                State::Refused { status }
            }
        };
        Calling {
            state,
            flight: Some(flight),
            asked,
        }
    }
}

/// A request that is being answered; its end is noted in the pulse.
pub(super) struct InFlight<S> {
    shared: Arc<Shared<S>>,
    number: usize,
    /// Whether the body gave a frame and was not asked for more yet.
    gave: bool,
}

impl<S> InFlight<S> {
    #[inline]
    fn new(shared: Arc<Shared<S>>) -> Self {
        let number = shared.pulse.call();
        Self {
            shared,
            number,
            gave: false,
        }
    }

    /// The body of the response is asked for a frame.
    #[inline]
    pub(super) fn ask(&mut self) {
        if std::mem::take(&mut self.gave) {
            self.shared.pulse.ask();
        }
    }

    /// The body of the response gave a frame; whether that is to be seen here.
    ///
    /// HTTP/1 does without: there the transport knows.
    #[inline]
    pub(super) fn give(&mut self) -> bool {
        let http2 = self.shared.pulse.is_http2();
        if http2 {
            self.shared.pulse.give(!self.gave);
            self.gave = true;
        }
        http2
    }
}

impl<S> Drop for InFlight<S> {
    #[inline]
    fn drop(&mut self) {
        self.ask();
        self.shared.pulse.end();
    }
}

pin_project! {
    /// The answer of the application, or the gateway's own.
    pub(super) struct Calling<S>
    where
        S: Service<Request<Body>>,
    {
        #[pin]
        state: State<S, S::Future>,
        flight: Option<InFlight<S>>,
        asked: Asked,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, F> {
        Answering { #[pin] future: F },
        // An application that was not ready and now makes itself ready for this request. In a
        // box, so that the answers of those that are ready need not be as large.
        Waiting { waiting: Box<(S, Option<Request<Body>>)> },
        Refused { status: StatusCode },
        Failed { error: Option<Box<dyn StdError + Send + Sync>> },
    }
}

impl<S: Application> Future for Calling<S> {
    type Output = Result<Response<Outgoing<S::ResponseBody, S>>, Infallible>;

    #[inline]
    #[expect(
        clippy::expect_used,
        reason = "a future is not polled after it is ready"
    )]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut me = self.project();
        let answer = loop {
            let future = match me.state.as_mut().project() {
                StateProj::Answering { future } => {
                    break ready!(future.poll(cx)).map_err(Into::into);
                }
                StateProj::Waiting { waiting } => {
                    let (app, req) = &mut **waiting;
                    match ready!(app.poll_ready(cx)) {
                        Ok(()) => app.call(req.take().expect("polled after ready")),
                        Err(error) => break Err(error.into()),
                    }
                }
                StateProj::Failed { error } => {
                    let error = error.take().expect("polled after ready");
                    error!(
                        error = &*error as &(dyn StdError + 'static),
                        "the application is not to become ready; answered 500"
                    );
                    let flight = me.flight.take().expect("polled after ready");
                    let status = StatusCode::INTERNAL_SERVER_ERROR;
                    return Poll::Ready(Ok(own(status, *me.asked, flight)));
                }
                StateProj::Refused { status } => {
                    let flight = me.flight.take().expect("polled after ready");
                    return Poll::Ready(Ok(own(*status, *me.asked, flight)));
                }
            };
            me.state.set(State::Answering { future });
        };
        let flight = me.flight.take().expect("polled after ready");
        Poll::Ready(Ok(match answer {
            Ok(mut res) => match answer::check(*me.asked, &mut res) {
                Ok(content) => {
                    settle(&flight.shared.pulse, *me.asked, content, &mut res);
                    res.map(|body| Outgoing::new(body, content, flight))
                }
                Err(problem) => unsendable(problem, flight),
            },
            Err(error) => failed(&*error, *me.asked, flight),
        }))
    }
}

/// Calls the connection's application if it is ready, else takes it for this request.
///
/// Here and not when the answer is first polled, since an application that is done with the
/// request at once lets hyper have its buffer back: two allocations less.
///
/// Who finds it not ready stands in its queues and is woken by them. So that one is taken
/// along, and its clone left for the next request; the real waker is given when the
/// answer is polled.
#[inline]
fn start<S: Application>(shared: &Shared<S>, req: Request<Body>) -> State<S, S::Future> {
    // After a panic in another stream the application is asked as before.
    let mut slot = shared.app.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(app) = &mut *slot else {
        return State::Failed {
            error: Some("it failed before".into()),
        };
    };
    match app.poll_ready(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(())) => State::Answering {
            future: app.call(req),
        },
        Poll::Ready(Err(error)) => {
            // A service that fails to become ready is done for; another connection has another.
            shared.pulse.close();
            *slot = None;
            State::Failed {
                error: Some(error.into()),
            }
        }
        Poll::Pending => {
            let fresh = app.clone();
            State::Waiting {
                waiting: Box::new((std::mem::replace(app, fresh), Some(req))),
            }
        }
    }
}

/// What the answer means for its connection, and the connection for the answer.
#[inline]
fn settle<C>(pulse: &Pulse, asked: Asked, content: Content, res: &mut Response<C>) {
    if content == Content::Upgrade {
        if asked.http2 {
            pulse.tunnel();
        }
    } else if !asked.http2 && pulse.is_closing() {
        // RFC 9112, section 9.6. hyper says so by itself unless the answer was faster.
        res.headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
}

/// The answer for an application that failed.
#[cold]
fn failed<C, S>(
    error: &(dyn StdError + 'static),
    asked: Asked,
    flight: InFlight<S>,
) -> Response<Outgoing<C, S>> {
    if Stalled::is_cause_of(error) {
        return own(StatusCode::REQUEST_TIMEOUT, asked, flight);
    }
    error!(error, "the application failed; answered 500");
    internal_error(flight)
}

/// The answer for an application whose answer cannot be sent as it is.
#[cold]
fn unsendable<C, S>(problem: &'static str, flight: InFlight<S>) -> Response<Outgoing<C, S>> {
    error!(
        problem,
        "the response of the application cannot be sent; answered 500"
    );
    internal_error(flight)
}

fn internal_error<C, S>(flight: InFlight<S>) -> Response<Outgoing<C, S>> {
    let mut res = Response::new(Outgoing::empty(flight));
    *res.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    res
}

/// An answer of the gateway, after which an HTTP/1 connection is closed: what the client sends next
/// cannot be told from what belongs to the request refused.
#[cold]
fn own<C, S>(status: StatusCode, asked: Asked, flight: InFlight<S>) -> Response<Outgoing<C, S>> {
    let mut res = Response::new(Outgoing::empty(flight));
    *res.status_mut() = status;
    if !asked.http2 {
        res.headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    res
}
