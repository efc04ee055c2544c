//! Applications and clients that the tests have in common.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use gopuram::gateway::Serve;
use gopuram::{Application, Body};
use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream};
use tower::util::{BoxCloneService, service_fn};

pub(crate) type App = BoxCloneService<Request<Body>, Response<Body>, Infallible>;

/// Says what it was asked, with the body it got.
pub(crate) fn echo() -> App {
    BoxCloneService::new(service_fn(async |req: Request<Body>| {
        let (head, body) = req.into_parts();
        let said = match body.collect().await {
            Ok(whole) => whole.to_bytes(),
            Err(_) => Bytes::from_static(b"broken"),
        };
        let host = head
            .headers
            .get("host")
            .map_or("-", |h| h.to_str().unwrap());
        let answer = format!(
            "{} {} {host} {}",
            head.method,
            head.uri,
            String::from_utf8_lossy(&said)
        );
        Ok(Response::new(Body::from(answer)))
    }))
}

/// Counts what it is asked.
#[derive(Clone, Default)]
pub(crate) struct Counter(Arc<AtomicUsize>);

impl Counter {
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    pub(crate) fn app(&self) -> App {
        let count = Arc::clone(&self.0);
        BoxCloneService::new(service_fn(move |_: Request<Body>| {
            count.fetch_add(1, Ordering::SeqCst);
            std::future::ready(Ok(Response::new(Body::from("hello"))))
        }))
    }
}

/// Serves one connection in a task; the client's end of it.
pub(crate) fn connect(serve: Serve<impl Application>) -> DuplexStream {
    let (client, io) = tokio::io::duplex(64 * 1024);
    tokio::spawn(serve.over(io));
    client
}

/// Bytes in, bytes out: all that is answered until the connection is closed, without `date`.
///
/// With time paused, a connection that is kept alive is closed by its deadline.
pub(crate) async fn exchange(app: impl Application, bytes: impl AsRef<[u8]>) -> String {
    let mut client = connect(gopuram::serve(app));
    client.write_all(bytes.as_ref()).await.unwrap();
    rest(&mut client).await
}

/// All that comes until the connection is closed, without `date`.
pub(crate) async fn rest(client: &mut DuplexStream) -> String {
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.unwrap();
    undated(&answer)
}

/// As much as `until`, which must come.
pub(crate) async fn read_until(client: &mut (impl AsyncRead + Unpin), until: &str) -> String {
    let mut answer = Vec::new();
    while !undated(&answer).ends_with(until) {
        let byte = client.read_u8().await;
        answer.push(byte.unwrap_or_else(|_| panic!("no {until:?} in {:?}", undated(&answer))));
    }
    undated(&answer)
}

fn undated(answer: &[u8]) -> String {
    String::from_utf8_lossy(answer)
        .split_inclusive("\r\n")
        .filter(|line| !line.starts_with("date: "))
        .collect()
}

/// An HTTP/2 client on a connection.
pub(crate) async fn http2<B>(
    io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> http2::SendRequest<B>
where
    B: http_body::Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (client, conn) = http2::handshake(TokioExecutor::new(), TokioIo::new(io))
        .await
        .unwrap();
    tokio::spawn(conn);
    client
}

/// A request of HTTP/2.
pub(crate) fn ask(target: &str) -> Request<Body> {
    Request::builder().uri(target).body(Body::empty()).unwrap()
}

/// Lets the others do what they have to.
pub(crate) async fn turns() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}
