//! The body of a request that several applications may be given, one after the other.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use crate::body::{Body, Error};

/// A body, kept for the next application while one has it.
pub(super) enum Kept {
    /// There as a whole: each application gets it all.
    Whole(Bytes),
    /// Lent to one at a time; empty while it is lent, and for ever once it was read from.
    Stream(Slot),
}

/// Where a body that was lent comes back to.
type Slot = Arc<Mutex<Option<Body>>>;

impl Kept {
    pub(super) fn new(body: Body) -> Self {
        match body.try_into_bytes() {
            Ok(bytes) => Self::Whole(bytes),
            Err(stream) => Self::Stream(Arc::new(Mutex::new(Some(stream)))),
        }
    }

    /// The body for an application that may not be the last.
    pub(super) fn lend(&self) -> Body {
        match self {
            Self::Whole(bytes) => Body::from(bytes.clone()),
            Self::Stream(slot) => {
                let slot = Arc::clone(slot);
                let body = lock(&slot).take().unwrap_or_default();
                let read = false;
                Body::new(Lent { body, slot, read })
            }
        }
    }

    /// Whether it was not read from, and is here.
    pub(super) fn is_here(&self) -> bool {
        match self {
            Self::Whole(_) => true,
            Self::Stream(slot) => lock(slot).is_some(),
        }
    }

    /// The body for the last application: as it came.
    pub(super) fn give(self) -> Body {
        match self {
            Self::Whole(bytes) => Body::from(bytes),
            Self::Stream(slot) => lock(&slot).take().unwrap_or_default(),
        }
    }
}

fn lock(slot: &Slot) -> MutexGuard<'_, Option<Body>> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A body that goes back to where it came from if it is dropped unread.
struct Lent {
    body: Body,
    slot: Slot,
    read: bool,
}

impl http_body::Body for Lent {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        self.read = true;
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if !self.read {
            *lock(&self.slot) = Some(std::mem::take(&mut self.body));
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body::Body as _;

    use super::*;

    /// Two frames, of no known length, and a pause before each.
    struct Two(u8);

    impl http_body::Body for Two {
        type Data = Bytes;
        type Error = Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
            self.0 += 1;
            match self.0 {
                2 | 4 => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"a"))))),
                5.. => Poll::Ready(None),
                _ => Poll::Pending,
            }
        }
    }

    fn poll(body: &mut Body) -> Poll<Option<Bytes>> {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let frame = Pin::new(body).poll_frame(&mut cx);
        frame.map(|frame| Some(frame?.unwrap().into_data().unwrap()))
    }

    #[test]
    fn what_is_whole_is_given_to_each() {
        let kept = Kept::new(Body::from("abc"));
        for _ in 0..2 {
            assert_eq!(kept.lend().try_into_bytes().unwrap(), "abc");
            assert!(kept.is_here());
        }
        assert_eq!(kept.give().try_into_bytes().unwrap(), "abc");
        assert!(Kept::new(Body::empty()).lend().is_end_stream());
    }

    #[test]
    fn a_stream_comes_back_until_a_frame_was_taken() {
        let kept = Kept::new(Body::new(Two(0)));
        let mut lent = kept.lend();
        assert!(!kept.is_here());
        assert!(poll(&mut lent).is_pending());
        drop(lent);
        assert!(kept.is_here());
        let mut lent = kept.lend();
        assert_eq!(poll(&mut lent), Poll::Ready(Some(Bytes::from_static(b"a"))));
        drop(lent);
        assert!(!kept.is_here());
    }

    #[test]
    fn the_last_gets_the_stream_itself() {
        let kept = Kept::new(Body::new(Two(0)));
        drop(kept.lend());
        let mut body = kept.give();
        assert!(poll(&mut body).is_pending());
        assert!(matches!(poll(&mut body), Poll::Ready(Some(_))));
    }
}
