//! A body held to the length that was told for it.

use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use pin_project_lite::pin_project;

pin_project! {
    /// A body that gives neither a byte more than was told nor an end before.
    pub(crate) struct Exact<C> {
        #[pin]
        body: Option<C>,
        // How many bytes it must still give, where only the head says how long it is.
        left: Option<u64>,
    }
}

impl<C> Exact<C> {
    /// Of this length, or of its own.
    #[inline]
    pub(crate) const fn new(body: C, length: Option<u64>) -> Self {
        Self {
            body: Some(body),
            left: length,
        }
    }
}

impl<C> http_body::Body for Exact<C>
where
    C: http_body::Body<Data = Bytes>,
    C::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Box<dyn StdError + Send + Sync>;

    #[inline]
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let mut me = self.project();
        let Some(body) = me.body.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        let next = body.poll_frame(cx);
        if let Some(left) = me.left
            && let Poll::Ready(next) = &next
            && !is_due(left, next.as_ref())
        {
            me.body.set(None);
            return Poll::Ready(Some(Err(Miscounted.into())));
        }
        next.map_err(Into::into)
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        self.body
            .as_ref()
            .is_none_or(|body| self.left.is_none_or(|left| left == 0) && body.is_end_stream())
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        self.body
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), http_body::Body::size_hint)
    }
}

/// Counts what comes; whether it may come now.
fn is_due<E>(left: &mut u64, next: Option<&Result<Frame<Bytes>, E>>) -> bool {
    match next {
        Some(Ok(frame)) => match frame.data_ref() {
            Some(data) => {
                let rest = left.checked_sub(data.len() as u64);
                *left = rest.unwrap_or_default();
                rest.is_some()
            }
            // Trailers, before which all must have come.
            None => *left == 0,
        },
        Some(Err(_)) => true,
        None => *left == 0,
    }
}

/// A body is longer or shorter than the `Content-Length` beside it.
#[derive(Debug)]
struct Miscounted;

impl fmt::Display for Miscounted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it does not have as many bytes as its Content-Length says")
    }
}

impl StdError for Miscounted {}
