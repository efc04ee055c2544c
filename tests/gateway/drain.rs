//! How serving ends.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::{Command, Stdio};
use std::task::{Context, Poll};
use std::time::Duration;

use gopuram::gateway::{Deadlines, Handle};
use gopuram::{Body, Error};
use gopuram_tests::Log;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tower::Service;
use tower::util::service_fn;

use crate::support::{ask, connect, echo, http2, read_until, rest, turns};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// A server whose application answers when it is told to.
struct Slow {
    address: SocketAddr,
    handle: Handle,
    served: JoinHandle<Result<(), Error>>,
    asked: mpsc::UnboundedReceiver<oneshot::Sender<()>>,
}

async fn slow(deadlines: Deadlines) -> Slow {
    slow_until(deadlines, std::future::pending()).await
}

async fn slow_until(deadlines: Deadlines, end: impl Future<Output = ()> + Send + 'static) -> Slow {
    let (ask, asked) = mpsc::unbounded_channel();
    let app = service_fn(move |_: Request<Body>| {
        let (go, wait) = oneshot::channel();
        ask.send(go).unwrap();
        async move {
            wait.await.ok();
            Ok::<_, Infallible>(Response::new(Body::from("hello")))
        }
    });
    let server = gopuram::serve(app)
        .bind("127.0.0.1:0")
        .deadlines(deadlines)
        .until(end)
        .listen()
        .await
        .unwrap();
    Slow {
        address: server.socket().unwrap(),
        handle: server.handle(),
        served: tokio::spawn(server.run()),
        asked,
    }
}

#[tokio::test]
async fn an_end_at_once_is_told_of_where_requests_were_cut() {
    for (requests, told) in [(0, false), (1, true)] {
        let (log, logged) = Log::new(tracing::Level::WARN);
        let _guard = tracing::subscriber::set_default(log);
        let mut server = slow(Deadlines::default()).await;
        let mut clients = Vec::new();
        for _ in 0..requests {
            let mut client = TcpStream::connect(server.address).await.unwrap();
            client.write_all(GET).await.unwrap();
            clients.push((client, server.asked.recv().await.unwrap()));
        }
        server.handle.end();
        server.served.await.unwrap().unwrap();
        let said = logged();
        assert_eq!(said.contains("ended before all requests"), told, "{said}");
    }
}

#[tokio::test]
async fn a_request_in_flight_is_finished_and_idle_connections_are_closed() {
    let mut server = slow(Deadlines::default()).await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    idle.write_all(GET).await.unwrap();
    server.asked.recv().await.unwrap().send(()).unwrap();
    read_until(&mut idle, "hello").await;
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    let mut busy = TcpStream::connect(server.address).await.unwrap();
    busy.write_all(GET).await.unwrap();
    let go = server.asked.recv().await.unwrap();

    server.handle.stop();
    let mut nothing = Vec::new();
    idle.read_to_end(&mut nothing).await.unwrap();
    silent.read_to_end(&mut nothing).await.ok();
    assert_eq!(nothing, b"");
    assert!(!server.served.is_finished());
    assert!(TcpStream::connect(server.address).await.is_err());

    go.send(()).unwrap();
    let answer = read_until(&mut busy, "hello").await;
    assert!(answer.contains("connection: close\r\n"), "{answer}");
    server.served.await.unwrap().unwrap();
    assert_eq!(server.handle.stats().drained, 3);
}

#[tokio::test(start_paused = true)]
async fn a_head_that_begins_in_the_drain_has_no_longer_for_it() {
    let (mut client, io) = tokio::io::duplex(1024);
    let app =
        service_fn(async |_: Request<Body>| Ok::<_, Infallible>(Response::new(Body::empty())));
    let serving = gopuram::serve(app)
        .deadlines(Deadlines::default().head(Duration::from_secs(2)))
        .until(tokio::time::sleep(Duration::from_millis(1800)));
    let before = Instant::now();
    let serving = tokio::spawn(serving.over(io));
    tokio::time::sleep(Duration::from_millis(1900)).await;
    client.write_all(b"GET").await.unwrap();
    serving.await.unwrap();
    assert_eq!(before.elapsed().as_millis(), 2000);
}

#[tokio::test]
async fn the_deadline_cuts_what_does_not_finish() {
    let deadlines = Deadlines::default().drain(Duration::from_millis(10));
    let mut server = slow(deadlines).await;
    let mut client = TcpStream::connect(server.address).await.unwrap();
    client.write_all(GET).await.unwrap();
    let _go = server.asked.recv().await.unwrap();
    server.handle.stop();
    server.served.await.unwrap().unwrap();
    let mut nothing = Vec::new();
    client.read_to_end(&mut nothing).await.ok();
    assert_eq!(nothing, b"");
}

#[tokio::test]
async fn it_can_be_ended_at_once() {
    let mut server = slow(Deadlines::default()).await;
    let mut client = TcpStream::connect(server.address).await.unwrap();
    client.write_all(GET).await.unwrap();
    let go = server.asked.recv().await.unwrap();
    server.handle.end();
    server.served.await.unwrap().unwrap();
    assert!(go.is_closed(), "the application was dropped");
}

#[tokio::test]
async fn dropping_the_server_cuts_its_connections() {
    let mut server = slow(Deadlines::default()).await;
    let mut client = TcpStream::connect(server.address).await.unwrap();
    client.write_all(GET).await.unwrap();
    let mut go = server.asked.recv().await.unwrap();
    server.served.abort();
    go.closed().await;
}

#[tokio::test]
async fn a_future_can_end_it() {
    let (end, ended) = oneshot::channel::<()>();
    let serving = gopuram::serve(echo())
        .bind("127.0.0.1:0")
        .until(async { drop(ended.await) });
    let served = tokio::spawn(serving.into_future());
    tokio::task::yield_now().await;
    assert!(!served.is_finished());
    drop(end);
    served.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_handle_and_the_future_are_one_wish() {
    let (end, ended) = oneshot::channel::<()>();
    let mut server = slow_until(Deadlines::default(), async { drop(ended.await) }).await;
    let mut client = TcpStream::connect(server.address).await.unwrap();
    client.write_all(GET).await.unwrap();
    let go = server.asked.recv().await.unwrap();
    server.handle.stop();
    turns().await;
    drop(end);
    turns().await;
    assert!(!server.served.is_finished());
    go.send(()).unwrap();
    read_until(&mut client, "hello").await;
    server.served.await.unwrap().unwrap();
}

/// One request that is never answered, and then a failure.
#[derive(Clone)]
struct Fails(mpsc::UnboundedSender<oneshot::Sender<()>>, bool);

impl Service<Request<Body>> for Fails {
    type Response = Response<Body>;
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, std::io::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), std::io::Error>> {
        Poll::Ready(if self.1 {
            Err(std::io::Error::other("never again"))
        } else {
            Ok(())
        })
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        self.1 = true;
        let (go, wait) = oneshot::channel();
        self.0.send(go).unwrap();
        Box::pin(async {
            wait.await.ok();
            Ok(Response::new(Body::empty()))
        })
    }
}

#[tokio::test]
async fn a_connection_that_closes_by_itself_hears_of_the_end() {
    let (ask_for, mut asked) = mpsc::unbounded_channel();
    let server = gopuram::serve(Fails(ask_for, false))
        .bind("127.0.0.1:0")
        .listen()
        .await
        .unwrap();
    let io = TcpStream::connect(server.socket().unwrap()).await.unwrap();
    let handle = server.handle();
    let running = tokio::spawn(server.run());
    let mut client = http2(io).await;
    let unanswered = tokio::spawn(client.send_request(ask("http://a/")));
    let mut go: oneshot::Sender<()> = asked.recv().await.unwrap();
    let failed = client.send_request(ask("http://a/")).await.unwrap();
    assert_eq!(failed.status(), 500);
    turns().await;
    handle.stop();
    turns().await;
    handle.end();
    let cut = tokio::time::timeout(Duration::from_secs(10), go.closed()).await;
    assert!(cut.is_ok(), "the connection goes on");
    running.await.unwrap().unwrap();
    assert!(unanswered.await.unwrap().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_connection_of_its_own_is_drained_too() {
    let app = service_fn(async |_: Request<Body>| {
        tokio::time::sleep(Duration::from_secs(10)).await;
        Ok::<_, Infallible>(Response::new(Body::from("hello")))
    });
    let until = tokio::time::sleep(Duration::from_secs(5));
    let mut client = connect(gopuram::serve(app).until(until));
    client.write_all(GET).await.unwrap();
    let before = Instant::now();
    let answer = rest(&mut client).await;
    assert!(answer.ends_with("hello"), "{answer}");
    assert_eq!(before.elapsed().as_secs(), 10);

    let until = tokio::time::sleep(Duration::from_secs(5));
    let drain = Deadlines::default().drain(Duration::from_secs(2));
    let mut client = connect(gopuram::serve(app).until(until).deadlines(drain));
    client.write_all(GET).await.unwrap();
    let before = Instant::now();
    assert_eq!(rest(&mut client).await, "");
    assert_eq!(before.elapsed().as_secs(), 7);
}

#[tokio::test(start_paused = true)]
async fn streams_in_flight_are_finished() {
    let app = service_fn(async |_: Request<Body>| {
        tokio::time::sleep(Duration::from_secs(10)).await;
        Ok::<_, Infallible>(Response::new(Body::from("hello")))
    });
    let until = tokio::time::sleep(Duration::from_secs(5));
    let mut client = http2(connect(gopuram::serve(app).until(until))).await;
    let res = client.send_request(ask("http://a/")).await.unwrap();
    let body = res.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "hello");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(client.is_closed());
}

/// Set for the process that is sent signals.
const PORT_FILE: &str = "GOPURAM_TEST_PORT_FILE";

/// The test starts itself once more, and is then the server.
#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    if let Some(file) = std::env::var_os(PORT_FILE) {
        let called = called(Path::new(&file));
        let app = service_fn(move |_: Request<Body>| {
            std::fs::write(&called, "").unwrap();
            std::future::pending::<Result<Response<Body>, Infallible>>()
        });
        let server = gopuram::serve(app)
            .bind("127.0.0.1:0")
            .listen()
            .await
            .unwrap();
        std::fs::write(file, server.socket().unwrap().to_string()).unwrap();
        server.run().await.unwrap();
        return;
    }
    let file = std::env::temp_dir().join(format!("gopuram-{}-port", std::process::id()));
    let mut server = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "drain::a_second_signal_ends_it_at_once"])
        .env(PORT_FILE, &file)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut client = loop {
        let address = std::fs::read_to_string(&file).unwrap_or_default();
        match TcpStream::connect(address).await {
            Ok(client) => break client,
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    };
    client.write_all(GET).await.unwrap();
    // The request is in the application: the server runs, and hears signals.
    while !called(&file).exists() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let signal = |name: &str| {
        let id = server.id().to_string();
        assert!(
            Command::new("kill")
                .args([name, &id])
                .status()
                .unwrap()
                .success()
        );
    };
    signal("-TERM");
    let mut byte = [0];
    let waiting = tokio::time::timeout(Duration::from_millis(50), client.read(&mut byte)).await;
    assert!(waiting.is_err(), "the request in flight was cut");
    signal("-INT");
    // Reset or ended, but not after the 30 seconds of the drain.
    let ended = tokio::time::timeout(Duration::from_secs(10), client.read(&mut byte)).await;
    assert!(!matches!(ended.unwrap(), Ok(1..)));
    assert!(server.wait().unwrap().success());
    std::fs::remove_file(called(&file)).unwrap();
    std::fs::remove_file(file).unwrap();
}

/// The file that says that the application was called.
fn called(port_file: &Path) -> PathBuf {
    port_file.with_extension("called")
}
