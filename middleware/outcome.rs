//! How requests end, for the layers that watch them to their end.

use std::error::Error as StdError;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Buf as _;
use http::{Extensions, Method, Response, StatusCode};
use http_body::{Body, Frame};

use crate::attributes::{Panicked, TimedOut};
use crate::body::{Cause, Error};

/// How a request ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// All of the response was handed to the server.
    Complete,
    /// The server gave up before that, most often because the client was gone.
    ClientGone,
    /// The application failed, or the body of its response did.
    Error,
    /// The application panicked, or the body of its response did.
    Panic,
    /// A deadline made the response, or broke its body off.
    Timeout,
}

impl Outcome {
    /// `complete`, `client_gone`, `error`, `panic` or `timeout`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::ClientGone => "client_gone",
            Self::Error => "error",
            Self::Panic => "panic",
            Self::Timeout => "timeout",
        }
    }

    /// The status that is told where there was no response: 499 as nginx has it, or the 500 of
    /// the server.
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::ClientGone => StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST),
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What a body that broke off with this error makes of its request.
    pub(crate) fn of(error: &Error) -> Self {
        match Cause::of(error) {
            Some(Cause::Elapsed) => Self::Timeout,
            Some(Cause::Panicked) => Self::Panic,
            None => Self::Error,
        }
    }
}

/// How far a request has come.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Progress {
    /// There is no response yet.
    #[default]
    Asked,
    /// The head of the response is there, but not all of the body.
    Answered,
    /// The body is being polled: whoever leaves now does so by a panic.
    Polled,
    /// All of the body was handed over, or the server will not ask for it.
    Whole,
}

/// The course of a request, watched by a layer whose body is around inner's.
#[derive(Debug, Default)]
pub(crate) struct Course {
    /// That of the response, if there is one.
    pub(crate) status: Option<StatusCode>,
    /// How many of the response's body were handed over.
    pub(crate) bytes: u64,
    progress: Progress,
    expected: Option<u64>,
    is_head: bool,
    /// What made the response in place of the application.
    made_by: Option<Outcome>,
}

impl Course {
    /// That of a request with this method.
    pub(crate) fn of(method: &Method) -> Self {
        Self {
            is_head: *method == Method::HEAD,
            ..Self::default()
        }
    }

    /// Notes the head of the response.
    #[inline]
    pub(crate) fn answer<C: Body>(&mut self, res: &Response<C>) {
        // The body may panic; the end is told then too, as long as the rest is in its place.
        self.status = Some(res.status());
        self.expected = res.body().size_hint().exact();
        let ended = self.expected == Some(0) || res.body().is_end_stream();
        self.progress = if ended || self.is_bodiless(res.status()) {
            Progress::Whole
        } else {
            Progress::Answered
        };
        self.made_by = made_by(res.extensions());
    }

    /// Whether no server asks for the body, whatever is in it (RFC 9110, sections 6.4.1 and 15.3.6).
    fn is_bodiless(&self, status: StatusCode) -> bool {
        self.is_head
            || status.is_informational()
            || status == StatusCode::NO_CONTENT
            || status == StatusCode::RESET_CONTENT
            || status == StatusCode::NOT_MODIFIED
    }

    /// Polls the body of the response. After its end, and after its error, all has been seen.
    #[inline]
    pub(crate) fn poll_frame<C>(
        &mut self,
        mut body: Pin<&mut C>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<C::Data>, Error>>>
    where
        C: Body<Error: Into<Box<dyn StdError + Send + Sync>>>,
    {
        let before = std::mem::replace(&mut self.progress, Progress::Polled);
        let next = body.as_mut().poll_frame(cx);
        self.progress = before;
        let next = ready!(next);
        match &next {
            Some(Ok(frame)) => {
                let data = frame.data_ref().map(|data| data.remaining() as u64);
                self.bytes += data.unwrap_or_default();
                // The server need not ask again after the last byte, or after trailers.
                if data.is_none() || self.expected == Some(self.bytes) || body.is_end_stream() {
                    self.progress = Progress::Whole;
                }
            }
            Some(Err(_)) => {}
            None => self.progress = Progress::Whole,
        }
        Poll::Ready(next.map(|next| next.map_err(Error::new)))
    }

    /// How the request has ended, and whether not all of the response was handed over.
    pub(crate) fn end(&self, failed: Option<Outcome>) -> (Outcome, bool) {
        // A response that a layer made may be whole, one that failed is not.
        match (failed, self.progress) {
            (Some(failed), _) => (failed, true),
            (None, Progress::Whole) => (self.made_by.unwrap_or(Outcome::Complete), false),
            (None, Progress::Polled) => (Outcome::Panic, true),
            // The future of the application unwinds through us.
            _ if std::thread::panicking() => (Outcome::Panic, true),
            _ => (Outcome::ClientGone, true),
        }
    }
}

/// What the marks on a response say of its making.
#[inline]
fn made_by(marks: &Extensions) -> Option<Outcome> {
    if marks.is_empty() {
        None
    } else if marks.get::<TimedOut>().is_some() {
        Some(Outcome::Timeout)
    } else {
        marks.get::<Panicked>().map(|_| Outcome::Panic)
    }
}
