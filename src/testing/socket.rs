//! The same exchange over a loopback connection, through the HTTP gateway.

use std::convert::Infallible;
use std::error::Error as StdError;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::TRANSFER_ENCODING;
use http::{Request, Response};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tower_service::Service;

use super::client::Served;
use super::exchange::ask;
use crate::middleware::Body;

/// Whether the environment says that tests go over a socket.
pub(super) fn is_chosen() -> bool {
    std::env::var_os("GOPURAM_TEST_OVER").is_some_and(|over| over == "socket")
}

/// Serves `app` on a port of its own and sends it one request.
pub(super) async fn exchange<S: Served>(
    app: S,
    req: Request<Body>,
) -> Result<Response<Body>, Box<dyn StdError + Send + Sync>> {
    let gateway = crate::serve(Answering(app)).bind("127.0.0.1:0");
    let server = gateway.listen().await?;
    let address = server.socket().ok_or("no port")?;
    let server = tokio::spawn(async move {
        // How it ended is seen by the client.
        drop(server.run().await);
    });
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let client = tokio::spawn(async move {
        // How it ended is seen where the answer is read.
        drop(connection.with_upgrades().await);
    });
    let tasks = Arc::new(Tasks([server, client]));
    let mut res = sender.send_request(req).await?;
    // How the gateway framed the answer.
    res.headers_mut().remove(TRANSFER_ENCODING);
    res.extensions_mut().insert(Arc::clone(&tasks));
    Ok(res.map(|body| Body::new(OverSocket { body, tasks })))
}

/// An application whose errors are answers already.
#[derive(Clone, Copy)]
struct Answering<S>(S);

impl<S: Served> Service<Request<Body>> for Answering<S> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, req: Request<Body>) -> Self::Future {
        let answer = ask(self.0.clone(), req);
        Box::pin(async { Ok(answer.await) })
    }
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
