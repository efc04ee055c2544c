//! A runtime for each core.

use std::collections::HashSet;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use gopuram::gateway::{Address, Deadlines, Handle, Limits, Serve};
use gopuram::{Application, Body, Error};
use http::{Request, Response};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tower::util::service_fn;

use crate::support::{Counter, read_until};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// Says in which thread it was called.
async fn named(_: Request<Body>) -> Result<Response<Body>, Infallible> {
    let name = thread::current().name().unwrap_or_default().to_owned();
    Ok(Response::new(Body::from(format!("in {name}!"))))
}

struct Served {
    address: SocketAddr,
    handle: Handle,
    run: JoinHandle<Result<(), Error>>,
}

async fn start<S: Application>(serve: Serve<S>) -> Served {
    let server = serve.bind("127.0.0.1:0").listen().await.unwrap();
    Served {
        address: server.socket().unwrap(),
        handle: server.handle(),
        run: tokio::spawn(server.run()),
    }
}

/// What the application answers in its body, which ends so.
async fn said(mut client: impl AsyncRead + AsyncWrite + Unpin) -> String {
    client.write_all(GET).await.unwrap();
    let answer = read_until(&mut client, "!").await;
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

#[tokio::test]
async fn each_core_serves_what_it_accepted() {
    let path = std::env::temp_dir().join(format!("gopuram-{}-cores", std::process::id()));
    let served = start(
        gopuram::serve(service_fn(named))
            .bind(Address::unix(&path))
            .cores(2),
    )
    .await;
    let mut threads = HashSet::new();
    for _ in 0..1000 {
        threads.insert(said(TcpStream::connect(served.address).await.unwrap()).await);
        if threads.len() == 2 {
            break;
        }
    }
    let both = HashSet::from(["in core 0!".to_owned(), "in core 1!".to_owned()]);
    assert_eq!(threads, both);
    let shared = said(UnixStream::connect(&path).await.unwrap()).await;
    assert!(both.contains(&shared), "{shared}");
    served.handle.stop();
    served.run.await.unwrap().unwrap();
    assert!(!path.exists());
}

#[tokio::test]
async fn the_only_place_is_had_by_who_has_the_connection() {
    let limits = Limits::default().connections(1);
    let served = start(gopuram::serve(service_fn(named)).limits(limits).cores(4)).await;
    // Each may come to the socket of another core.
    for _ in 0..50 {
        said(TcpStream::connect(served.address).await.unwrap()).await;
    }
    assert_eq!(served.handle.stats().accepted, 50);
}

#[tokio::test]
async fn a_client_has_its_connections_on_all_cores_together() {
    let limits = Limits::default().per_client(2);
    let served = start(
        gopuram::serve(Counter::default().app())
            .limits(limits)
            .cores(4),
    )
    .await;
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut client = TcpStream::connect(served.address).await.unwrap();
        client.write_all(GET).await.unwrap();
        read_until(&mut client, "hello").await;
        open.push(client);
    }
    for _ in 0..10 {
        let mut more = TcpStream::connect(served.address).await.unwrap();
        assert_eq!(more.read(&mut [0]).await.unwrap_or_default(), 0);
    }
    let stats = served.handle.stats();
    assert_eq!((stats.accepted, stats.refused_per_client), (12, 10));
    assert_eq!(stats.requests, 2);
}

/// An application that answers when it is told to.
fn slow() -> (
    impl Application + Sync,
    mpsc::UnboundedReceiver<oneshot::Sender<()>>,
) {
    let (ask, asked) = mpsc::unbounded_channel();
    let app = service_fn(move |_: Request<Body>| {
        let (go, wait) = oneshot::channel();
        ask.send(go).unwrap();
        async move {
            wait.await.ok();
            Ok::<_, Infallible>(Response::new(Body::from("hello")))
        }
    });
    (app, asked)
}

#[tokio::test]
async fn a_drain_lets_requests_finish_on_all_cores() {
    let (app, mut asked) = slow();
    let served = start(gopuram::serve(app).cores(2)).await;
    let mut busy = Vec::new();
    for _ in 0..8 {
        let mut client = TcpStream::connect(served.address).await.unwrap();
        client.write_all(GET).await.unwrap();
        busy.push((client, asked.recv().await.unwrap()));
    }
    served.handle.stop();
    for (mut client, go) in busy {
        assert!(!served.run.is_finished());
        go.send(()).unwrap();
        read_until(&mut client, "hello").await;
    }
    served.run.await.unwrap().unwrap();
    // With the cores the last clone of the application has gone.
    assert!(asked.recv().await.is_none());
}

#[tokio::test]
async fn connections_are_cut_at_the_end_and_when_the_server_is_dropped() {
    for drop in [false, true] {
        let (app, mut asked) = slow();
        let served = start(gopuram::serve(app).cores(2)).await;
        let mut client = TcpStream::connect(served.address).await.unwrap();
        client.write_all(GET).await.unwrap();
        let mut go = asked.recv().await.unwrap();
        if drop {
            served.run.abort();
        } else {
            served.handle.end();
            served.run.await.unwrap().unwrap();
        }
        go.closed().await;
        let mut nothing = Vec::new();
        client.read_to_end(&mut nothing).await.ok();
        assert_eq!(nothing, b"");
    }
}

#[tokio::test]
async fn it_ends_though_a_core_is_held_up() {
    let (free, held) = std::sync::mpsc::channel::<()>();
    let held = Arc::new(Mutex::new(held));
    let (called, mut calls) = mpsc::unbounded_channel();
    let app = service_fn(move |_: Request<Body>| {
        called.send(()).unwrap();
        // What a handler must not do.
        held.lock().unwrap().recv().ok();
        std::future::ready(Ok::<_, Infallible>(Response::new(Body::empty())))
    });
    let deadlines = Deadlines::default().drain(Duration::from_millis(10));
    let served = start(gopuram::serve(app).deadlines(deadlines).cores(2)).await;
    let mut client = TcpStream::connect(served.address).await.unwrap();
    client.write_all(GET).await.unwrap();
    calls.recv().await.unwrap();
    served.handle.stop();
    served.run.await.unwrap().unwrap();
    drop(free);
}

#[tokio::test]
async fn a_panic_takes_only_its_own_connection() {
    let app = service_fn(async |req: Request<Body>| {
        assert!(req.uri().path() != "/panic", "as the test wants it");
        Ok::<_, Infallible>(Response::new(Body::from("hello")))
    });
    let served = start(gopuram::serve(app).cores(1)).await;
    let mut other = TcpStream::connect(served.address).await.unwrap();
    other.write_all(GET).await.unwrap();
    read_until(&mut other, "hello").await;
    let mut client = TcpStream::connect(served.address).await.unwrap();
    let panic = b"GET /panic HTTP/1.1\r\nHost: a\r\n\r\n";
    client.write_all(panic).await.unwrap();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.ok();
    assert_eq!(answer, b"");
    other.write_all(GET).await.unwrap();
    read_until(&mut other, "hello").await;
}
