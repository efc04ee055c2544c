//! How secured connections end.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use gopuram::Body;
use gopuram::gateway::{Deadlines, Tls};
use http::{Request, Response};
use http_body_util::{BodyExt as _, StreamBody};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_rustls::client::TlsStream;
use tower::util::{BoxCloneService, service_fn};

use super::support::{Ca, ask, client, dial, get, secure, teller};
use crate::support::{App, Counter, read_until, turns};

fn tls() -> (Ca, Tls) {
    let ca = Ca::new("ca");
    let tls = ca.server(&["a.example"]).tls();
    (ca, tls)
}

/// What is left of a connection; an error if its end was not said.
async fn rest(io: &mut TlsStream<DuplexStream>) -> io::Result<Vec<u8>> {
    let mut rest = Vec::new();
    io.read_to_end(&mut rest).await.map(|_| rest)
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_with_a_word() {
    let (ca, tls) = tls();
    for requests in 0..2 {
        let io = dial(
            Counter::default().app(),
            &tls,
            client(&ca, &[]),
            "a.example",
        )
        .await;
        let mut io = io.unwrap();
        for _ in 0..requests {
            io.write_all(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
                .await
                .unwrap();
            read_until(&mut io, "hello").await;
        }
        let before = Instant::now();
        assert_eq!(rest(&mut io).await.unwrap(), b"");
        let waited = if requests == 0 { 30 } else { 75 };
        assert_eq!(before.elapsed().as_secs(), waited);
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_is_parked_hears_the_last_word_and_has_one() {
    let (ca, tls) = tls();
    let app = Counter::default().app();
    let io = dial(app, &tls, client(&ca, &[]), "a.example").await;
    let mut io = io.unwrap();
    io.write_all(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
        .await
        .unwrap();
    read_until(&mut io, "hello").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = Instant::now();
    io.shutdown().await.unwrap();
    assert_eq!(rest(&mut io).await.unwrap(), b"");
    assert!(before.elapsed() < Duration::from_millis(10));
}

/// Gives two frames of a body whose length is not known, and then its end or an error.
fn streams(breaks: bool) -> App {
    BoxCloneService::new(service_fn(move |_: Request<Body>| {
        let mut frames = vec![
            Ok(Bytes::from_static(b"one")),
            Ok(Bytes::from_static(b"two")),
        ];
        if breaks {
            frames.push(Err(io::Error::other("it broke")));
        }
        let frames = frames
            .into_iter()
            .map(|frame| frame.map(http_body::Frame::data));
        let body = StreamBody::new(futures_util::stream::iter(frames));
        std::future::ready(Ok(Response::new(Body::new(body))))
    }))
}

#[tokio::test]
async fn an_answer_that_ends_with_its_connection_is_whole_or_is_not() {
    let (ca, tls) = tls();
    let old = "GET / HTTP/1.0\r\n\r\n";
    let io = dial(streams(false), &tls, client(&ca, &[]), "a.example").await;
    let answer = ask(&mut io.unwrap(), old).await.unwrap();
    assert!(answer.ends_with("\r\n\r\nonetwo"), "{answer}");
    let io = dial(streams(true), &tls, client(&ca, &[]), "a.example").await;
    let error = ask(&mut io.unwrap(), old).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
}

/// Tells how the body of a request ended.
fn reader(told: oneshot::Sender<Result<Bytes, String>>) -> App {
    let told = std::sync::Arc::new(std::sync::Mutex::new(Some(told)));
    BoxCloneService::new(service_fn(move |req: Request<Body>| {
        let told = told.lock().unwrap().take().unwrap();
        async move {
            let body = req.into_body().collect().await;
            let body = body
                .map(http_body_util::Collected::to_bytes)
                .map_err(|error| error.to_string());
            told.send(body).unwrap();
            Ok::<_, Infallible>(Response::new(Body::empty()))
        }
    }))
}

#[tokio::test]
async fn a_body_that_is_cut_short_is_an_error_whether_the_end_is_said_or_not() {
    let (ca, tls) = tls();
    for framing in [
        "Content-Length: 9\r\n\r\nabc",
        "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    ] {
        for said in [true, false] {
            let (tell, told) = oneshot::channel();
            let io = dial(reader(tell), &tls, client(&ca, &[]), "a.example").await;
            let mut io = io.unwrap();
            let request = format!("POST / HTTP/1.1\r\nHost: a.example\r\n{framing}");
            io.write_all(request.as_bytes()).await.unwrap();
            io.flush().await.unwrap();
            if said {
                io.shutdown().await.unwrap();
            }
            drop(io);
            let body = tokio::time::timeout(Duration::from_secs(10), told)
                .await
                .unwrap();
            // A request given up is dropped, or its body breaks off.
            assert!(!matches!(body, Ok(Ok(_))), "{framing}: {body:?}");
        }
    }
}

#[tokio::test]
async fn an_idle_connection_may_just_end() {
    let (ca, tls) = tls();
    let (client_io, io) = tokio::io::duplex(64 * 1024);
    let app = Counter::default();
    let serving = tokio::spawn(gopuram::serve(app.app()).over_tls(io, tls));
    let mut io = secure(client_io, client(&ca, &[]), "a.example")
        .await
        .unwrap();
    io.write_all(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
        .await
        .unwrap();
    read_until(&mut io, "hello").await;
    drop(io);
    serving.await.unwrap();
    assert_eq!(app.count(), 1);
}

/// The end of an answer is in the buffer of TLS, and what writes it is done with it.
#[tokio::test(start_paused = true)]
async fn what_tls_has_taken_and_the_client_has_not_is_not_idle() {
    let (ca, tls) = tls();
    let app = service_fn(async |_: Request<Body>| {
        Ok::<_, Infallible>(Response::new(Body::from(vec![b'x'; 100 * 1024])))
    });
    let deadlines = Deadlines::default().idle(Duration::from_secs(5));
    let (client_end, io) = tokio::io::duplex(64 * 1024);
    tokio::spawn(gopuram::serve(app).deadlines(deadlines).over_tls(io, tls));
    let io = secure(client_end, client(&ca, &[]), "a.example").await;
    let mut io = io.unwrap();
    io.write_all(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(50)).await;
    let before = Instant::now();
    let answer = rest(&mut io).await.unwrap();
    assert!(answer.len() > 100 * 1024, "{}", answer.len());
    assert_eq!(before.elapsed().as_secs(), 5);
}

#[tokio::test]
async fn a_drain_closes_who_is_silent_and_finishes_handshakes() {
    let (ca, tls) = tls();
    let app = Counter::default();
    let server = gopuram::serve(app.app())
        .tls("127.0.0.1:0", tls)
        .listen()
        .await
        .unwrap();
    let address = server.socket().unwrap();
    let handle = server.handle();
    let running = tokio::spawn(server.run());
    let mut silent = TcpStream::connect(address).await.unwrap();
    let mut secured = {
        let io = TcpStream::connect(address).await.unwrap();
        secure(io, client(&ca, &[]), "a.example").await.unwrap()
    };
    let (mut client_end, mut relay) = tokio::io::duplex(64 * 1024);
    let mut begun = TcpStream::connect(address).await.unwrap();
    let config = client(&ca, &[]);
    let asked = tokio::spawn(async move {
        let mut io = secure(&mut client_end, config, "a.example").await.unwrap();
        ask(&mut io, &get("a.example")).await.unwrap()
    });
    // The first half of what the client says first.
    let mut hello = vec![0; 4096];
    let len = relay.read(&mut hello).await.unwrap();
    begun.write_all(&hello[..len / 2]).await.unwrap();
    turns().await;

    handle.stop();
    let mut nothing = Vec::new();
    silent.read_to_end(&mut nothing).await.ok();
    secured.read_to_end(&mut nothing).await.unwrap();
    assert_eq!(nothing, b"");
    assert!(!running.is_finished());
    begun.write_all(&hello[len / 2..len]).await.unwrap();
    let relayed = tokio::spawn(async move {
        tokio::io::copy_bidirectional(&mut begun, &mut relay)
            .await
            .ok();
    });
    assert!(asked.await.unwrap().ends_with("hello"));
    running.await.unwrap().unwrap();
    relayed.abort();
    assert_eq!(app.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_never_ends_does_not_hold_up_the_end() {
    let (_, tls) = tls();
    let (mut io, server) = tokio::io::duplex(1024);
    let until = tokio::time::sleep(Duration::from_secs(1));
    let serving = gopuram::serve(teller()).until(until);
    io.write_all(&[22, 3, 1, 0, 200]).await.unwrap();
    let before = Instant::now();
    serving.over_tls(server, tls.clone()).await;
    assert_eq!(before.elapsed().as_secs(), 10);
    // Nor for long if it has not begun.
    let (_io, server) = tokio::io::duplex(1024);
    let until = tokio::time::sleep(Duration::from_secs(1));
    let before = Instant::now();
    gopuram::serve(teller())
        .until(until)
        .over_tls(server, tls.clone())
        .await;
    assert_eq!(before.elapsed().as_millis(), 1500);
}

#[tokio::test(start_paused = true)]
async fn who_has_just_connected_when_the_end_begins_is_answered() {
    let (ca, tls) = tls();
    let (mut io, server) = tokio::io::duplex(64 * 1024);
    let until = tokio::time::sleep(Duration::from_secs(1));
    let serving = gopuram::serve(teller()).until(until);
    let serving = tokio::spawn(serving.over_tls(server, tls));
    // What it sends is on its way.
    tokio::time::sleep(Duration::from_millis(1400)).await;
    let mut io = secure(&mut io, client(&ca, &[]), "a.example")
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(400)).await;
    let answer = ask(&mut io, &get("a.example")).await.unwrap();
    assert!(answer.contains("connection: close"), "{answer}");
    serving.await.unwrap();
}
