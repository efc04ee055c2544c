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

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Arc;
    use std::task::Waker;

    use bytes::Bytes;

    use super::*;

    /// Gives so many frames, then fails or ends, and must not be asked again.
    struct Frames {
        left: Option<usize>,
        fails: bool,
        _held: Arc<()>,
    }

    impl Body for Frames {
        type Data = Bytes;
        type Error = ();

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, ()>>> {
            let left = self.left.expect("polled after its end");
            self.left = left.checked_sub(1);
            Poll::Ready(match self.left {
                Some(_) => Some(Ok(Frame::data(Bytes::from_static(b"x")))),
                None => self.fails.then_some(Err(())),
            })
        }
    }

    #[test]
    fn a_body_is_dropped_when_it_ends_breaks_off_or_is_ended() {
        for (fails, early) in [(false, false), (true, false), (false, true)] {
            let held = Arc::new(());
            let mut body = pin!(UntilEnd::new(Frames {
                left: Some(1),
                fails,
                _held: Arc::clone(&held),
            }));
            let cx = &mut Context::from_waker(Waker::noop());
            assert!(matches!(
                body.as_mut().poll_frame(cx),
                Poll::Ready(Some(Ok(_)))
            ));
            assert_eq!(Arc::strong_count(&held), 2);
            assert!(!body.is_end_stream() && body.size_hint().exact().is_none());
            if early {
                body.as_mut().end();
            } else {
                let failed = matches!(body.as_mut().poll_frame(cx), Poll::Ready(Some(Err(()))));
                assert_eq!(failed, fails);
            }
            assert_eq!(Arc::strong_count(&held), 1);
            assert!(matches!(body.as_mut().poll_frame(cx), Poll::Ready(None)));
            assert!(body.is_end_stream() && body.size_hint().exact() == Some(0));
        }
    }
}
