//! What flows is not cut, and what is cut is not whole.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use gopuram::Body;
use gopuram::gateway::Deadlines;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep};
use tower::util::{BoxCloneService, service_fn};

use crate::frames::{frame, opening};
use crate::support::{App, ask, connect, http2, read_until};

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[tokio::test(start_paused = true)]
async fn one_who_reads_slowly_gets_all() {
    const ALL: usize = 1024 * 1024;
    let app = service_fn(async |_: Request<Body>| {
        Ok::<_, Infallible>(Response::new(Body::from(vec![b'x'; ALL])))
    });
    let (mut client, conn) = http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(65_535)
        .initial_connection_window_size(65_535)
        .handshake(TokioIo::new(connect(gopuram::serve(app))))
        .await
        .unwrap();
    tokio::spawn(conn);
    let res = client.send_request(ask("http://a/")).await.unwrap();
    assert_eq!(res.headers()["content-length"], "1048576");
    let mut body = res.into_body();
    let mut read = 0;
    while let Some(frame) = body.frame().await {
        let data = frame.unwrap().into_data().unwrap();
        read += data.len();
        // 1,600 bytes a second, which is a window in 40 s.
        sleep(seconds(1) * u32::try_from(data.len()).unwrap() / 1600).await;
    }
    assert_eq!(read, ALL);
}

/// Says again what comes through the tunnel; an endless body for all else.
async fn tunnel(req: Request<Body>) -> Result<Response<Body>, Infallible> {
    if req.method() == "CONNECT" {
        tokio::spawn(async {
            let mut io = TokioIo::new(hyper::upgrade::on(req).await.unwrap());
            let mut bytes = [0; 1024];
            while let Ok(len @ 1..) = io.read(&mut bytes).await {
                io.write_all(&bytes[..len]).await.unwrap();
            }
        });
        return Ok(Response::new(Body::empty()));
    }
    let frames = futures_util::stream::repeat_with(|| {
        Ok::<_, Infallible>(Frame::data(Bytes::from_static(&[b'x'; 8192])))
    });
    Ok(Response::new(Body::new(StreamBody::new(frames))))
}

#[tokio::test(start_paused = true)]
async fn a_tunnel_lasts_as_long_as_the_application_wants() {
    let mut client = http2(connect(gopuram::serve(service_fn(tunnel)))).await;
    let mut open = async || {
        let req = Request::connect("a:80").body(Body::empty()).unwrap();
        let res = client.send_request(req).await.unwrap();
        assert_eq!(res.status(), 200);
        TokioIo::new(hyper::upgrade::on(res).await.unwrap())
    };
    let mut through = open().await;
    for _ in 0..10 {
        through.write_all(b"hello").await.unwrap();
        read_until(&mut through, "hello").await;
        sleep(seconds(50)).await;
    }
    drop(through);
    // With the last tunnel the connection ends.
    sleep(seconds(1)).await;
    assert!(client.is_closed());
}

#[tokio::test(start_paused = true)]
async fn a_tunnel_does_not_suffer_from_a_stream_that_nobody_reads() {
    let mut client = http2(connect(gopuram::serve(service_fn(tunnel)))).await;
    let unread = client.send_request(ask("http://a/")).await.unwrap();
    let req = Request::connect("a:80").body(Body::empty()).unwrap();
    let res = client.send_request(req).await.unwrap();
    let mut through = TokioIo::new(hyper::upgrade::on(res).await.unwrap());
    for _ in 0..10 {
        through.write_all(b"hello").await.unwrap();
        sleep(seconds(50)).await;
    }
    drop(unread);
    read_until(&mut through, "hello").await;
}

#[tokio::test(start_paused = true)]
async fn a_tunnel_that_has_ended_excuses_no_stream_that_nobody_reads() {
    let mut client = http2(connect(gopuram::serve(service_fn(tunnel)))).await;
    let mut open = async || {
        let req = Request::connect("a:80").body(Body::empty()).unwrap();
        let res = client.send_request(req).await.unwrap();
        TokioIo::new(hyper::upgrade::on(res).await.unwrap())
    };
    let (first, second) = (open().await, open().await);
    let _unread = client.send_request(ask("http://a/")).await.unwrap();
    drop(first);
    // The other one holds it still.
    sleep(seconds(200)).await;
    assert!(!client.is_closed());
    drop(second);
    // When the end of a tunnel is noticed by looking again, and then as long as any who does not read.
    sleep(seconds(75 + 60 + 1)).await;
    assert!(client.is_closed());
}

/// Tells what became of a body.
fn tells() -> (App, mpsc::UnboundedReceiver<Result<Bytes, String>>) {
    let (tell, told) = mpsc::unbounded_channel();
    let app = BoxCloneService::new(service_fn(move |req: Request<Body>| {
        let tell = tell.clone();
        async move {
            let body = req.into_body().collect().await;
            let told = body
                .map(http_body_util::Collected::to_bytes)
                .map_err(|error| format!("{error:?}"));
            tell.send(told).unwrap();
            Ok(Response::new(Body::empty()))
        }
    }));
    (app, told)
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_is_reset_is_not_whole_though_there_was_no_error() {
    let length = [("content-length", "100")];
    for more in [&[][..], &length] {
        let (app, mut told) = tells();
        let mut client = connect(gopuram::serve(app));
        let post = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", "/"),
            (":authority", "a"),
        ];
        let mut head = frame(&[&post, more].concat());
        // Without `END_STREAM`.
        head[4] = 4;
        let half = [&[0, 0, 4, 0, 0, 0, 0, 0, 1][..], b"half"].concat();
        let no_error = [0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 0];
        client.write_all(&opening()).await.unwrap();
        client.write_all(&head).await.unwrap();
        client.write_all(&half).await.unwrap();
        sleep(seconds(1)).await;
        client.write_all(&no_error).await.unwrap();
        let told = told.recv().await.unwrap();
        assert!(told.unwrap_err().contains("Truncated"));
    }
}

/// `END_STREAM` is an end, whatever comes after it.
#[tokio::test(start_paused = true)]
async fn an_upload_that_is_reset_after_its_end_is_whole() {
    let (app, mut told) = tells();
    let mut client = connect(gopuram::serve(app));
    let mut head = frame(&[
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/"),
        (":authority", "a"),
    ]);
    head[4] = 4;
    let whole = [&[0, 0, 5, 0, 1, 0, 0, 0, 1][..], b"whole"].concat();
    let no_error = [0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 0];
    client.write_all(&opening()).await.unwrap();
    client
        .write_all(&[head, whole, no_error.to_vec()].concat())
        .await
        .unwrap();
    // hyper may have dropped the request with the stream before it was looked at.
    assert_ne!(told.recv().await.map(|told| told.is_err()), Some(true));
}

/// Answers at once, and tells what came after that.
fn answers_first() -> (App, oneshot::Receiver<Bytes>) {
    let (tell, told) = oneshot::channel();
    let tell = Arc::new(std::sync::Mutex::new(Some(tell)));
    let app = BoxCloneService::new(service_fn(move |req: Request<Body>| {
        let tell = tell.lock().unwrap().take().unwrap();
        tokio::spawn(async move {
            let body = req.into_body().collect().await.unwrap();
            tell.send(body.to_bytes()).unwrap();
        });
        std::future::ready(Ok(Response::new(Body::from("hello"))))
    }));
    (app, told)
}

#[tokio::test(start_paused = true)]
async fn an_upload_may_last_longer_than_the_answer() {
    let (app, told) = answers_first();
    let mut client = connect(gopuram::serve(app));
    client
        .write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n")
        .await
        .unwrap();
    read_until(&mut client, "hello").await;
    for _ in 0..10 {
        sleep(seconds(50)).await;
        client.write_all(b"x").await.unwrap();
    }
    assert_eq!(told.await.unwrap(), "xxxxxxxxxx");
    let before = Instant::now();
    assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
    assert!((75..=80).contains(&before.elapsed().as_secs()));
}

#[tokio::test(start_paused = true)]
async fn an_upload_may_last_longer_than_the_answer_on_http_2() {
    let (app, told) = answers_first();
    let mut client = http2(connect(gopuram::serve(app))).await;
    let (send, frames) = mpsc::unbounded_channel();
    let body = StreamBody::new(futures_util::stream::unfold(frames, async |mut frames| {
        let frame: Bytes = frames.recv().await?;
        Some((Ok::<_, Infallible>(Frame::data(frame)), frames))
    }));
    let req = Request::post("http://a/").body(Box::pin(body)).unwrap();
    let res = client.send_request(req).await.unwrap();
    assert_eq!(res.into_body().collect().await.unwrap().to_bytes(), "hello");
    for _ in 0..10 {
        sleep(seconds(50)).await;
        send.send(Bytes::from_static(b"x")).unwrap();
    }
    drop(send);
    assert_eq!(told.await.unwrap(), "xxxxxxxxxx");
}

/// A client that asks once and takes whatever it is given.
struct Greedy {
    asks: &'static [u8],
    taken: Arc<AtomicUsize>,
}

impl AsyncRead for Greedy {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.asks.is_empty() {
            return Poll::Pending;
        }
        let (now, later) = self.asks.split_at(self.asks.len().min(buf.remaining()));
        buf.put_slice(now);
        self.asks = later;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Greedy {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.taken.fetch_add(buf.len(), Ordering::SeqCst);
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn who_takes_much_lets_others_have_their_turn() {
    const LARGE: usize = 8 << 20;
    let app = service_fn(async |_: Request<Body>| {
        Ok::<_, Infallible>(Response::new(Body::from(vec![b'x'; LARGE])))
    });
    let taken = Arc::new(AtomicUsize::new(0));
    let client = Greedy {
        asks: b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        taken: Arc::clone(&taken),
    };
    let serving = tokio::spawn(gopuram::serve(app).over(client));
    // Another task that always has something to do.
    let other = tokio::spawn(async move {
        let (mut before, mut turns) = (0, 0);
        std::future::poll_fn(|cx| {
            let now = taken.load(Ordering::SeqCst);
            assert!(now - before <= 300 * 1024, "{} in one turn", now - before);
            before = now;
            turns += 1;
            if now >= LARGE {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
        turns
    });
    let turns = other.await.unwrap();
    assert!(turns >= 28, "{turns}");
    serving.abort();
}

/// An endless answer, or one of `most` pieces, and where each piece is told of that was asked for.
fn pieces(
    piece: usize,
    most: usize,
) -> (
    impl Fn(Request<Body>) -> std::future::Ready<Result<Response<Body>, Infallible>> + Clone,
    mpsc::UnboundedReceiver<usize>,
) {
    let (taken, told) = mpsc::unbounded_channel();
    let app = move |_: Request<Body>| {
        let taken = taken.clone();
        let pieces = futures_util::stream::repeat_with(move || {
            taken.send(piece).ok();
            Ok::<_, Infallible>(Frame::data(Bytes::from(vec![b'x'; piece])))
        });
        let body = Body::new(StreamBody::new(pieces.take(most)));
        std::future::ready(Ok(Response::new(body)))
    };
    (app, told)
}

/// Else the kernel takes as much as its largest send buffer, of memory that all sockets share.
#[cfg(any(target_os = "android", target_os = "linux"))]
#[tokio::test]
async fn the_kernel_takes_little_of_what_a_client_does_not_read() {
    let (app, mut told) = pieces(16 * 1024, usize::MAX);
    let server = gopuram::serve(service_fn(app))
        .bind("127.0.0.1:0")
        .deadlines(Deadlines::default().write(Duration::from_secs(1)))
        .listen()
        .await
        .unwrap();
    let address = server.socket().unwrap();
    let handle = server.handle();
    let running = tokio::spawn(server.run());
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut client = socket.connect(address).await.unwrap();
    client
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    // Until the deadline cuts it and the server with its application is gone.
    let mut taken = told.recv().await.unwrap();
    handle.stop();
    running.await.unwrap().unwrap();
    while let Ok(piece) = told.try_recv() {
        taken += piece;
    }
    assert!(taken < 1024 * 1024, "{taken}");
}

#[tokio::test]
async fn a_body_is_asked_for_no_more_until_the_client_has_taken_what_it_gave() {
    const PIECE: usize = 40 * 1024;
    let (app, mut told) = pieces(PIECE, 6);
    let (mut client, server) = tokio::io::duplex(PIECE + PIECE / 2);
    let serving = tokio::spawn(gopuram::serve(service_fn(app)).over(server));
    client
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    // One is in the transport, and half of another: hyper's buffer has room for two more.
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(std::iter::from_fn(|| told.try_recv().ok()).count(), 2);
    let mut all = Vec::new();
    client.read_to_end(&mut all).await.unwrap();
    assert!(all.ends_with(b"\r\n0\r\n\r\n"));
    assert_eq!(std::iter::from_fn(|| told.try_recv().ok()).count(), 4);
    serving.await.unwrap();
}
