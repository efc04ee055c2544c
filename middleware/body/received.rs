//! How many bytes of a request's body were received, counted only where somebody asks for it.

use std::any::Any;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Request;
use http_body::{Frame, SizeHint};

use super::{Body, Error};

/// How long the body of a request is, or was so far.
#[derive(Debug, Default)]
pub(crate) enum Received {
    Counted(Arc<AtomicU64>),
    Known(u64),
    #[default]
    Unknown,
}

impl Received {
    /// Counts what is read of a [`Body`]; of any other nothing is known, unless there is none.
    ///
    /// For sums, which what one client declares and never sends would spoil.
    pub(crate) fn read<B: http_body::Body + 'static>(req: &mut Request<B>) -> Self {
        Self::counted(req).unwrap_or_else(|| match req.body().size_hint().exact() {
            Some(0) => Self::Known(0),
            _ => Self::Unknown,
        })
    }

    /// Counts what is read of a [`Body`]; nothing for any other.
    pub(crate) fn counted<B: 'static>(req: &mut Request<B>) -> Option<Self> {
        let body = (req.body_mut() as &mut dyn Any).downcast_mut::<Body>()?;
        Some(match std::mem::take(body).try_into_bytes() {
            Ok(bytes) => {
                let len = bytes.len() as u64;
                *body = Body::from(bytes);
                Self::Known(len)
            }
            Err(stream) => {
                let count = Arc::new(AtomicU64::new(0));
                *body = Body::new(Counted {
                    body: stream,
                    count: Arc::clone(&count),
                });
                Self::Counted(count)
            }
        })
    }

    pub(crate) fn bytes(&self) -> Option<u64> {
        match self {
            Self::Counted(count) => Some(count.load(Ordering::Relaxed)),
            Self::Known(len) => Some(*len),
            Self::Unknown => None,
        }
    }
}

/// A body that counts what is read of it.
struct Counted {
    body: Body,
    count: Arc<AtomicU64>,
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let next = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(Ok(frame)) = &next
            && let Some(data) = frame.data_ref()
        {
            self.count.fetch_add(data.len() as u64, Ordering::Relaxed);
        }
        Poll::Ready(next)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
