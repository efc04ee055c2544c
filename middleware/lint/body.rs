//! A body that is watched while it passes.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use http::{HeaderMap, HeaderName, header};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::exchange::Exchange;
use super::finding::Side;
use super::rule::Rule;

/// How many empty frames may follow one another.
///
/// One is a way to wake a peer; each costs a turn of the writer, and on HTTP/2 a frame.
const EMPTY_RUN: u32 = 32;

/// Fields that are needed before the content: its framing, its route, who may, what to do
/// with the answer, and what the content is (RFC 9110, section 6.5.1).
const NOT_IN_TRAILERS: [HeaderName; 29] = [
    header::AGE,
    header::AUTHORIZATION,
    header::CACHE_CONTROL,
    header::CONNECTION,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_RANGE,
    header::CONTENT_TYPE,
    header::EXPECT,
    header::EXPIRES,
    header::HOST,
    header::IF_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_NONE_MATCH,
    header::IF_RANGE,
    header::IF_UNMODIFIED_SINCE,
    header::LOCATION,
    header::MAX_FORWARDS,
    header::PRAGMA,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::RANGE,
    header::RETRY_AFTER,
    header::SET_COOKIE,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::VARY,
    header::WWW_AUTHENTICATE,
];

pin_project! {
    /// A body that is watched while it passes, unchanged.
    #[derive(Debug, Default)]
    pub struct Inspected<B> {
        #[pin]
        inner: B,
        watch: Option<Watch>,
    }
}

/// The body of a reply from a layer further in.
impl<C: From<crate::Body>> From<crate::Body> for Inspected<C> {
    fn from(body: crate::Body) -> Self {
        Self::unwatched(body.into())
    }
}

impl<B> Inspected<B> {
    pub(super) const fn unwatched(inner: B) -> Self {
        Self { inner, watch: None }
    }

    pub(super) const fn watched(watch: Watch, inner: B) -> Self {
        let watch = Some(watch);
        Self { inner, watch }
    }

    /// The body as it was, watched no more.
    pub fn into_inner(self) -> B {
        self.inner
    }
}

impl<B: Body> Body for Inspected<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let Some(watch) = this.watch else {
            return this.inner.poll_frame(cx);
        };
        let ended = this.inner.is_end_stream();
        watch.before();
        let next = ready!(this.inner.as_mut().poll_frame(cx));
        match &next {
            Some(Ok(frame)) => watch.frame(frame, ended, &this.inner.size_hint()),
            Some(Err(_)) => watch.state = State::Failed,
            None => watch.end(),
        }
        Poll::Ready(next)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// What was seen of a body so far.
#[derive(Debug)]
pub(super) struct Watch {
    exchange: Arc<Exchange>,
    side: Side,
    /// What `Content-Length` says, where the body must keep it.
    promised: Option<u64>,
    /// Why there must be no content.
    without: Option<(Rule, &'static str)>,
    seen: u64,
    /// What the hints so far say of all bytes: at least, at most.
    bounds: (u64, Option<u64>),
    empty: u32,
    state: State,
    /// Rules that were told of are not told of again for each frame.
    told: super::rule::Rules,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Content,
    Trailers,
    Ended,
    Failed,
}

impl Watch {
    pub(super) fn new<B: Body>(
        exchange: &Arc<Exchange>,
        side: Side,
        promised: Option<u64>,
        without: Option<(Rule, &'static str)>,
        body: &B,
    ) -> Self {
        let mut watch = Self {
            exchange: Arc::clone(exchange),
            side,
            promised,
            without,
            seen: 0,
            bounds: (0, None),
            empty: 0,
            state: State::Content,
            told: super::rule::Rules::none(),
        };
        let hint = body.size_hint();
        if let Some((rule, why)) = without {
            if hint.lower() > 0 {
                let lower = hint.lower();
                watch.tell(rule, format!("{why} with at least {lower} bytes"));
            }
        } else if let (Some(promised), Some(exact)) = (promised, hint.exact())
            && promised != exact
        {
            let detail = format!("Content-Length is {promised}, the body has {exact} bytes");
            watch.tell(Rule::B7, detail);
        }
        watch.hint(&hint);
        watch
    }

    fn before(&mut self) {
        if self.state == State::Failed {
            let detail = "the body was polled after its error".to_owned();
            self.tell(Rule::B4, detail);
        }
    }

    fn frame<D: Buf>(&mut self, frame: &Frame<D>, ended: bool, hint: &SizeHint) {
        match self.state {
            State::Trailers => self.tell(Rule::B3, "a frame after the trailers".to_owned()),
            State::Ended | State::Failed => {
                self.tell(Rule::B4, "a frame after the end".to_owned());
            }
            State::Content if ended => {
                let detail = "a frame after `is_end_stream` was true".to_owned();
                self.tell(Rule::B2, detail);
            }
            State::Content => {}
        }
        if let Some(data) = frame.data_ref() {
            self.data(data.remaining() as u64);
        }
        if let Some(trailers) = frame.trailers_ref() {
            self.state = State::Trailers;
            self.trailers(trailers);
        }
        self.hint(hint);
    }

    fn data(&mut self, len: u64) {
        self.seen = self.seen.saturating_add(len);
        self.empty = if len == 0 { self.empty + 1 } else { 0 };
        let seen = self.seen;
        if self.empty > EMPTY_RUN {
            let detail = format!("more than {EMPTY_RUN} empty frames in a row");
            self.tell(Rule::B5, detail);
        }
        if let Some((rule, why)) = self.without {
            if len > 0 {
                self.tell(rule, format!("{why} with content"));
            }
            return;
        }
        if self.promised.is_some_and(|promised| seen > promised) {
            let promised = self.promised.unwrap_or_default();
            let detail = format!("Content-Length is {promised}, {seen} bytes came");
            self.tell(Rule::B7, detail);
        }
        if self.bounds.1.is_some_and(|most| seen > most) {
            let most = self.bounds.1.unwrap_or_default();
            self.tell(
                Rule::B1,
                format!("at most {most} bytes were to come, {seen} came"),
            );
        }
    }

    fn trailers(&mut self, trailers: &HeaderMap) {
        for name in &NOT_IN_TRAILERS {
            if trailers.contains_key(name) {
                self.tell(Rule::B8, format!("`{name}` in the trailers"));
            }
        }
    }

    fn end(&mut self) {
        if matches!(self.state, State::Ended | State::Failed) {
            return;
        }
        self.state = State::Ended;
        let (seen, least) = (self.seen, self.bounds.0);
        if seen < least {
            let detail = format!("at least {least} bytes were to come, {seen} came");
            self.tell(Rule::B1, detail);
        }
        if let (Some(promised), None) = (self.promised, self.without)
            && seen < promised
        {
            let detail = format!("Content-Length is {promised}, {seen} bytes came");
            self.tell(Rule::B7, detail);
        }
    }

    /// Narrows the bounds by what a hint says of the bytes still to come.
    fn hint(&mut self, hint: &SizeHint) {
        let seen = self.seen;
        let least = self.bounds.0.max(seen.saturating_add(hint.lower()));
        let most = hint.upper().map(|upper| seen.saturating_add(upper));
        let most = match (self.bounds.1, most) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        if most.is_some_and(|most| least > most) {
            let most = most.unwrap_or_default();
            let detail = format!("hints say at least {least} bytes and at most {most}");
            self.tell(Rule::B1, detail);
            return;
        }
        self.bounds = (least, most);
    }

    fn tell(&mut self, rule: Rule, detail: String) {
        if !self.told.has(rule) {
            self.told = self.told.with(rule);
            self.exchange.tell(rule, self.side, detail);
        }
    }
}
