//! The same exchange over a loopback connection.

use std::convert::Infallible;
use std::error::Error as StdError;
use std::fmt;
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONNECTION, DATE, TRANSFER_ENCODING};
use http::{Request, Response};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tower_service::Service;

use super::client::ask;
use crate::middleware::Body;
use crate::middleware::attributes::{Attributes, Connection, Scheme};

/// Whether the environment says that tests go over a socket.
pub(super) fn is_chosen() -> bool {
    std::env::var_os("GOPURAM_TEST_OVER").is_some_and(|over| over == "socket")
}

/// Serves `app` on a port of its own and sends it one request.
pub(super) async fn exchange<S, C>(app: S, req: Request<Body>) -> Response<Body>
where
    S: Service<Request<Body>, Response = Response<C>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: fmt::Debug,
    C: http_body::Body<Data = Bytes> + Send + 'static,
    C::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    match try_exchange(app, req).await {
        Ok(res) => res,
        Err(error) => panic!("no answer over the socket: {error}"),
    }
}

async fn try_exchange<S, C>(
    app: S,
    req: Request<Body>,
) -> Result<Response<Body>, Box<dyn StdError + Send + Sync>>
where
    S: Service<Request<Body>, Response = Response<C>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: fmt::Debug,
    C: http_body::Body<Data = Bytes> + Send + 'static,
    C::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let server = tokio::spawn(serve(listener, app));
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let client = tokio::spawn(async move {
        // How it ended is seen where the answer is read.
        drop(connection.with_upgrades().await);
    });
    let tasks = Arc::new(Tasks([server, client]));
    let mut res = sender.send_request(req).await?;
    // How the gateway framed the answer, and when.
    for name in [CONNECTION, DATE, TRANSFER_ENCODING] {
        res.headers_mut().remove(name);
    }
    res.extensions_mut().insert(Arc::clone(&tasks));
    Ok(res.map(|body| Body::new(OverSocket { body, tasks })))
}

/// Serves one connection.
async fn serve<S, C>(listener: TcpListener, app: S)
where
    S: Service<Request<Body>, Response = Response<C>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: fmt::Debug,
    C: http_body::Body<Data = Bytes> + Send + 'static,
    C::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    let Ok((stream, peer)) = listener.accept().await else {
        return;
    };
    let local = stream.local_addr().ok();
    let connection = Arc::new(Connection::new(local, Some(peer), Scheme::Http));
    let service = hyper::service::service_fn(move |req: Request<Incoming>| {
        let mut req = req.map(Body::new);
        let attributes = Attributes::new(Arc::clone(&connection));
        req.extensions_mut().insert(attributes);
        let answer = ask(app.clone(), req);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    // How it ended is seen by the client.
    let connection = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    drop(connection.await);
}

/// What an exchange runs on; ended with it.
#[derive(Debug)]
struct Tasks([JoinHandle<()>; 2]);

impl Drop for Tasks {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

/// A body on its way over the connection, which it keeps alive.
#[derive(Debug)]
struct OverSocket {
    body: Incoming,
    #[expect(dead_code, reason = "ends with the body")]
    tasks: Arc<Tasks>,
}

impl http_body::Body for OverSocket {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
