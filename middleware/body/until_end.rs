//! A body that is dropped at its end.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

pin_project! {
    /// A body until it ends or breaks off, and an empty one from then on and by default.
    ///
    /// For bodies that end earlier than the one they wrap: it is dropped then, with what it
    /// holds, and not polled again.
    #[derive(Debug)]
    pub(crate) struct UntilEnd<B> {
        #[pin]
        body: Option<B>,
    }
}

impl<B> UntilEnd<B> {
    #[inline]
    pub(crate) const fn new(body: B) -> Self {
        Self { body: Some(body) }
    }

    /// Drops the body: this is its end.
    pub(crate) fn end(self: Pin<&mut Self>) {
        self.project().body.set(None);
    }
}

impl<B> Default for UntilEnd<B> {
    fn default() -> Self {
        Self { body: None }
    }
}

impl<B: Body> Body for UntilEnd<B> {
    type Data = B::Data;
    type Error = B::Error;

    #[inline]
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut body = self.project().body;
        let Some(inner) = body.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        let next = ready!(inner.poll_frame(cx));
        if !matches!(next, Some(Ok(_))) {
            body.set(None);
        }
        Poll::Ready(next)
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        let ended = || SizeHint::with_exact(0);
        self.body.as_ref().map_or_else(ended, Body::size_hint)
    }
}
