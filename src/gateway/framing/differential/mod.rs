//! The framing that is followed beside the one that hyper sees, byte for byte.
//!
//! Whatever a client sends, both know of the same requests at the same byte, or the gateway or hyper refuses.

use std::cell::Cell;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use http::{Request, Response};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{At, Framing};

#[cfg(test)]
mod tests;

/// A transport that gives what there is and takes everything.
#[derive(Clone, Default)]
struct Wire(Rc<Cell<VecDeque<u8>>>);

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let bytes = self.0.take();
        if bytes.is_empty() {
            return Poll::Pending;
        }
        buf.put_slice(&Vec::from(bytes));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// How many requests have begun and ended, by hyper after each byte until it gives up.
fn by_hyper(stream: &[u8]) -> Vec<(usize, usize)> {
    let begun = Cell::new(0);
    let ended = Cell::new(0);
    let service = service_fn(async |req: Request<Incoming>| {
        begun.set(begun.get() + 1);
        if req.into_body().collect().await.is_ok() {
            ended.set(ended.get() + 1);
        }
        Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
    });
    let wire = Wire::default();
    let mut connection =
        pin!(http1::Builder::new().serve_connection(TokioIo::new(wire.clone()), service));
    let mut counts = Vec::new();
    for &byte in stream {
        wire.0.set(VecDeque::from([byte]));
        // Once to read it, once more for what that brought about.
        for _ in 0..3 {
            let mut cx = Context::from_waker(Waker::noop());
            if connection.as_mut().poll(&mut cx).is_ready() {
                return counts;
            }
        }
        counts.push((begun.get(), ended.get()));
    }
    counts
}

/// The same by the framing, with where it is.
fn by_framing(stream: &[u8]) -> Vec<(usize, usize, At)> {
    let mut framing = Framing::default();
    let mut ended = 0;
    let mut counts = Vec::new();
    for &byte in stream {
        let was = (framing.is_between(), framing.heads());
        framing.follow(&[byte]);
        if framing.is_between() && was != (true, framing.heads()) {
            ended += 1;
        }
        counts.push((framing.heads(), ended, framing.at));
    }
    counts
}

/// What is wrong, if anything is.
pub(in crate::gateway) fn disagreement(stream: &[u8]) -> Option<String> {
    let framing = by_framing(stream);
    let mut lost = None;
    let both = by_hyper(stream).into_iter().zip(framing).enumerate();
    for (index, ((begun, ended), (heads, ends, at))) in both {
        match at {
            // Not read by hyper at all.
            At::Broken => return None,
            // Either it is refused, and what hyper makes of it no matter; or hyper refuses.
            At::Lost if heads > ends => return None,
            At::Lost => {
                let before = *lost.get_or_insert((begun, ended));
                if before != (begun, ended) {
                    return Some(format!("hyper goes on at byte {index} of {stream:?}"));
                }
            }
            _ if (heads, ends) == (begun, ended) => {}
            _ => {
                let stream = String::from_utf8_lossy(stream);
                return Some(format!(
                    "at byte {index} hyper saw {begun} begin and {ended} end, the framing {heads} and {ends} ({at:?}): {stream:?}"
                ));
            }
        }
    }
    None
}
