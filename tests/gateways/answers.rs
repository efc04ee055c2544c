//! Bodies of answers: for what the front server has no room they are not asked.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::poll_fn;
use futures_util::{Stream, StreamExt as _};
use gopuram::Body;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::StreamBody;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, DuplexStream, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};
use tower::util::{BoxCloneService, service_fn};

use crate::front::{ALL, Said};
use crate::support::{Count, connect, rest, turns};

const PIECE: &[u8] = &[b'x'; 20 * 1024];

/// Pieces without end, before each of which others have their turn, as where the next may take long.
fn pieces(
    piece: &'static [u8],
    asked: Count,
) -> impl Stream<Item = Result<Frame<Bytes>, Infallible>> {
    let mut pauses = false;
    poll_fn(move |cx| {
        pauses = !pauses;
        if pauses {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        asked.add();
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(piece)))))
    })
}

#[tokio::test]
async fn one_that_works_on_this_thread_keeps_nothing_of_a_piece_waiting() {
    for protocol in ALL {
        let asked = Count::default();
        let app = {
            let asked = asked.clone();
            BoxCloneService::new(service_fn(move |_: Request<Body>| {
                let body = StreamBody::new(pieces(PIECE, asked.clone()));
                let res = Response::new(Body::new(body));
                std::future::ready(Ok::<_, Infallible>(res))
            }))
        };
        // With room for 64 KiB: three pieces and a part of the fourth.
        let mut front = connect(app, protocol);
        let bytes = Said::of("GET", "/").send(protocol, b"");
        front.write_all(&bytes).await.unwrap();
        turns().await;
        assert_eq!(asked.get(), 4, "{protocol:?}");
    }
}

/// Takes some time to flush.
struct Buffered {
    io: DuplexStream,
    flush: Option<Pin<Box<Sleep>>>,
}

impl AsyncRead for Buffered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for Buffered {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let time = Duration::from_millis(1);
        let flush = self.flush.get_or_insert_with(|| Box::pin(sleep(time)));
        ready!(flush.as_mut().poll(cx));
        self.flush = None;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[tokio::test(start_paused = true)]
async fn one_goes_on_when_the_transport_has_passed_on_what_it_gave() {
    for protocol in ALL {
        let app = service_fn(|_: Request<Body>| {
            let pieces = pieces(b"piece", Count::default()).take(5);
            let res = Response::new(Body::new(StreamBody::new(pieces)));
            std::future::ready(Ok::<_, Infallible>(res))
        });
        let (mut front, io) = tokio::io::duplex(64 * 1024);
        let serve = gopuram::serve(BoxCloneService::new(app));
        tokio::spawn(serve.speak(protocol, Buffered { io, flush: None }));
        let before = Instant::now();
        let bytes = Said::of("GET", "/").send(protocol, b"");
        front.write_all(&bytes).await.unwrap();
        assert_eq!(rest(&mut front, protocol).await.body(), "piece".repeat(5));
        assert!(before.elapsed() < Duration::from_secs(1), "{protocol:?}");
    }
}
