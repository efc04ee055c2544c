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
use proptest::prelude::*;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{At, Framing};

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
fn disagreement(stream: &[u8]) -> Option<String> {
    let framing = by_framing(stream);
    let mut lost = None;
    for (index, (begun, ended)) in by_hyper(stream).into_iter().enumerate() {
        let (heads, ends, at) = framing[index];
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

const HEADS: &[&str] = &[
    "GET / HTTP/1.1\r\n",
    "POST /a HTTP/1.1\r\n",
    "POST http://a/b HTTP/1.1\n",
    "POST / HTTP/1.0\r\nConnection: keep-alive\r\n",
    "CONNECT a:1 HTTP/1.1\r\n",
    "OPTIONS * HTTP/1.1\r\n",
    "GET /#a HTTP/1.1\r\n",
    "HEAD / HTTP/1.1\r\n",
];

const FIELDS: &[&str] = &[
    "Content-Length: 3\r\n",
    "content-length:\t003 \r\n",
    "Content-Length: 0\r\n",
    "Content-Length: 12\n",
    "Content-Length : 3\r\n",
    "Content-Length: 3, 3\r\n",
    "Content-Length: +3\r\n",
    "Content-Length: 18446744073709551615\r\n",
    "Content-Length:\r\n",
    "Content-Lengt: 3\r\n",
    "Content-Length\r\n",
    "Transfer-Encoding: chunked\r\n",
    "transfer-encoding: CHUNKED\n",
    "Transfer-Encoding: gzip, chunked\r\n",
    "Transfer-Encoding: identity\r\n",
    "Transfer-Encoding : chunked\r\n",
    "Transfer-Encoding:\x0bchunked\r\n",
    "Transfer-Encoding: chunked\r\n ,x\r\n",
    "Host: a\r\n",
    "X: y\r\n folded\r\n",
    "X: y\rz\r\n",
    "Expect: 100-continue\r\n",
    "Connection: close\r\n",
    "Upgrade: x\r\nConnection: upgrade\r\n",
    "\r\n",
    "\n",
    "\r",
];

const BODIES: &[&str] = &[
    "abc",
    "abcdefghijkl",
    "3\r\nabc\r\n",
    "00C\r\nabcdefghijkl\r\n",
    "3;x=y\r\nabc\r\n",
    "3 ;x=\"\r\n\"\r\nabc\r\n",
    "3 \r\nabc\r\n",
    "3\nabc\n",
    "3\r\nabcd\r\n",
    "fffffffffffffffff\r\n",
    "ffffffffffffffff\r\n",
    "0\r\n\r\n",
    "0\r\nX: y\r\n\r\n",
    "0\r\nX: y\n\r\n",
    "0\r\n\n",
    "0\n\r\n",
    "000\r\n\r\n",
    "0;a\r\nTransfer-Encoding: chunked\r\n\r\n",
    "-1\r\n",
    "0x3\r\nabc\r\n",
];

/// Pieces that are likely to be of consequence.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => prop::sample::select(HEADS).prop_map(str::to_owned),
        4 => prop::sample::select(FIELDS).prop_map(str::to_owned),
        3 => prop::sample::select(BODIES).prop_map(str::to_owned),
        1 => "[ -~\r\n\t]{0,8}",
    ]
}

/// A request that is right, or nearly.
fn request() -> impl Strategy<Value = String> {
    let target = prop::sample::select(["/", "/a?b", "*", "http://a/", "/#"].as_slice());
    let method = prop::sample::select(["GET", "POST", "HEAD", "OPTIONS", "X"].as_slice());
    let framed = prop_oneof![
        Just("\r\n".to_owned()),
        "[a-z\r\n]{0,12}".prop_map(|body| format!("Content-Length: {}\r\n\r\n{body}", body.len())),
        prop::collection::vec("[a-z\r\n]{1,12}", 0..4).prop_map(|chunks| {
            let chunks: Vec<_> = chunks
                .iter()
                .map(|chunk| format!("{:x}\r\n{chunk}\r\n", chunk.len()))
                .collect();
            let chunks = chunks.concat();
            format!("Transfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n")
        }),
    ];
    (method, target, framed).prop_map(|(method, target, rest)| {
        format!("{method} {target} HTTP/1.1\r\nHost: a\r\n{rest}")
    })
}

/// Puts bytes in, or in the place of others, or takes some away.
fn mutated(mut stream: Vec<u8>, changes: Vec<(prop::sample::Index, u8, u8)>) -> Vec<u8> {
    for (place, byte, kind) in changes {
        let at = place.index(stream.len() + 1);
        match kind {
            0 => stream.insert(at, byte),
            1 if at < stream.len() => stream[at] = byte,
            _ if at < stream.len() => drop(stream.remove(at)),
            _ => {}
        }
    }
    stream
}

fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, u8, u8)>> {
    let byte = prop_oneof![
        4 => prop::sample::select(b"\r\n\t :;,#0139afAF\0\x7f\xff\"".as_slice()),
        1 => any::<u8>(),
    ];
    prop::collection::vec((any::<prop::sample::Index>(), byte, 0_u8..3), 0..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn nearly_right_streams_are_framed_as_hyper_does(
        requests in prop::collection::vec(request(), 1..5),
        changes in changes(),
    ) {
        let stream = mutated(requests.concat().into_bytes(), changes);
        prop_assert_eq!(disagreement(&stream), None);
    }

    #[test]
    fn streams_in_pieces_are_framed_as_hyper_does(
        pieces in prop::collection::vec(piece(), 1..16),
        changes in changes(),
    ) {
        let stream = mutated(pieces.concat().into_bytes(), changes);
        prop_assert_eq!(disagreement(&stream), None);
    }
}

/// The test would see a difference.
#[test]
fn requests_are_seen_by_both() {
    let stream = b"GET / HTTP/1.1\r\n\r\nPOST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc\
        POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n";
    assert_eq!(disagreement(stream), None);
    assert_eq!(by_hyper(stream).last(), Some(&(3, 3)));
    assert_eq!(by_hyper(stream).len(), stream.len());
    assert_eq!(by_framing(stream).last(), Some(&(3, 3, At::Between)));
}
