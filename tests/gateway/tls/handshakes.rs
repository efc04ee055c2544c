//! Handshakes that do not come about, or not in time.

use std::time::Duration;

use gopuram::gateway::{Deadlines, Limits};
use gopuram_tests::Log;
use rustls::version::{TLS12, TLS13};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use super::support::{Ca, ask, client, connect, dial, get, secure, speaking, teller};
use crate::support::{Counter, turns};

/// The head of a record that is never finished.
const BEGUN: &[u8] = &[22, 3, 1, 0, 200, 1];

async fn closed(io: &mut DuplexStream) -> (Duration, Vec<u8>) {
    let before = Instant::now();
    let mut answer = Vec::new();
    io.read_to_end(&mut answer).await.unwrap();
    (before.elapsed(), answer)
}

#[tokio::test(start_paused = true)]
async fn a_handshake_has_a_deadline() {
    let tls = Ca::new("ca").server(&["a.example"]).tls();
    for begun in [&b""[..], BEGUN] {
        let mut io = connect(teller(), &tls);
        io.write_all(begun).await.unwrap();
        let (elapsed, answer) = closed(&mut io).await;
        assert_eq!((elapsed.as_secs(), answer), (10, Vec::new()));
    }
    let (mut io, server) = tokio::io::duplex(1024);
    let deadlines = Deadlines::default().handshake(Duration::from_secs(3));
    tokio::spawn(
        gopuram::serve(teller())
            .deadlines(deadlines)
            .over_tls(server, tls.clone()),
    );
    // Slowly is not in time.
    io.write_all(BEGUN).await.unwrap();
    let before = Instant::now();
    while io.write_all(b"x").await.is_ok() {
        sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(before.elapsed().as_secs(), 3);
    assert_eq!(tls.stats().timed_out, 3);
}

#[tokio::test]
async fn handshakes_are_among_the_connections() {
    let ca = Ca::new("ca");
    let server = gopuram::serve(Counter::default().app())
        .tls("127.0.0.1:0", ca.server(&["a.example"]).tls())
        .limits(Limits::default().connections(1))
        .listen()
        .await
        .unwrap();
    let address = server.socket().unwrap();
    tokio::spawn(server.run());
    let mut first = TcpStream::connect(address).await.unwrap();
    first.write_all(BEGUN).await.unwrap();
    let second = TcpStream::connect(address).await.unwrap();
    let mut second = Box::pin(secure(second, client(&ca, &[]), "a.example"));
    let early = tokio::time::timeout(Duration::from_millis(50), &mut second).await;
    assert!(early.is_err(), "more handshakes than connections");
    drop(first);
    let answer = ask(&mut second.await.unwrap(), &get("a.example")).await;
    assert!(answer.unwrap().ends_with("hello"));
}

#[tokio::test(start_paused = true)]
async fn who_speaks_plain_http_is_told_so() {
    let tls = Ca::new("ca").server(&["a.example"]).tls();
    let app = Counter::default();
    for request in [
        get("a.example"),
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx".into(),
    ] {
        let mut io = connect(app.app(), &tls);
        let answer = ask(&mut io, &request).await.unwrap();
        assert!(
            answer.starts_with("HTTP/1.1 400 Bad Request\r\n"),
            "{answer}"
        );
        assert!(
            answer.contains("content-type: text/plain; charset=utf-8\r\n"),
            "{answer}"
        );
        assert!(answer.contains("connection: close\r\n"), "{answer}");
        assert!(answer.contains("date: "), "{answer}");
        assert!(
            answer.ends_with("This port speaks HTTPS: begin the address with https://.\n"),
            "{answer}"
        );
    }
    let mut io = connect(app.app(), &tls);
    let answer = ask(&mut io, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 400 ") && answer.ends_with("\r\n\r\n"),
        "{answer}"
    );
    let mut io = connect(app.app(), &tls);
    let answer = ask(&mut io, "G\0\r\n\r\n").await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert_eq!(app.count(), 0);
    assert_eq!(tls.stats().plain_http, 4);
}

#[tokio::test(start_paused = true)]
async fn failures_are_told_by_the_causes_there_were() {
    let tls = Ca::new("ca").server(&["a.example"]).tls();
    let (log, logged) = Log::new(tracing::Level::INFO);
    let _guard = tracing::subscriber::set_default(log);
    let mut io = connect(teller(), &tls);
    io.write_all(&[0; 64]).await.unwrap();
    closed(&mut io).await;
    assert_eq!(
        logged(),
        "message: handshakes fail; said once a minute, counted since the start\ncompleted: 0\nnot_tls: 1\n"
    );
}

#[tokio::test(start_paused = true)]
async fn failures_are_counted_by_their_cause() {
    let ca = Ca::new("ca");
    let tls = ca.server(&["a.example"]).tls();
    // A client that looks whether somebody is there, and one that leaves half way.
    drop(connect(teller(), &tls));
    let mut io = connect(teller(), &tls);
    io.write_all(BEGUN).await.unwrap();
    drop(io);
    turns().await;
    assert_eq!(tls.stats().gone, 2);

    // SSH, SSL 2 and noise get the alert for it, and no more.
    for noise in [
        &b"\x80\x2e\x01\x03\x01\x00\x15\x00\x10"[..],
        &[0; 64],
        &[0xff; 64],
    ] {
        let mut io = connect(teller(), &tls);
        io.write_all(noise).await.unwrap();
        let (_, answer) = closed(&mut io).await;
        assert!(answer.len() <= 7, "{answer:?}");
    }
    assert_eq!(tls.stats().not_tls, 3);

    let only = tls.clone().only_tls13();
    assert!(
        dial(
            teller(),
            &only,
            speaking(&ca, &[&TLS12], None, &[]),
            "a.example"
        )
        .await
        .is_err()
    );
    assert!(
        dial(
            teller(),
            &only,
            speaking(&ca, &[&TLS13], None, &[]),
            "a.example"
        )
        .await
        .is_ok()
    );
    assert_eq!(only.stats().incompatible, 1);

    let stranger = client(&Ca::new("another"), &[]);
    assert!(dial(teller(), &tls, stranger, "a.example").await.is_err());
    turns().await;
    assert_eq!(tls.stats().refused, 1);
    assert_eq!(tls.stats().completed, 0);
}

#[tokio::test]
async fn a_session_goes_on() {
    let ca = Ca::new("ca");
    for versions in [&TLS12, &TLS13] {
        let tls = ca.server(&["a.example"]).tls();
        let config = speaking(&ca, &[versions], None, &[]);
        for resumed in 0..3 {
            let io = dial(teller(), &tls, config.clone(), "a.example").await;
            ask(&mut io.unwrap(), &get("a.example")).await.unwrap();
            assert_eq!(tls.stats().resumed, resumed);
        }
    }
}
