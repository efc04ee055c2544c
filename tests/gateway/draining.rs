//! Streams that hear of the end, and come to one.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use gopuram::Body;
use gopuram::middleware::attributes::Draining;
use http::{Request, Response};
use http_body::Frame;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tower::util::service_fn;

use crate::support::{ask, http2, read_until};

/// A stream of events without an end, but that of the server.
struct Events {
    greeting: Option<Bytes>,
    goodbye: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl http_body::Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(greeting) = self.greeting.take() {
            return Poll::Ready(Some(Ok(Frame::data(greeting))));
        }
        let Some(draining) = &mut self.goodbye else {
            return Poll::Ready(None);
        };
        ready!(draining.as_mut().poll(cx));
        self.goodbye = None;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"goodbye")))))
    }
}

#[tokio::test]
async fn a_stream_without_an_end_ends_with_the_server() {
    let app = service_fn(async |req: Request<Body>| {
        let draining = Draining::of(&req);
        assert!(!draining.has_begun());
        Ok::<_, Infallible>(Response::new(Events {
            greeting: Some(Bytes::from_static(b"hello")),
            goodbye: Some(Box::pin(async move {
                draining.begins().await;
                assert!(draining.has_begun());
            })),
        }))
    });
    let server = gopuram::serve(app).bind("127.0.0.1:0");
    let server = server.listen().await.unwrap();
    let (address, handle) = (server.socket().unwrap(), server.handle());
    let running = tokio::spawn(server.run());
    let mut first = TcpStream::connect(address).await.unwrap();
    let get = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    first.write_all(get).await.unwrap();
    read_until(&mut first, "hello\r\n").await;
    let mut second = http2(TcpStream::connect(address).await.unwrap()).await;
    let second = second.send_request(ask("http://a/")).await.unwrap();
    handle.stop();
    let mut rest = String::new();
    first.read_to_string(&mut rest).await.unwrap();
    assert_eq!(rest, "7\r\ngoodbye\r\n0\r\n\r\n");
    let whole = http_body_util::BodyExt::collect(second.into_body()).await;
    assert_eq!(whole.unwrap().to_bytes(), "hellogoodbye");
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn without_a_gateway_it_does_not_begin() {
    let draining = Draining::of(&Request::new(()));
    assert!(!draining.has_begun());
    let begun = std::future::poll_fn(|cx| {
        let waiting = std::pin::pin!(draining.begins());
        Poll::Ready(waiting.poll(cx).is_ready())
    });
    assert!(!begun.await);
}
