//! A WSGI application as a tower service.

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use gopuram::Body;
use http::request::Parts;
use http::{Method, Request, Response, Version};
use http_body::Frame;
use pyo3::prelude::*;
use tower_service::Service;

use crate::answer;
use crate::application::{Application, Prepared, Variables};
use crate::body::{self, Reader};
use crate::closing::By;
use crate::control::Quota;
use crate::exchange::{Blocks, Broken, Manner, Receiver, exchange};
use crate::forked::end_if_forked;
use crate::input::{Pieces, Source};
use crate::pool::Pool;
use crate::run::{Job, Run};
use crate::turns::{Held, Streaming, Turn, Turns};

/// A WSGI application as a tower service, for any stack and any gateway.
#[derive(Debug)]
pub(crate) struct Wsgi {
    shared: Arc<Shared>,
    /// Of the connection that this clone serves.
    prepared: Option<Arc<Prepared>>,
}

#[derive(Debug)]
struct Shared {
    app: Arc<Application>,
    callers: Callers,
    /// The longest body that is kept in a file.
    most: u64,
    /// After how many requests the process is old.
    quota: Option<Quota>,
}

/// Who calls the application.
#[derive(Debug)]
pub(crate) enum Callers {
    Threads(Pool),
    /// Who polls, one request after the other.
    One(Arc<Turns>),
}

impl Wsgi {
    pub(crate) fn new(app: Application, callers: Callers, most: u64, quota: Option<Quota>) -> Self {
        let app = Arc::new(app);
        Self {
            shared: Arc::new(Shared {
                app,
                callers,
                most,
                quota,
            }),
            prepared: None,
        }
    }
}

/// A gateway makes one for each connection.
impl Clone for Wsgi {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            prepared: None,
        }
    }
}

impl Service<Request<Body>> for Wsgi {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Calling;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, req: Request<Body>) -> Calling {
        if let Some(quota) = &self.shared.quota {
            quota.count();
        }
        let (mut head, body) = req.into_parts();
        let prepared = Prepared::of(&mut self.prepared, &head);
        if http_body::Body::is_end_stream(&body) {
            let source = Source::Pieces(Pieces::default());
            return self.shared.ask(prepared, &head, source);
        }
        let shared = Arc::clone(&self.shared);
        let receiving = async move {
            let reader = match shared.callers {
                Callers::Threads(_) => Reader::Waits,
                Callers::One(_) => Reader::Cannot,
            };
            match body::receive(&mut head, body, reader, shared.most).await {
                Ok(source) => Received(shared.ask(prepared, &head, source)),
                Err(res) => Received(Calling::Answered(Some(res))),
            }
        };
        Calling::Receiving(Box::pin(receiving))
    }
}

impl Shared {
    fn ask(&self, prepared: Arc<Prepared>, head: &Parts, source: Source) -> Calling {
        let variables = match Variables::of(prepared, head) {
            Ok(variables) => variables,
            Err(refused) => return Calling::Answered(Some(answer::refused(&refused))),
        };
        let manner = match &self.callers {
            Callers::Threads(pool) => Manner::Wait(pool.bell()),
            Callers::One(_) => Manner::Refuse,
        };
        let (sender, receiver) = exchange(manner);
        let job = Job {
            app: Arc::clone(&self.app),
            variables,
            source,
            is_head: head.method == Method::HEAD,
            sender,
        };
        let turns = match &self.callers {
            Callers::Threads(pool) => {
                pool.push(job);
                return Calling::Waiting(Some(receiver));
            }
            Callers::One(turns) => turns,
        };
        let asked = Asked {
            job,
            receiver,
            http2: head.version == Version::HTTP_2,
        };
        match turns.try_take() {
            Some(turn) => Calling::Inline(Some((asked, turn))),
            None => Calling::Queued {
                turn: Box::pin(Arc::clone(turns).next()),
                asked: Some(asked),
            },
        }
    }
}

/// What comes after a body was received; to be polled on, not to be awaited.
pub(crate) struct Received(Calling);

/// A request that is answered by who polls.
pub(crate) struct Asked {
    job: Job,
    receiver: Receiver,
    http2: bool,
}

/// The answer of an application, or one in its stead.
pub(crate) enum Calling {
    Receiving(Pin<Box<dyn Future<Output = Received> + Send>>),
    Waiting(Option<Receiver>),
    Queued {
        turn: Pin<Box<dyn Future<Output = Option<Turn>> + Send>>,
        asked: Option<Asked>,
    },
    Inline(Option<(Asked, Turn)>),
    Answered(Option<Response<Body>>),
}

impl Future for Calling {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let next = match &mut *self {
                Self::Receiving(future) => ready!(future.as_mut().poll(cx)).0,
                Self::Waiting(slot) => {
                    let Some(receiver) = slot else {
                        return Poll::Pending;
                    };
                    let head = ready!(receiver.poll_head(cx));
                    let blocks = slot.take().map(Blocks);
                    Self::Answered(Some(answered(head, || blocks.map(Body::new))))
                }
                Self::Queued { turn, asked } => match ready!(turn.as_mut().poll(cx)) {
                    Some(turn) => Self::Inline(asked.take().map(|asked| (asked, turn))),
                    None => Self::Answered(Some(answer::busy())),
                },
                Self::Inline(slot) => {
                    let Some((asked, turn)) = slot.take() else {
                        return Poll::Pending;
                    };
                    Self::Answered(Some(inline(asked, turn, cx)))
                }
                Self::Answered(res) => {
                    // It is polled once.
                    return Poll::Ready(Ok(res.take().unwrap_or_else(answer::failed)));
                }
            };
            *self = next;
        }
    }
}

fn answered(
    head: Result<Response<Option<Body>>, Broken>,
    blocks: impl FnOnce() -> Option<Body>,
) -> Response<Body> {
    match head {
        Ok(head) => head.map(|body| body.or_else(blocks).unwrap_or_default()),
        Err(_) => answer::failed(),
    }
}

/// Runs the application until its head is there.
fn inline(asked: Asked, turn: Turn, cx: &mut Context<'_>) -> Response<Body> {
    let Asked {
        job,
        receiver,
        http2,
    } = asked;
    let begin = |py: Python<'_>| {
        let mut run = Run::begin(py, job, By::Turns(turn.turns()))?;
        loop {
            end_if_forked(py);
            if let Poll::Ready(head) = receiver.poll_head(cx) {
                return PyResult::Ok((head, run));
            }
            run.step(py);
        }
    };
    match catch_unwind(AssertUnwindSafe(|| Python::attach(begin))) {
        // It is told where it is dropped.
        Err(_) => answer::failed(),
        Ok(Ok((head, run))) => {
            let between = Held::new(run, turn);
            let blocks = || Inline {
                receiver,
                streaming: Streaming::new(between),
                pauses: 0,
                apart: http2,
                last: Bytes::new(),
            };
            answered(head, || Some(Body::new(blocks())))
        }
        Ok(Err(error)) => {
            tracing::error!(%error, "a request could not be given to Python");
            answer::failed()
        }
    }
}

/// In HTTP/1.1 who asks for a block sends the one before; in HTTP/2 that is another task, which may be woken by a third.
const PAUSES: u8 = 1;

/// The blocks of an application that is asked for them where they are sent.
#[derive(Debug)]
struct Inline {
    receiver: Receiver,
    streaming: Arc<Streaming>,
    /// How often others had their turn since the last block, which was sent meanwhile.
    pauses: u8,
    /// Whether the last byte of a block is given apart.
    ///
    /// In HTTP/2 a body is asked for more as soon as the client has room for one byte of what it gave; and so it has for all of a block
    /// when it has for the last one.
    apart: bool,
    /// That byte.
    last: Bytes,
}

impl http_body::Body for Inline {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if !self.last.is_empty() {
            let last = std::mem::take(&mut self.last);
            return Poll::Ready(Some(Ok(Frame::data(last))));
        }
        let mut is_over = false;
        loop {
            if let Poll::Ready(mut next) = self.receiver.poll_block(cx) {
                self.pauses = 0;
                if let Some(Ok(block)) = &mut next
                    && self.apart
                    && block.len() > 1
                {
                    self.last = block.split_off(block.len() - 1);
                }
                return Poll::Ready(next.map(|block| block.map(Frame::data)));
            }
            if is_over {
                return Poll::Ready(Some(Err(Broken::new("the answer has no end"))));
            }
            if self.pauses < PAUSES {
                self.pauses += 1;
                // No block may wait for the application to make the next (PEP 3333, "Buffering and Streaming").
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            is_over = self.streaming.step();
            self.pauses = 0;
        }
    }
}
