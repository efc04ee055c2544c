//! The body of a response on its way to the client.

use std::error::Error as StdError;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use pin_project_lite::pin_project;
use tracing::error;

use super::call::InFlight;

pin_project! {
    /// The body of a response; the request is in flight until it is gone.
    pub(super) struct Outgoing<C, S> {
        #[pin]
        body: Option<C>,
        flight: InFlight<S>,
    }
}

impl<C, S> Outgoing<C, S> {
    #[inline]
    pub(super) const fn new(body: C, flight: InFlight<S>) -> Self {
        Self {
            body: Some(body),
            flight,
        }
    }

    pub(super) const fn empty(flight: InFlight<S>) -> Self {
        Self { body: None, flight }
    }
}

impl<C, S> http_body::Body for Outgoing<C, S>
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
        let me = self.project();
        me.flight.ask();
        let Some(body) = me.body.as_pin_mut() else {
            return Poll::Ready(None);
        };
        let next = body.poll_frame(cx);
        if let Poll::Ready(Some(Ok(_))) = &next {
            me.flight.give();
        }
        next.map_err(broke)
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        self.body
            .as_ref()
            .is_none_or(http_body::Body::is_end_stream)
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        self.body
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), http_body::Body::size_hint)
    }
}

/// The client sees that the response is not complete; the log says why.
#[cold]
fn broke(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Box<dyn StdError + Send + Sync> {
    let error = error.into();
    let cause: &(dyn StdError + 'static) = &*error;
    error!(error = cause, "the body of a response broke off");
    error
}
