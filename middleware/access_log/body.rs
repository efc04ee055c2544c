//! The body of a response that is logged when it ends.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Buf as _;
use http::Response;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::outcome::Outcome;
use super::record::{Progress, Record};
use crate::wrap::OnResponse;

/// The line that waits for the response, and then for its end.
///
/// Wherever it is dropped, the line is written.
#[derive(Debug, Default)]
pub struct Pending(Option<Box<Record>>);

impl Pending {
    pub(super) const fn new(record: Box<Record>) -> Self {
        Self(Some(record))
    }

    fn close(&mut self, outcome: Option<Outcome>) {
        if let Some(record) = self.0.take() {
            record.close(outcome);
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.close(None);
    }
}

impl<C: Body> OnResponse<C> for Pending {
    type Body = LogBody<C>;

    #[inline]
    fn on_response(mut self, res: Response<C>) -> Response<LogBody<C>> {
        if let Some(record) = &mut self.0 {
            record.answer(&res);
        }
        res.map(|inner| LogBody {
            inner,
            pending: self,
        })
    }

    fn on_error(mut self) {
        self.close(Some(Outcome::Error));
    }
}

pin_project! {
    /// A body that is logged when it ends or is dropped.
    ///
    /// It is the inner one in all that can be seen of it. The default is not logged.
    #[derive(Debug, Default)]
    pub struct LogBody<C> {
        #[pin]
        inner: C,
        pending: Pending,
    }
}

impl<C: Body> Body for LogBody<C> {
    type Data = C::Data;
    type Error = C::Error;

    #[inline]
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<C::Data>, C::Error>>> {
        let mut this = self.project();
        let Some(record) = &mut this.pending.0 else {
            return this.inner.poll_frame(cx);
        };
        let before = std::mem::replace(&mut record.progress, Progress::Polled);
        let next = this.inner.as_mut().poll_frame(cx);
        record.progress = before;
        let next = ready!(next);
        match &next {
            Some(Ok(frame)) => {
                let data = frame.data_ref().map(|data| data.remaining() as u64);
                record.bytes += data.unwrap_or_default();
                // The server need not ask again after the last byte, or after trailers.
                if data.is_none()
                    || record.expected == Some(record.bytes)
                    || this.inner.is_end_stream()
                {
                    record.progress = Progress::Whole;
                }
            }
            Some(Err(_)) => this.pending.close(Some(Outcome::Error)),
            None => {
                record.progress = Progress::Whole;
                this.pending.close(None);
            }
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
