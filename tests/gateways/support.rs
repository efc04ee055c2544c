//! Applications, and connections to them.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gopuram::gateway::{Protocol, Serve};
use gopuram::{Application, Body};
use http::{Request, Response};
use http_body_util::BodyExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tower::util::{BoxCloneService, service_fn};

use crate::front::{Answer, Record, Said, records};

pub(crate) type App = BoxCloneService<Request<Body>, Response<Body>, Infallible>;

/// An application that answers with what `f` says.
pub(crate) fn answers<C>(f: impl Fn(Request<Body>) -> Response<C> + Clone + Send + 'static) -> App
where
    C: Into<Body> + 'static,
{
    BoxCloneService::new(service_fn(move |req| {
        std::future::ready(Ok(f(req).map(Into::into)))
    }))
}

/// Says what it was asked, with the body it got.
pub(crate) fn echo() -> App {
    BoxCloneService::new(service_fn(async |req: Request<Body>| {
        let (head, body) = req.into_parts();
        let said = match body.collect().await {
            Ok(whole) => String::from_utf8_lossy(&whole.to_bytes()).into_owned(),
            Err(_) => "broken".to_owned(),
        };
        let answer = format!("{} {} {said}", head.method, head.uri);
        Ok(Response::new(Body::from(answer)))
    }))
}

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

    /// Counts when it is dropped.
    pub(crate) fn at_the_end(&self) -> AtTheEnd {
        AtTheEnd(self.clone())
    }
}

pub(crate) struct AtTheEnd(Count);

impl Drop for AtTheEnd {
    fn drop(&mut self) {
        self.0.add();
    }
}

/// Serves one connection; the front server's end of it.
pub(crate) fn over(serve: Serve<impl Application>, protocol: Protocol) -> DuplexStream {
    let (front, io) = tokio::io::duplex(64 * 1024);
    tokio::spawn(serve.speak(protocol, io));
    front
}

pub(crate) fn connect(app: impl Application, protocol: Protocol) -> DuplexStream {
    over(gopuram::serve(app), protocol)
}

/// The answer to some bytes, until the connection is closed.
pub(crate) async fn exchange(app: impl Application, protocol: Protocol, bytes: &[u8]) -> Answer {
    let mut front = connect(app, protocol);
    front.write_all(bytes).await.unwrap();
    rest(&mut front, protocol).await
}

pub(crate) async fn rest(front: &mut DuplexStream, protocol: Protocol) -> Answer {
    let mut bytes = Vec::new();
    front.read_to_end(&mut bytes).await.unwrap();
    Answer::of(protocol, &bytes, false)
}

/// The answer to a request without a body.
pub(crate) async fn ask(app: impl Application, protocol: Protocol, said: &Said) -> Answer {
    exchange(app, protocol, &said.send(protocol, b"")).await
}

/// Records, as they come.
pub(crate) struct Records {
    pub(crate) front: DuplexStream,
    bytes: Vec<u8>,
}

impl Records {
    pub(crate) fn of(front: DuplexStream) -> Self {
        Self {
            front,
            bytes: Vec::new(),
        }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.front.write_all(bytes.as_ref()).await.unwrap();
    }

    /// The next one; `None` if the connection ends.
    pub(crate) async fn next(&mut self) -> Option<Record> {
        loop {
            let (mut whole, rest) = records(&self.bytes);
            if !whole.is_empty() {
                let first = whole.remove(0);
                let length = self.bytes.len() - rest.len();
                let later: usize = {
                    let mut at = 0;
                    let header = &self.bytes[..8];
                    at += 8 + usize::from(u16::from_be_bytes([header[4], header[5]]));
                    at + usize::from(header[6])
                };
                assert!(later <= length);
                self.bytes.drain(..later);
                return Some(first);
            }
            let mut piece = [0; 4096];
            let count = self.front.read(&mut piece).await.unwrap();
            if count == 0 {
                return None;
            }
            self.bytes.extend(&piece[..count]);
        }
    }

    /// All records until a request has ended: its output and the content of its end.
    pub(crate) async fn answer(&mut self, id: u16) -> (String, Vec<u8>) {
        let mut text = Vec::new();
        loop {
            match self.next().await {
                Some((crate::front::STDOUT, of, content)) if of == id => text.extend(content),
                Some((crate::front::END, of, content)) if of == id => {
                    return (String::from_utf8(text).unwrap(), content);
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

/// Lets the others do what they have to.
pub(crate) async fn turns() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}
