//! The body of a request, which has to come on and to come whole.

use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use pin_project_lite::pin_project;

use super::pace::Pace;
use super::pulse::Receiving;
use super::settings::Settings;

pin_project! {
    /// The body of a request, which breaks off when the client sends nothing of it for too long.
    ///
    /// The connection is in use until it has ended or is gone, though the answer may be out already.
    pub(super) struct Paced {
        body: Incoming,
        // Until it has ended.
        receiving: Option<Receiving>,
        #[pin]
        pace: Pace,
    }
}

impl Paced {
    pub(super) fn new(body: Incoming, receiving: Receiving, settings: &Arc<Settings>) -> Self {
        Self {
            body,
            receiving: Some(receiving),
            pace: Pace::new(settings),
        }
    }
}

impl http_body::Body for Paced {
    type Data = Bytes;
    type Error = Box<dyn StdError + Send + Sync>;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let me = self.project();
        let Some(receiving) = me.receiving else {
            return Poll::Ready(None);
        };
        let http2 = receiving.is_http2();
        if let Poll::Ready(frame) = Pin::new(&mut *me.body).poll_frame(cx) {
            me.pace.came();
            let ended = match &frame {
                // On HTTP/1 hyper leaves it open until the next request if the answer is out already.
                Some(Ok(_)) => !http2 && me.body.is_end_stream(),
                Some(Err(_)) | None => true,
            };
            if ended {
                *me.receiving = None;
            }
            return Poll::Ready(match frame {
                // To hyper a reset with `NO_ERROR` is an end like another, but it is what a server says
                // that needs no more of a request (RFC 9113, section 8.1). Only `END_STREAM` ends one.
                None if http2 && !me.body.is_end_stream() => Some(Err(Box::new(Truncated))),
                frame => frame.map(|frame| frame.map_err(Into::into)),
            });
        }
        let late = ready!(me.pace.poll_late(cx));
        Poll::Ready(Some(Err(Box::new(late))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The client gave its request up without an error.
#[derive(Debug)]
struct Truncated;

impl fmt::Display for Truncated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the client ended the stream before the body")
    }
}

impl StdError for Truncated {}
