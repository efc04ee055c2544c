//! The body of a response that is logged when it ends.

use std::error::Error as StdError;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::record::Record;
use crate::body::Error;
use crate::outcome::Outcome;
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
    /// It is the inner one in all that can be seen of it, but that an error of that is the
    /// source of its own. The default is not logged.
    #[derive(Debug, Default)]
    pub struct LogBody<C> {
        #[pin]
        inner: C,
        pending: Pending,
    }
}

/// The body of a reply from a layer further in.
impl<C: From<crate::Body>> From<crate::Body> for LogBody<C> {
    fn from(body: crate::Body) -> Self {
        Self {
            inner: body.into(),
            pending: Pending::default(),
        }
    }
}

impl<C: Body> Body for LogBody<C>
where
    C::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type Data = C::Data;
    type Error = Error;

    #[inline]
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<C::Data>, Error>>> {
        let this = self.project();
        let Some(record) = &mut this.pending.0 else {
            return this.inner.poll_frame(cx).map_err(Error::new);
        };
        let next = ready!(record.course.poll_frame(this.inner, cx));
        match &next {
            Some(Ok(_)) => {}
            Some(Err(error)) => this.pending.close(Some(Outcome::of(error))),
            None => this.pending.close(None),
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
