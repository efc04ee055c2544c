//! What a server counts, and what it grants each client.

use std::net::SocketAddr;
use std::time::Duration;

use gopuram::gateway::{Deadlines, Handle, Limits};
use gopuram::{Application, Body};
use http::Request;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{Counter, ask, connect, echo, http2, read_until, rest};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

async fn start(app: impl Application, limits: Limits) -> (SocketAddr, Handle) {
    let server = gopuram::serve(app).bind("127.0.0.1:0").limits(limits);
    let server = server.listen().await.unwrap();
    let (address, handle) = (server.socket().unwrap(), server.handle());
    assert_eq!(server.stats(), handle.stats());
    tokio::spawn(server.run());
    (address, handle)
}

/// All that is answered until the connection is closed.
async fn answer(client: &mut TcpStream, bytes: &[u8]) -> String {
    client.write_all(bytes).await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn connections_requests_and_bytes_are_counted() {
    let (address, handle) = start(Counter::default().app(), Limits::default()).await;
    let mut first = TcpStream::connect(address).await.unwrap();
    let mut sent = 0;
    for _ in 0..3 {
        first.write_all(GET).await.unwrap();
        sent += GET.len() as u64;
        read_until(&mut first, "hello").await;
    }
    let stats = handle.stats();
    assert_eq!((stats.accepted, stats.open), (1, 1));
    assert_eq!((stats.requests, stats.streams), (3, 0));
    assert_eq!(stats.bytes_in, sent);
    assert!(stats.bytes_out > 3 * "hello".len() as u64);
    let mut second = http2(TcpStream::connect(address).await.unwrap()).await;
    second.send_request(ask("http://a/")).await.unwrap();
    let stats = handle.stats();
    assert_eq!((stats.accepted, stats.open), (2, 2));
    assert_eq!((stats.requests, stats.streams), (4, 1));
    let close = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    answer(&mut first, close).await;
    while handle.stats().open != 1 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn heads_that_are_refused_are_counted_by_their_status() {
    let (address, handle) = start(echo(), Limits::default()).await;
    let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(70_000));
    let fields = format!(
        "GET / HTTP/1.1\r\nHost: a\r\n{}\r\n",
        "a: b\r\n".repeat(200)
    );
    for (head, status) in [
        ("GET / HTTP/1.1\r\n\r\n", "400"),
        ("GET\r\n\r\n", "400"),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            "501",
        ),
        (&fields, "431"),
        (&long, "431"),
    ] {
        let mut client = TcpStream::connect(address).await.unwrap();
        let answer = answer(&mut client, head.as_bytes()).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
    }
    // A client sees its answer before the connection is done with.
    while handle.stats().open != 0 {
        tokio::task::yield_now().await;
    }
    let stats = handle.stats();
    assert_eq!(stats.heads_malformed, 2);
    assert_eq!(stats.heads_too_large, 2);
    assert_eq!(stats.heads_not_implemented, 1);
}

#[tokio::test]
async fn a_client_with_too_many_connections_is_refused() {
    let limits = Limits::default().per_client(2);
    let (address, handle) = start(Counter::default().app(), limits).await;
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(GET).await.unwrap();
        read_until(&mut client, "hello").await;
        open.push(client);
    }
    let mut third = TcpStream::connect(address).await.unwrap();
    assert_eq!(third.read(&mut [0]).await.unwrap_or_default(), 0);
    assert_eq!(handle.stats().refused_per_client, 1);
    open.pop();
    while handle.stats().open != 1 {
        tokio::task::yield_now().await;
    }
    let mut fourth = TcpStream::connect(address).await.unwrap();
    fourth.write_all(GET).await.unwrap();
    read_until(&mut fourth, "hello").await;
}

#[tokio::test]
async fn what_is_under_way_and_what_became_of_it_at_the_end_is_counted() {
    let app = tower::util::service_fn(async |req: Request<Body>| {
        if req.uri().path() == "/never" {
            std::future::pending::<()>().await;
        }
        Ok::<_, std::convert::Infallible>(http::Response::new(Body::from("hello")))
    });
    let deadlines = Deadlines::default().drain(Duration::from_millis(10));
    let serve = gopuram::serve(app).bind("127.0.0.1:0").deadlines(deadlines);
    let server = serve.listen().await.unwrap();
    let (address, handle) = (server.socket().unwrap(), server.handle());
    let running = tokio::spawn(server.run());
    let mut idle = TcpStream::connect(address).await.unwrap();
    idle.write_all(GET).await.unwrap();
    read_until(&mut idle, "hello").await;
    let mut first = TcpStream::connect(address).await.unwrap();
    let never = b"GET /never HTTP/1.1\r\nHost: a\r\n\r\n";
    first.write_all(never).await.unwrap();
    let mut second = http2(TcpStream::connect(address).await.unwrap()).await;
    let _never = tokio::spawn(second.send_request(ask("http://a/never")));
    while handle.stats().requests < 3 || handle.stats().in_flight > 2 {
        tokio::task::yield_now().await;
    }
    let stats = handle.stats();
    assert_eq!((stats.in_flight, stats.streams_in_flight), (2, 1));
    assert_eq!((stats.drained, stats.cut), (0, 0));
    handle.stop();
    running.await.unwrap().unwrap();
    let stats = handle.stats();
    assert_eq!(
        (stats.open, stats.in_flight, stats.streams_in_flight),
        (0, 0, 0)
    );
    assert_eq!((stats.drained, stats.cut), (1, 2));
}

/// One that became a tunnel was answered, whatever passes through it.
#[tokio::test]
async fn a_tunnel_is_no_request_in_flight() {
    let app = tower::util::service_fn(async |req: Request<Body>| {
        tokio::spawn(async move {
            let io = hyper::upgrade::on(req).await.unwrap();
            let (mut reads, mut writes) = tokio::io::split(TokioIo::new(io));
            tokio::io::copy(&mut reads, &mut writes).await.unwrap();
        });
        Ok::<_, std::convert::Infallible>(http::Response::new(Body::empty()))
    });
    let (address, handle) = start(app, Limits::default()).await;
    let mut client = http2(TcpStream::connect(address).await.unwrap()).await;
    let connect = Request::connect("a:80").body(Body::empty()).unwrap();
    let res = client.send_request(connect).await.unwrap();
    let mut tunnel = TokioIo::new(hyper::upgrade::on(res).await.unwrap());
    tunnel.write_all(b"hello").await.unwrap();
    tunnel.read_exact(&mut [0; 5]).await.unwrap();
    let stats = handle.stats();
    assert_eq!((stats.requests, stats.streams, stats.open), (1, 1, 1));
    assert_eq!((stats.in_flight, stats.streams_in_flight), (0, 0));
    let text = stats.openmetrics();
    assert!(
        text.contains("gopuram_http2_streams_in_flight 0\n"),
        "{text}"
    );
}

#[tokio::test]
async fn the_last_request_of_a_connection_is_told_so() {
    let serve = || {
        let limits = Limits::default().requests(2);
        gopuram::serve(Counter::default().app()).limits(limits)
    };
    let mut client = connect(serve());
    client.write_all(&[GET, GET, GET].concat()).await.unwrap();
    let answers = rest(&mut client).await;
    assert_eq!(answers.matches("hello").count(), 2);
    assert_eq!(answers.matches("connection: close").count(), 1);
    let mut client = http2(connect(serve())).await;
    for _ in 0..2 {
        client.send_request(ask("http://a/")).await.unwrap();
    }
    while client.ready().await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_old_has_its_last_request() {
    let deadlines = Deadlines::default().age(Duration::from_mins(1));
    let mut client = connect(gopuram::serve(Counter::default().app()).deadlines(deadlines));
    client.write_all(GET).await.unwrap();
    let answer = read_until(&mut client, "hello").await;
    assert!(!answer.contains("connection: close"));
    tokio::time::advance(Duration::from_secs(61)).await;
    client.write_all(GET).await.unwrap();
    let answer = rest(&mut client).await;
    assert!(answer.contains("connection: close") && answer.ends_with("hello"));
}

#[tokio::test(start_paused = true)]
async fn a_body_has_to_be_whole_in_time() {
    let deadlines = Deadlines::default().whole_body(Duration::from_secs(100));
    let app = tower::util::service_fn(async |req: Request<Body>| {
        let read = http_body_util::BodyExt::collect(req.into_body()).await;
        read.map(|_| http::Response::new(Body::from("read")))
    });
    let mut client = connect(gopuram::serve(app).deadlines(deadlines));
    let head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\n";
    client.write_all(head).await.unwrap();
    let begun = tokio::time::Instant::now();
    // A byte now and then is not silence.
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_secs(30)).await;
        client.write_all(b"x").await.unwrap();
    }
    let answer = read_until(&mut client, "\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert_eq!(begun.elapsed().as_secs(), 100);
}
