//! A: what an application is.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use gopuram::middleware::{
    BodyLimit, CatchPanic, Compress, Head, Router, SetHeader, Timeout, promise,
};
use gopuram::testing::{Client, app};
use gopuram::{Body, Stack};
use gopuram_tests::Log;
use http::header::SERVER;
use http::{Request, Response};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tower::Service;
use tower::util::service_fn;

use crate::support::{
    Count, GET, answers, ask, connect, exchange, http2, http2_of, listen, read_until, rest, text,
};

#[tokio::test(start_paused = true)]
async fn a1_an_application_is_any_tower_service() {
    let axum = axum::Router::new().route("/", axum::routing::get(async || "of axum"));
    let answer = exchange(axum, GET).await;
    assert!(answer.ends_with("\r\n\r\nof axum"), "{answer}");

    let function = service_fn(async |_: Request<Body>| {
        Ok::<_, Infallible>(Response::new(http_body_util::Full::from("of tower")))
    });
    let answer = exchange(function, GET).await;
    assert!(answer.ends_with("\r\n\r\nof tower"), "{answer}");
}

#[tokio::test]
async fn a2_a_connection_has_one_clone_for_all_its_requests() {
    let clones = Count::default();
    let count = clones.clone();
    // A layer that counts its clones, of an application that says that nothing is left in it.
    let counted = tower_layer::layer_fn(move |inner| Clones(count.clone(), inner));
    let router = Router::new().get("/", async |_| "hello");
    let address = listen(Stack::new().layer(counted).app(router)).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(GET).await.unwrap();
    read_until(&mut client, "hello").await;
    let one = clones.get();
    for _ in 0..10 {
        client.write_all(GET).await.unwrap();
        read_until(&mut client, "hello").await;
    }
    assert_eq!(clones.get(), one, "cloned for a request of HTTP/1");
    let mut client = http2(TcpStream::connect(address).await.unwrap()).await;
    for _ in 0..10 {
        let res = client.send_request(ask("http://a/")).await.unwrap();
        assert_eq!(res.status(), 200);
    }
    assert_eq!(clones.get(), one + 1, "one for the connection of HTTP/2");
}

/// Counts how often it is cloned.
struct Clones<S>(Count, S);

impl<S: Clone> Clone for Clones<S> {
    fn clone(&self) -> Self {
        self.0.add();
        Self(self.0.clone(), self.1.clone())
    }
}

impl<S: Service<Request<Body>>> Service<Request<Body>> for Clones<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.1.poll_ready(cx)
    }

    fn call(&mut self, req: Request<Body>) -> Self::Future {
        self.1.call(req)
    }
}

#[tokio::test]
async fn a3_an_error_passes_through_layers_untouched() {
    #[derive(Clone, Debug, PartialEq)]
    struct OutOfOrder(u8);

    impl From<OutOfOrder> for Box<dyn std::error::Error + Send + Sync> {
        fn from(OutOfOrder(floor): OutOfOrder) -> Self {
            format!("out of order on floor {floor}").into()
        }
    }

    let stack = Stack::new()
        .with(SetHeader::response(SERVER).remove())
        .with(CatchPanic::default())
        .with(Timeout::head(Duration::from_secs(1)))
        .with(BodyLimit::new(1))
        .with(Head::default())
        .with(Compress::default())
        .app(app::fails(OutOfOrder(7)));
    let failed = Client::in_process(stack).get("/").call().await;
    assert_eq!(failed.map(drop), Err(OutOfOrder(7)));
}

#[tokio::test(start_paused = true)]
async fn a3_a_gateway_answers_500_for_an_error_and_says_so_in_its_log() {
    let (log, logged) = Log::new(tracing::Level::ERROR);
    let _guard = tracing::subscriber::set_default(log);
    let fails = service_fn(async |_: Request<Body>| {
        Err::<Response<Body>, _>(io::Error::other("no database"))
    });
    let mut client = connect(fails);
    for _ in 0..2 {
        client.write_all(GET).await.unwrap();
        let answer = read_until(&mut client, "\r\n\r\n").await;
        let status = "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n";
        assert_eq!(answer, status, "and the connection goes on");
    }
    let mut client = http2_of(fails).await;
    let res = client.send_request(ask("http://a/")).await.unwrap();
    assert_eq!(res.status(), 500);
    let said = logged();
    assert_eq!(said.matches("no database").count(), 3, "{said}");
}

#[tokio::test]
async fn a4_a_panic_ends_its_connection_and_no_other() {
    let app = answers(|req| {
        assert!(req.uri().path() != "/panic", "on purpose");
        Response::new("hello")
    });
    let address = listen(app).await;
    let mut other = TcpStream::connect(address).await.unwrap();
    other.write_all(GET).await.unwrap();
    read_until(&mut other, "hello").await;

    let mut client = TcpStream::connect(address).await.unwrap();
    let panics = b"GET /panic HTTP/1.1\r\nHost: a\r\n\r\n";
    client.write_all(panics).await.unwrap();
    assert_eq!(rest(&mut client).await, "", "closed and not answered");

    other.write_all(GET).await.unwrap();
    read_until(&mut other, "hello").await;
    let mut new = TcpStream::connect(address).await.unwrap();
    new.write_all(GET).await.unwrap();
    read_until(&mut new, "hello").await;
}

#[tokio::test(start_paused = true)]
async fn a4_a_panic_ends_its_stream_and_no_other() {
    let app = service_fn(async |req: Request<Body>| {
        // Later than the other is asked.
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(req.uri().path() != "/panic", "on purpose");
        Ok::<_, Infallible>(Response::new(Body::from("hello")))
    });
    let mut client = http2_of(app).await;
    let panics = client.send_request(ask("http://a/panic"));
    let other = client.send_request(ask("http://a/"));
    let (panics, other) = tokio::join!(panics, other);
    assert!(panics.is_err());
    assert_eq!(text(other.unwrap()).await.unwrap(), "hello");
    let res = client.send_request(ask("http://a/")).await.unwrap();
    assert_eq!(text(res).await.unwrap(), "hello");
}

/// Answers later than both of two requests are asked, and panics in its call, or when its readiness is asked the
/// second time.
#[derive(Clone)]
struct Panics {
    ready: bool,
    asked: u8,
}

impl Service<Request<Body>> for Panics {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.asked += 1;
        assert!(!self.ready || self.asked != 2, "on purpose");
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, req: Request<Body>) -> Self::Future {
        assert!(self.ready || req.uri().path() != "/panic", "on purpose");
        promise::used(self);
        Box::pin(async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok(Response::new(Body::from("hello")))
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a4_a_panic_in_the_call_ends_its_stream_and_no_other() {
    for ready in [false, true] {
        let mut client = http2_of(Panics { ready, asked: 0 }).await;
        let other = client.send_request(ask("http://a/"));
        let panics = client.send_request(ask("http://a/panic"));
        let (other, panics) = tokio::join!(other, panics);
        assert_eq!(text(other.unwrap()).await.unwrap(), "hello");
        let reset = format!("{:?}", panics.unwrap_err());
        assert!(reset.contains("Reset"), "{reset}");
        let mut client = http2_of(Panics { ready, asked: 0 }).await;
        let res = client.send_request(ask("http://a/")).await.unwrap();
        assert_eq!(text(res).await.unwrap(), "hello");
    }
}

#[tokio::test(start_paused = true)]
async fn a4_a_panic_in_the_call_ends_its_connection() {
    let panics = b"GET /panic HTTP/1.1\r\nHost: a\r\n\r\n";
    let app = Panics {
        ready: false,
        asked: 0,
    };
    let mut client = connect(app);
    client.write_all(panics).await.unwrap();
    let before = tokio::time::Instant::now();
    assert_eq!(rest(&mut client).await, "", "closed and not answered");
    assert_eq!(before.elapsed(), Duration::ZERO);
}

/// Panics when it is cloned for a connection the second time.
struct PanicsWhenCloned(Count);

impl Clone for PanicsWhenCloned {
    fn clone(&self) -> Self {
        self.0.add();
        // The first one is for the listener.
        assert!(self.0.get() != 3, "on purpose");
        Self(self.0.clone())
    }
}

impl Service<Request<Body>> for PanicsWhenCloned {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        promise::used(self);
        ready(Ok(Response::new(Body::from("hello"))))
    }
}

#[tokio::test]
async fn a4_a_panic_in_the_clone_ends_its_connection_and_no_other() {
    let serve = gopuram::serve(PanicsWhenCloned(Count::default())).bind("127.0.0.1:0");
    let server = serve.listen().await.unwrap();
    let (address, handle) = (server.socket().unwrap(), server.handle());
    let server = tokio::spawn(server.run());
    for answered in [true, false, true] {
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(GET).await.unwrap();
        if answered {
            read_until(&mut client, "hello").await;
        } else {
            assert_eq!(rest(&mut client).await, "", "closed and not answered");
        }
    }
    handle.stop();
    server.await.unwrap().unwrap();
}
