//! A body of inner, or one that a layer answers with in its place.

use std::error::Error as StdError;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use pin_project_lite::pin_project;

use super::{Body, Error};

pin_project! {
    /// A body of inner, or one that a layer answers with in its place: without a box for either.
    #[project = Project]
    #[derive(Debug)]
    #[allow(missing_docs, reason = "the variants are how it is made, not how it is used")]
    #[non_exhaustive]
    pub enum Mixed<C> {
        #[doc(hidden)]
        Inner { #[pin] body: C },
        #[doc(hidden)]
        Own { body: Body },
    }
}

impl<C> Mixed<C> {
    /// What inner answers.
    #[inline]
    pub const fn inner(body: C) -> Self {
        Self::Inner { body }
    }

    /// What the layer answers itself.
    pub const fn own(body: Body) -> Self {
        Self::Own { body }
    }
}

impl<C> Default for Mixed<C> {
    fn default() -> Self {
        Self::own(Body::empty())
    }
}

/// The body of a reply from a layer further in.
impl<C> From<Body> for Mixed<C> {
    fn from(body: Body) -> Self {
        Self::own(body)
    }
}

impl<C> http_body::Body for Mixed<C>
where
    C: http_body::Body<Data = Bytes>,
    C::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Error;

    #[inline]
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match self.project() {
            Project::Inner { body } => body.poll_frame(cx).map_err(Error::new),
            Project::Own { body } => Pin::new(body).poll_frame(cx),
        }
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        match self {
            Self::Inner { body } => body.is_end_stream(),
            Self::Own { body } => body.is_end_stream(),
        }
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Inner { body } => body.size_hint(),
            Self::Own { body } => body.size_hint(),
        }
    }
}
