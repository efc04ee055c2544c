//! Clients on the wire, and what applications in the tests have in common.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gopuram::gateway::Serve;
use gopuram::{Application, Body};
use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream};
use tower::util::{BoxCloneService, service_fn};

pub(crate) const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

pub(crate) type App = BoxCloneService<Request<Body>, Response<Body>, Infallible>;

/// How often something happened.
#[derive(Clone, Default)]
pub(crate) struct Count(Arc<AtomicUsize>);

impl Count {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// An application that answers with what `f` says.
pub(crate) fn answers<C>(f: impl Fn(Request<Body>) -> Response<C> + Clone + Send + 'static) -> App
where
    C: Into<Body> + 'static,
{
    BoxCloneService::new(service_fn(move |req| {
        std::future::ready(Ok(f(req).map(Into::into)))
    }))
}

/// Counts what it is asked, and reads no bodies.
pub(crate) fn counts(count: &Count) -> App {
    let count = count.clone();
    answers(move |_| {
        count.add();
        Response::new("hello")
    })
}

/// Serves one connection; the client's end of it.
pub(crate) fn connect<S: Application>(app: S) -> DuplexStream {
    over(gopuram::serve(app))
}

pub(crate) fn over<S: Application>(serve: Serve<S>) -> DuplexStream {
    let (client, io) = tokio::io::duplex(64 * 1024);
    tokio::spawn(serve.over(io));
    client
}

/// Serves on a socket of its own.
pub(crate) async fn listen<S: Application>(app: S) -> SocketAddr {
    let serve = gopuram::serve(app).bind("127.0.0.1:0");
    let server = serve.listen().await.unwrap();
    let address = server.socket().unwrap();
    tokio::spawn(server.run());
    address
}

/// Bytes in, bytes out, until the connection is closed; without `date`.
///
/// With time paused, a connection that is kept alive is closed by its deadline.
pub(crate) async fn exchange<S: Application>(app: S, bytes: impl AsRef<[u8]>) -> String {
    let mut client = connect(app);
    client.write_all(bytes.as_ref()).await.unwrap();
    rest(&mut client).await
}

/// All that comes until the connection is closed, without `date`.
pub(crate) async fn rest(client: &mut (impl AsyncRead + Unpin)) -> String {
    let mut answer = Vec::new();
    // A reset is an end as well.
    client.read_to_end(&mut answer).await.ok();
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
pub(crate) async fn http2<T>(io: T) -> http2::SendRequest<Body>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (client, conn) = http2::handshake(TokioExecutor::new(), TokioIo::new(io))
        .await
        .unwrap();
    tokio::spawn(conn);
    client
}

/// An HTTP/2 client of an application.
pub(crate) async fn http2_of<S: Application>(app: S) -> http2::SendRequest<Body> {
    http2(connect(app)).await
}

/// A request of HTTP/2.
pub(crate) fn ask(target: &str) -> Request<Body> {
    Request::builder().uri(target).body(Body::empty()).unwrap()
}

/// The body of an answer as text, if it is whole.
pub(crate) async fn text<C>(res: Response<C>) -> Result<String, C::Error>
where
    C: http_body::Body,
{
    let whole = res.into_body().collect().await?.to_bytes();
    Ok(String::from_utf8_lossy(&whole).into_owned())
}
