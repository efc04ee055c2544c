//! From a request that hyper has parsed to the application, and back.

use std::any::Any;
use std::convert::Infallible;
use std::error::Error as StdError;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::header::{CONNECTION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body::Body as _;
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower_service::Service;
use tracing::{error, warn};

use super::answer::{self, Asked, Content};
use super::flight::InFlight;
use super::front;
use super::gate::{self, Gate, Refusal};
use super::outgoing::Outgoing;
use super::pace::Stalled;
use super::paced::Paced;
use super::pulse::{Pulse, Receiving, Tunnel};
use super::settings::Settings;
use super::slot::{Slot, Started};
use super::streams;
use super::waiting::{Unready, Waiting};
use crate::Application;
use crate::middleware::Body;
use crate::middleware::attributes::{Attributes, Connection, Protocol};

/// What all requests over a connection have in common.
pub(super) struct Shared<S> {
    pub(super) app: Slot<S>,
    pub(super) pulse: Arc<Pulse>,
    pub(super) connection: Arc<Connection>,
    pub(super) gate: Option<Arc<dyn Gate>>,
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
    fn call(&self, req: Request<Incoming>) -> Calling<S> {
        let flight = InFlight::new(Arc::clone(&self.0));
        self.0.count(flight.number);
        let asked = Asked::of(&req);
        let counters = &self.0.settings.counters;
        counters.requests.one();
        if asked.http2 {
            counters.streams.one();
        }
        let state = if asked.http2 && streams::are_together() {
            State::Begun { req: Some(req) }
        } else {
            begin(&flight, req)
        };
        Calling {
            state,
            flight: Some(flight),
            asked,
        }
    }
}

pin_project! {
    /// The answer of the application, or the gateway's own.
    pub(super) struct Calling<S>
    where
        S: Service<Request<Body>>,
    {
        #[pin]
        state: State<S, S::Future, S::Response>,
        flight: Option<InFlight<S>>,
        asked: Asked,
    }
}

/// What an application has answered.
type Answer<R> = Result<R, Box<dyn StdError + Send + Sync>>;

pin_project! {
    #[project = StateProj]
    enum State<S, F, R> {
        // Of HTTP/2: what a stream needs is made when it is answered, not while others are still being read. By the same task,
        // so that other threads do not wait for a call of the application, but for those of a turn that took too long.
        Begun { req: Option<Request<Incoming>> },
        Answering { #[pin] future: F },
        // Until the hints before it have gone.
        Answered { answer: Option<Box<Answer<R>>> },
        // In a box, so that the answers of those that are ready need not be as large.
        Waiting { waiting: Pin<Box<Waiting<S>>> },
        Refused { refusal: Refusal },
        Failed { error: Option<Box<dyn StdError + Send + Sync>> },
        // In the task of the answer, which is what a panic ends.
        Panicked { panic: Option<Box<dyn Any + Send>> },
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
                StateProj::Begun { req } => {
                    let req = req.take().expect("polled after ready");
                    let flight = me.flight.as_ref().expect("polled after ready");
                    let state = begin(flight, req);
                    me.state.set(state);
                    continue;
                }
                StateProj::Answering { future } => {
                    break ready!(future.poll(cx)).map_err(Into::into);
                }
                StateProj::Answered { answer } => {
                    break *answer.take().expect("polled after ready");
                }
                StateProj::Waiting { waiting } => match ready!(waiting.as_mut().poll(cx)) {
                    Ok(future) => future,
                    Err(unready) => {
                        let flight = me.flight.take().expect("polled after ready");
                        return Poll::Ready(Ok(not_ready(unready, *me.asked, flight)));
                    }
                },
                StateProj::Failed { error } => {
                    let error = error.take().expect("polled after ready");
                    let flight = me.flight.take().expect("polled after ready");
                    return Poll::Ready(Ok(not_ready(Unready::Failed(error), *me.asked, flight)));
                }
                StateProj::Panicked { panic } => {
                    resume_unwind(panic.take().expect("polled after ready"))
                }
                StateProj::Refused { refusal } => {
                    let flight = me.flight.take().expect("polled after ready");
                    return Poll::Ready(Ok(own(*refusal, *me.asked, flight)));
                }
            };
            me.state.set(State::Answering { future });
        };
        let mut flight = me.flight.take().expect("polled after ready");
        if !me.asked.http2 && !flight.shared.pulse.interim.answer(flight.number) {
            *me.flight = Some(flight);
            let answer = Some(Box::new(answer));
            me.state.set(State::Answered { answer });
            return Poll::Pending;
        }
        Poll::Ready(Ok(match answer {
            Ok(mut res) => match answer::check(*me.asked, &mut res) {
                Ok(content) => {
                    settle(&mut flight, *me.asked, content, &mut res);
                    res.map(|body| Outgoing::new(body, content, flight))
                }
                Err(problem) => unsendable(problem, flight),
            },
            Err(error) => failed(&*error, *me.asked, flight),
        }))
    }
}

/// Checks a request and gives it to the connection's application.
#[inline]
fn begin<S: Application>(
    flight: &InFlight<S>,
    mut req: Request<Incoming>,
) -> State<S, S::Future, S::Response> {
    let shared = &flight.shared;
    if req.version() == Version::HTTP_2 && *req.method() == Method::CONNECT {
        name_protocol(&mut req);
    }
    let verdict = if let Some(status) = shared.pulse.refusal(flight.number) {
        Err(status.into())
    } else {
        front::check(&mut req)
            .map_err(Refusal::from)
            .and_then(|()| gate::check(shared.gate.as_deref(), &req))
    };
    if let Err(refusal) = verdict {
        shared.settings.counters.refuse(refusal.status);
        return State::Refused { refusal };
    }
    // HTTP/1.0 knows no interim answers (RFC 9110, section 15.2).
    let number = (req.version() == Version::HTTP_11)
        .then(|| shared.pulse.interim.open(flight.number))
        .flatten();
    let attributes = Attributes::new(Arc::clone(&shared.connection)).numbered(number);
    req.extensions_mut().insert(attributes);
    let req = req.map(|body| {
        if body.is_end_stream() {
            Body::empty()
        } else {
            let receiving = Receiving::new(Arc::clone(&shared.pulse));
            Body::new(Paced::new(body, receiving, &shared.settings))
        }
    });
    start(shared, req)
}

/// Says what the stream is to become in words that layers know: hyper's are not theirs.
#[cold]
fn name_protocol<B>(req: &mut Request<B>) {
    if let Some(protocol) = req.extensions_mut().remove::<hyper::ext::Protocol>() {
        let protocol = Protocol::new(protocol.as_str());
        req.extensions_mut().insert(protocol);
    }
}

/// Gives the request to the connection's application.
#[inline]
fn start<S: Application>(
    shared: &Shared<S>,
    req: Request<Body>,
) -> State<S, S::Future, S::Response> {
    match shared.app.start(req, shared.settings.deadlines.ready) {
        Started::Called(future) => State::Answering { future },
        Started::Failed(error) => {
            // At once, lest the task of the connection has another request in hand.
            shared.pulse.close();
            State::Failed { error: Some(error) }
        }
        Started::Panicked(panic) => State::Panicked { panic: Some(panic) },
        Started::Unready(waiting) => State::Waiting { waiting },
    }
}

/// What the answer means for its connection, and the connection for the answer.
#[inline]
fn settle<C, S>(flight: &mut InFlight<S>, asked: Asked, content: Content, res: &mut Response<C>) {
    let pulse = &flight.shared.pulse;
    if content == Content::Upgrade {
        if asked.http2 {
            flight.tunnel = Some(streams::announce(Tunnel::new(Arc::clone(pulse))));
        }
    } else if !asked.http2 && pulse.is_closing() {
        // RFC 9112, section 9.6. hyper says so by itself unless the answer was faster.
        res.headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
}

/// The answer for an application that did not become ready.
#[cold]
fn not_ready<C, S: Application>(
    unready: Unready,
    asked: Asked,
    flight: InFlight<S>,
) -> Response<Outgoing<C, S>> {
    match unready {
        Unready::Failed(error) => {
            error!(
                error = &*error as &(dyn StdError + 'static),
                "the application is not to become ready; answered 500"
            );
            // A service that fails to become ready is done for; another connection has another.
            flight.shared.app.give_up();
            flight.shared.pulse.close();
            own(StatusCode::INTERNAL_SERVER_ERROR.into(), asked, flight)
        }
        Unready::Late(deadline) => {
            warn!(
                ?deadline,
                "the application was not ready in time; answered 503"
            );
            empty(StatusCode::SERVICE_UNAVAILABLE, flight)
        }
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
        return own(StatusCode::REQUEST_TIMEOUT.into(), asked, flight);
    }
    error!(error, "the application failed; answered 500");
    empty(StatusCode::INTERNAL_SERVER_ERROR, flight)
}

/// The answer for an application whose answer cannot be sent as it is.
#[cold]
fn unsendable<C, S>(problem: &'static str, flight: InFlight<S>) -> Response<Outgoing<C, S>> {
    error!(
        problem,
        "the response of the application cannot be sent; answered 500"
    );
    empty(StatusCode::INTERNAL_SERVER_ERROR, flight)
}

fn empty<C, S>(status: StatusCode, flight: InFlight<S>) -> Response<Outgoing<C, S>> {
    let mut res = Response::new(Outgoing::empty(flight));
    *res.status_mut() = status;
    res
}

/// An answer of the gateway, after which an HTTP/1 connection is closed: what the client sends next
/// cannot be told from what belongs to the request refused.
#[cold]
fn own<C, S>(refusal: Refusal, asked: Asked, flight: InFlight<S>) -> Response<Outgoing<C, S>> {
    let says = if asked.is_head() { "" } else { refusal.says };
    let mut res = Response::new(Outgoing::text(says, flight));
    *res.status_mut() = refusal.status;
    if !says.is_empty() {
        let plain = HeaderValue::from_static("text/plain; charset=utf-8");
        res.headers_mut().insert(CONTENT_TYPE, plain);
    }
    if !asked.http2 {
        res.headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    res
}
