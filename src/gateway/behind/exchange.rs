//! One request and its answer.

use std::any::Any;
use std::error::Error as StdError;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Request, Response, StatusCode, response};
use http_body::Body as _;
use pin_project_lite::pin_project;
use tracing::{error, warn};

use super::super::answer::{self, Asked, Content};
use super::super::exact::Exact;
use super::super::logged::Logged;
use super::super::pace::Stalled;
use super::super::settings::Settings;
use super::super::slot::{Slot, Started};
use super::super::waiting::{Unready, Waiting};
use super::inbox::Inbox;
use super::signal::Signal;
use crate::Application;
use crate::middleware::Body;

pin_project! {
    /// One request and its answer, polled for what to send.
    pub(super) struct Exchange<S>
    where
        S: Application,
    {
        id: u16,
        asked: Asked,
        inbox: Option<Arc<Inbox>>,
        signal: Arc<Signal>,
        waker: Waker,
        // Whether something of the answer was given.
        begun: bool,
        // What the body gave and was more than a piece.
        rest: Bytes,
        #[pin]
        state: State<S, S::Future, S::ResponseBody>,
    }

    impl<S: Application> PinnedDrop for Exchange<S> {
        fn drop(this: Pin<&mut Self>) {
            if let Some(inbox) = &this.inbox {
                inbox.cut();
            }
        }
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, F, C> {
        Answering { #[pin] future: F },
        Waiting { waiting: Pin<Box<Waiting<S>>> },
        Sending { #[pin] body: Exact<C> },
        Own { answer: Option<Response<Bytes>> },
        Ended,
        Unready { error: Option<Box<dyn StdError + Send + Sync>> },
        Panicked { panic: Option<Box<dyn Any + Send>> },
    }
}

/// How much of one answer is sent before it is another one's turn.
const PIECE: usize = 32 * 1024;

/// What is to be sent.
#[derive(Debug)]
pub(super) enum Step {
    Head(response::Parts),
    Data(Bytes),
    End,
    /// The answer must not look complete.
    Broken,
}

impl<S: Application> Exchange<S> {
    /// Gives a request to the application.
    pub(super) fn new(
        id: u16,
        req: Request<Body>,
        inbox: Option<Arc<Inbox>>,
        signal: Arc<Signal>,
        app: &Slot<S>,
        settings: &Settings,
    ) -> Self {
        let asked = Asked::without_upgrade(&req);
        let state = match app.start(req, settings.deadlines.ready) {
            Started::Called(future) => State::Answering { future },
            Started::Failed(error) => State::Unready { error: Some(error) },
            Started::Panicked(panic) => State::Panicked { panic: Some(panic) },
            Started::Unready(waiting) => State::Waiting { waiting },
        };
        Self {
            id,
            asked,
            inbox,
            waker: Arc::clone(&signal).into(),
            signal,
            begun: false,
            rest: Bytes::new(),
            state,
        }
    }

    /// Answers for the application, which does not see the request.
    pub(super) fn refused(id: u16, answer: Response<Bytes>, signal: Arc<Signal>) -> Self {
        Self {
            id,
            asked: Asked::without_upgrade(&Request::new(())),
            inbox: None,
            waker: Arc::clone(&signal).into(),
            signal,
            begun: false,
            rest: Bytes::new(),
            state: State::Own {
                answer: Some(answer),
            },
        }
    }

    pub(super) const fn id(&self) -> u16 {
        self.id
    }

    pub(super) const fn inbox(&self) -> Option<&Arc<Inbox>> {
        self.inbox.as_ref()
    }

    pub(super) const fn signal(&self) -> &Arc<Signal> {
        &self.signal
    }

    /// Whether something of the answer was given.
    pub(super) const fn has_begun(&self) -> bool {
        self.begun
    }

    /// What is to be sent next. A panic breaks the answer off, and `failed` is set where the application is not to be
    /// asked again.
    pub(super) fn poll_step(self: Pin<&mut Self>, failed: &mut bool) -> Poll<Step> {
        let waker = self.waker.clone();
        let mut cx = Context::from_waker(&waker);
        // What a panic leaves half done is dropped and not looked at.
        let step = catch_unwind(AssertUnwindSafe(|| self.step(&mut cx, failed)));
        step.unwrap_or(Poll::Ready(Step::Broken))
    }

    fn step(self: Pin<&mut Self>, cx: &mut Context<'_>, failed: &mut bool) -> Poll<Step> {
        let mut me = self.project();
        loop {
            if !me.rest.is_empty() {
                let piece = me.rest.split_to(me.rest.len().min(PIECE));
                return Poll::Ready(Step::Data(piece));
            }
            let next = match me.state.as_mut().project() {
                StateProj::Answering { future } => match ready!(future.poll(cx)) {
                    Ok(res) => {
                        let (head, next) = begin(*me.asked, res);
                        me.state.set(next);
                        *me.begun = true;
                        return Poll::Ready(Step::Head(head));
                    }
                    Err(error) => own(answer_to(&*error.into())),
                },
                StateProj::Waiting { waiting } => match ready!(waiting.as_mut().poll(cx)) {
                    Ok(future) => State::Answering { future },
                    Err(Unready::Late(deadline)) => {
                        warn!(
                            ?deadline,
                            "the application was not ready in time; answered 503"
                        );
                        own(StatusCode::SERVICE_UNAVAILABLE)
                    }
                    Err(Unready::Failed(error)) => State::Unready { error: Some(error) },
                },
                StateProj::Unready { error } => {
                    if let Some(error) = error.take() {
                        let error = &*error as &(dyn StdError + 'static);
                        error!(
                            error,
                            "the application is not to become ready; answered 500"
                        );
                    }
                    *failed = true;
                    own(StatusCode::INTERNAL_SERVER_ERROR)
                }
                StateProj::Panicked { .. } => return Poll::Ready(Step::Broken),
                StateProj::Own { answer } => {
                    let Some(answer) = answer.take() else {
                        return Poll::Ready(Step::End);
                    };
                    let (head, rest) = answer.into_parts();
                    *me.rest = rest;
                    me.state.set(State::Ended);
                    *me.begun = true;
                    return Poll::Ready(Step::Head(head));
                }
                StateProj::Ended => return Poll::Ready(Step::End),
                StateProj::Sending { body } => match ready!(body.poll_frame(cx)) {
                    None => return Poll::Ready(Step::End),
                    Some(Ok(frame)) => match frame.into_data() {
                        Ok(data) => {
                            *me.rest = data;
                            continue;
                        }
                        // Trailers have no place in CGI, and are last.
                        Err(_) => return Poll::Ready(Step::End),
                    },
                    Some(Err(error)) => {
                        let error: &(dyn StdError + 'static) = &*error;
                        if !Logged::is_in(error) {
                            error!(error, "the body of a response broke off");
                        }
                        return Poll::Ready(Step::Broken);
                    }
                },
            };
            me.state.set(next);
        }
    }
}

/// The head of the application's answer, if it can be sent, and what comes behind.
fn begin<S, F, C>(asked: Asked, mut res: Response<C>) -> (response::Parts, State<S, F, C>)
where
    C: http_body::Body<Data = Bytes, Error: Into<Box<dyn StdError + Send + Sync>>>,
{
    let content = match answer::check(asked, &mut res) {
        Ok(content) => content,
        Err(problem) => {
            error!(
                problem,
                "the response of the application cannot be sent; answered 500"
            );
            let (head, ()) = empty(StatusCode::INTERNAL_SERVER_ERROR).into_parts();
            return (head, State::Ended);
        }
    };
    let (mut head, body) = res.into_parts();
    let length = match content {
        Content::Exactly(length) | Content::Chunks(Some(length)) => Some(length),
        Content::All | Content::Chunks(None) => {
            // By it a front server tells an answer that broke off.
            if let Some(exact) = body.size_hint().exact() {
                head.headers
                    .entry(CONTENT_LENGTH)
                    .or_insert_with(|| exact.into());
            }
            None
        }
        Content::Nothing | Content::Upgrade => return (head, State::Ended),
    };
    let body = Exact::new(body, length);
    (head, State::Sending { body })
}

/// How an error of the application is answered.
fn answer_to(error: &(dyn StdError + 'static)) -> StatusCode {
    if Stalled::is_cause_of(error) {
        return StatusCode::REQUEST_TIMEOUT;
    }
    error!(error, "the application failed; answered 500");
    StatusCode::INTERNAL_SERVER_ERROR
}

fn own<S, F, C>(status: StatusCode) -> State<S, F, C> {
    State::Own {
        answer: Some(empty(status).map(|()| Bytes::new())),
    }
}

/// An answer without content.
fn empty(status: StatusCode) -> Response<()> {
    let mut res = Response::new(());
    *res.status_mut() = status;
    res.headers_mut()
        .insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    res
}

/// An answer of the gateway's own, with a line for the person at the other end.
pub(super) fn refusal(status: StatusCode, says: &'static str) -> Response<Bytes> {
    let mut res = empty(status).map(|()| Bytes::from_static(says.as_bytes()));
    if !says.is_empty() {
        let headers = res.headers_mut();
        headers.insert(CONTENT_LENGTH, says.len().into());
        let plain = HeaderValue::from_static("text/plain; charset=utf-8");
        headers.insert(CONTENT_TYPE, plain);
    }
    res
}
