//! A body on its way, read by several at once and kept when it has come.

use std::collections::VecDeque;
use std::error::Error as StdError;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Body as _, Frame, SizeHint};

use super::driven::{Driven, Seat, lock};
use super::entry::{Entry, Head};
use super::exchange::Landing;
use super::flight::Flight;
use crate::body::{Body, Cause, Error};

/// A body on its way, read by several at once and kept when it has come.
///
/// Of one whose length is known all who wait read what has come, each as fast as it likes; it is
/// kept as a whole. One whose length is not known may turn out too long to be kept: it is read by
/// one, and the others wait for its end, or go on by themselves when it has become too
/// long. Then it is a body as any other, of which nothing is kept.
pub(super) struct Streaming {
    pub(super) head: Arc<Head>,
    pub(super) len: Option<u64>,
    most: u64,
    source: Driven<Body>,
    come: Mutex<Come>,
    /// Whether it can be waited for. Asked under the lock of all flights, under which that of
    /// what has come must not be taken: storing it takes both the other way round.
    is_open: AtomicBool,
}

struct Come {
    chunks: VecDeque<Bytes>,
    /// How many chunks are not among them any more.
    gone: usize,
    size: u64,
    trailers: Option<HeaderMap>,
    end: Option<Result<(), Arc<Error>>>,
    /// None if nothing is to be stored, or if it was.
    keeping: Option<Keeping>,
    stored: Option<Entry>,
    /// Whether somebody works for the end who does not read.
    is_seen_to: bool,
}

/// What it takes to store a body when it has come.
pub(super) struct Keeping {
    pub(super) landing: Landing,
    pub(super) room: Room,
}

impl Streaming {
    pub(super) fn new(
        head: Arc<Head>,
        body: Body,
        len: Option<u64>,
        most: u64,
        keeping: Keeping,
    ) -> Arc<Self> {
        Arc::new(Self {
            head,
            len,
            most,
            source: Driven::new(Some(body)),
            is_open: AtomicBool::new(true),
            come: Mutex::new(Come {
                chunks: VecDeque::new(),
                gone: 0,
                size: 0,
                trailers: None,
                end: None,
                keeping: Some(keeping),
                stored: None,
                is_seen_to: false,
            }),
        })
    }

    /// The body for one who waits. `flight` is kept, so that others find it as long as it is read.
    pub(super) fn read(self: &Arc<Self>, flight: Arc<Flight>) -> Body {
        Body::new(Reader {
            seat: self.source.seat(),
            stream: Arc::clone(self),
            flight,
            at: 0,
            read: 0,
            is_over: false,
        })
    }

    /// Whether a request with these fields may wait for it.
    pub(super) fn is_for(&self, fields: &HeaderMap) -> bool {
        self.is_open.load(Ordering::Acquire) && self.head.vary.selects(fields)
    }

    /// Waits for the end, and works for it; none if it is not stored then.
    pub(super) async fn stored(&self) -> Option<Entry> {
        let seat = self.source.seat();
        poll_fn(|cx| {
            loop {
                let come = lock(&self.come);
                if come.stored.is_some() || come.keeping.is_none() {
                    return Poll::Ready(come.stored.clone());
                }
                drop(come);
                ready!(self.drive(&seat, cx));
            }
        })
        .await
    }

    /// Gets the next frame, unless somebody else does.
    fn drive(&self, seat: &Seat, cx: &Context<'_>) -> Poll<()> {
        ready!(self.source.poll(seat, cx, |body, cx| self.fetch(body, cx)));
        if self.source.is_over() {
            let mut come = lock(&self.come);
            if come.end.is_none() {
                self.fail(&mut come, Error::new(Cause::Panicked));
            }
        }
        Poll::Ready(())
    }

    fn fetch(&self, body: &mut Body, cx: &mut Context<'_>) -> Poll<ControlFlow<()>> {
        let frame = ready!(Pin::new(&mut *body).poll_frame(cx));
        if let Some(Ok(frame)) = &frame
            && frame.data_ref().is_some_and(Bytes::is_empty)
        {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let go = self.take(frame);
        if go.is_break() || !self.is_full() {
            return Poll::Ready(go);
        }
        // All bytes are there that were announced: whoever reads them may not ask for more.
        match Pin::new(&mut *body).poll_frame(cx) {
            Poll::Ready(frame) => Poll::Ready(self.take(frame)),
            Poll::Pending => Poll::Ready(ControlFlow::Continue(())),
        }
    }

    /// Sees to the end of a body of which all bytes have come: a server that has sent as many as were
    /// announced asks for no more, and only then is it known that nothing else comes.
    fn see_to_end(self: &Arc<Self>, flight: &Arc<Flight>) {
        let mut come = lock(&self.come);
        if self.len != Some(come.size) || come.end.is_some() || come.is_seen_to {
            return;
        }
        let Some(keeping) = &come.keeping else {
            return;
        };
        let config = Arc::clone(&keeping.landing.config);
        come.is_seen_to = true;
        drop(come);
        let (stream, flight) = (Arc::clone(self), Arc::clone(flight));
        (config.settings.spawn)(Box::pin(async move {
            let _entry = stream.stored().await;
            drop(flight);
        }));
    }

    fn is_full(&self) -> bool {
        self.len == Some(lock(&self.come).size)
    }

    fn take(&self, frame: Option<Result<Frame<Bytes>, Error>>) -> ControlFlow<()> {
        let mut come = lock(&self.come);
        match frame.map(|frame| frame.map(Frame::into_data)) {
            Some(Ok(Ok(data))) => {
                come.size = come.size.saturating_add(data.len() as u64);
                if self.len.is_some_and(|len| come.size > len) {
                    self.fail(&mut come, broken("the body is longer than was announced"));
                    return ControlFlow::Break(());
                }
                let is_long = self.len.is_none() && come.size > self.most;
                let len = data.len() as u64;
                let has_room = |keeping: &mut Keeping| keeping.room.grow(len);
                if is_long || (self.len.is_none() && !come.keeping.as_mut().is_some_and(has_room)) {
                    self.forget(&mut come);
                }
                come.chunks.push_back(data);
                return ControlFlow::Continue(());
            }
            None | Some(Ok(Err(_))) if self.len.is_some_and(|len| come.size < len) => {
                let error = broken("the body ended before its announced length");
                self.fail(&mut come, error);
            }
            // Trailers are passed on, but not stored, and neither is what they belong to.
            Some(Ok(Err(frame))) => {
                self.forget(&mut come);
                come.trailers = frame.into_trailers().ok();
                come.end = Some(Ok(()));
            }
            Some(Err(error)) => self.fail(&mut come, error),
            None => {
                come.end = Some(Ok(()));
                come.store(&self.head);
            }
        }
        ControlFlow::Break(())
    }

    /// Keeps nothing of it.
    fn forget(&self, come: &mut Come) {
        self.is_open.store(false, Ordering::Release);
        come.keeping = None;
    }

    fn fail(&self, come: &mut Come, error: Error) {
        self.forget(come);
        come.end = Some(Err(Arc::new(error)));
    }
}

fn broken(why: &'static str) -> Error {
    Error::from(io::Error::new(io::ErrorKind::UnexpectedEof, why))
}

impl Come {
    fn store(&mut self, head: &Arc<Head>) {
        let Some(Keeping { landing, room }) = self.keeping.take() else {
            return;
        };
        // Copied: a piece may share the buffer of all that a client has read, which would stay.
        let len = usize::try_from(self.size).unwrap_or_default();
        let mut body = BytesMut::with_capacity(len);
        body.extend(self.chunks.iter().cloned());
        let body = body.freeze();
        // Who reads on reads the copy, so that there are not two.
        let mut rest = body.clone();
        for chunk in &mut self.chunks {
            *chunk = rest.split_to(chunk.len());
        }
        let head = Arc::clone(head);
        let entry = Entry { head, body };
        landing.put(entry.clone(), room);
        self.stored = Some(entry);
    }
}

/// The body for one who waits.
struct Reader {
    stream: Arc<Streaming>,
    flight: Arc<Flight>,
    seat: Seat,
    at: usize,
    read: u64,
    is_over: bool,
}

impl Reader {
    /// The next frame, if it has come; the end is one too.
    fn next(&mut self) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let mut come = lock(&self.stream.come);
        if let Some(chunk) = come.chunks.get(self.at.saturating_sub(come.gone)).cloned() {
            self.at += 1;
            self.read = self.read.saturating_add(chunk.len() as u64);
            if self.stream.len.is_none() && come.keeping.is_none() && come.stored.is_none() {
                // Nobody else reads it, and it is not kept.
                let read = self.at.saturating_sub(come.gone);
                come.chunks.drain(..read);
                come.gone = self.at;
            }
            return Poll::Ready(Some(Ok(Frame::data(chunk))));
        }
        let Some(end) = come.end.clone() else {
            return Poll::Pending;
        };
        self.is_over = true;
        Poll::Ready(match end {
            Ok(()) => come.trailers.clone().map(|all| Ok(Frame::trailers(all))),
            Err(error) => Some(Err(Error::new(Broken(error)))),
        })
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.stream.see_to_end(&self.flight);
    }
}

impl http_body::Body for Reader {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        loop {
            if this.is_over {
                return Poll::Ready(None);
            }
            if let next @ Poll::Ready(_) = this.next() {
                return next;
            }
            ready!(this.stream.drive(&this.seat, cx));
        }
    }

    fn is_end_stream(&self) -> bool {
        let come = lock(&self.stream.come);
        let has_all = self.at.saturating_sub(come.gone) >= come.chunks.len();
        self.is_over || (has_all && matches!(come.end, Some(Ok(()))) && come.trailers.is_none())
    }

    fn size_hint(&self) -> SizeHint {
        match self.stream.len {
            Some(len) => SizeHint::with_exact(len.saturating_sub(self.read)),
            None => SizeHint::default(),
        }
    }
}

/// The error of a body, told to each who reads it.
#[derive(Debug)]
struct Broken(Arc<Error>);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl StdError for Broken {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}

/// How many bytes of bodies may be on their way at once.
#[derive(Debug)]
pub(super) struct Budget(AtomicU64);

impl Budget {
    pub(super) fn new(bytes: u64) -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(bytes)))
    }

    /// Room for so many bytes, if there is.
    pub(super) fn room(self: &Arc<Self>, bytes: u64) -> Option<Room> {
        let mut room = Room {
            budget: Arc::clone(self),
            bytes: 0,
        };
        room.grow(bytes).then_some(room)
    }
}

/// Room for a body on its way, given back when it is dropped.
pub(super) struct Room {
    budget: Arc<Budget>,
    bytes: u64,
}

impl Room {
    fn grow(&mut self, bytes: u64) -> bool {
        let left = &self.budget.0;
        let taken = left.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |left| {
            left.checked_sub(bytes)
        });
        if taken.is_ok() {
            self.bytes = self.bytes.saturating_add(bytes);
        }
        taken.is_ok()
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.budget.0.fetch_add(self.bytes, Ordering::AcqRel);
    }
}
