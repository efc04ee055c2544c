//! Connections that wait for another request without hyper's buffers.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use gopuram::gateway::{Deadlines, Limits};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, DuplexStream, ReadBuf};
use tokio::time::sleep;

use super::support::{Counter, connect, echo, read_until, rest, turns};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// Longer than a connection keeps its buffers.
const LONG: Duration = Duration::from_secs(1);

/// A transport that tells how much room there was for what was read last.
struct Rooms(DuplexStream, Arc<AtomicUsize>);

impl AsyncRead for Rooms {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.1.store(buf.remaining(), Ordering::SeqCst);
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Rooms {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// hyper's buffer is there or it is not: without it there is room for the first bytes of a request.
#[tokio::test(start_paused = true)]
async fn one_that_waits_has_no_buffer_and_blank_lines_do_not_give_it_one() {
    let (mut client, io) = tokio::io::duplex(64 * 1024);
    let room = Arc::new(AtomicUsize::new(0));
    tokio::spawn(gopuram::serve(echo()).over(Rooms(io, Arc::clone(&room))));
    for _ in 0..2 {
        client.write_all(GET).await.unwrap();
        read_until(&mut client, "GET / a ").await;
        turns().await;
        assert!(room.load(Ordering::SeqCst) >= 4096);
        sleep(LONG).await;
        assert!(room.load(Ordering::SeqCst) <= 24);
        for line in ["\r\n", "\r\n\r\n", "\r", "\n", "\r\n\r", "\n"] {
            client.write_all(line.as_bytes()).await.unwrap();
            sleep(LONG).await;
            assert!(room.load(Ordering::SeqCst) <= 24, "{line:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn requests_before_it_count() {
    let limits = Limits::default().requests(2);
    let mut client = connect(gopuram::serve(echo()).limits(limits));
    client.write_all(GET).await.unwrap();
    read_until(&mut client, "GET / a ").await;
    sleep(LONG).await;
    client.write_all(GET).await.unwrap();
    let before = tokio::time::Instant::now();
    let answer = rest(&mut client).await;
    assert!(answer.contains("connection: close\r\n"), "{answer}");
    assert!(before.elapsed() < Duration::from_millis(10));
}

#[tokio::test(start_paused = true)]
async fn a_request_after_a_while_is_answered_as_any() {
    let mut client = connect(gopuram::serve(echo()));
    for _ in 0..3 {
        client
            .write_all(b"POST /a HTTP/1.1\r\nHost: b\r\nContent-Length: 5\r\n\r\nhello")
            .await
            .unwrap();
        read_until(&mut client, "POST /a b hello").await;
        sleep(LONG).await;
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_comes_byte_by_byte_is_too() {
    let mut client = connect(gopuram::serve(echo()));
    for _ in 0..2 {
        for byte in GET {
            client.write_all(&[*byte]).await.unwrap();
            sleep(LONG).await;
        }
        read_until(&mut client, "GET / a ").await;
        sleep(LONG).await;
    }
}

#[tokio::test(start_paused = true)]
async fn blank_lines_meanwhile_are_ignored_and_do_not_prolong_it() {
    let mut client = connect(gopuram::serve(echo()));
    client.write_all(GET).await.unwrap();
    client.write_all(b"\r\n").await.unwrap();
    read_until(&mut client, "GET / a ").await;
    sleep(LONG).await;
    client.write_all(b"\r\n").await.unwrap();
    sleep(LONG).await;
    client.write_all(GET).await.unwrap();
    read_until(&mut client, "GET / a ").await;
    let before = tokio::time::Instant::now();
    sleep(LONG).await;
    client.write_all(b"\r\n").await.unwrap();
    rest(&mut client).await;
    assert_eq!(before.elapsed().as_secs(), 75);
}

#[tokio::test(start_paused = true)]
async fn what_is_behind_a_malformed_head_is_not_served_after_a_while_either() {
    let counter = Counter::default();
    let mut client = connect(gopuram::serve(counter.app()));
    client.write_all(GET).await.unwrap();
    read_until(&mut client, "hello").await;
    sleep(LONG).await;
    let fault = b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n";
    client.write_all(&[GET, fault, GET].concat()).await.unwrap();
    let answers = rest(&mut client).await;
    assert_eq!(answers.matches("HTTP/1.1 200").count(), 1, "{answers}");
    assert_eq!(answers.matches("HTTP/1.1 400").count(), 1, "{answers}");
    assert_eq!(counter.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_preface_of_http_2_is_not_taken_for_one_then() {
    let mut client = connect(gopuram::serve(echo()));
    client.write_all(GET).await.unwrap();
    read_until(&mut client, "GET / a ").await;
    sleep(LONG).await;
    client
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        .await
        .unwrap();
    let answer = rest(&mut client).await;
    assert!(!answer.contains("200 OK"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn one_that_may_be_idle_only_for_a_moment_is_closed_in_time() {
    let moment = Duration::from_millis(50);
    let deadlines = Deadlines::default().idle(moment);
    let mut client = connect(gopuram::serve(echo()).deadlines(deadlines));
    client.write_all(GET).await.unwrap();
    read_until(&mut client, "GET / a ").await;
    let before = tokio::time::Instant::now();
    rest(&mut client).await;
    assert!(before.elapsed() < 2 * moment);
}

#[tokio::test(start_paused = true)]
async fn a_drain_closes_it_at_once() {
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let serve = gopuram::serve(echo()).until(async {
        ended.await.ok();
    });
    let mut client = connect(serve);
    client.write_all(GET).await.unwrap();
    read_until(&mut client, "GET / a ").await;
    sleep(LONG).await;
    let before = tokio::time::Instant::now();
    end.send(()).unwrap();
    assert_eq!(rest(&mut client).await, "");
    assert!(before.elapsed() < Duration::from_millis(10));
}

#[tokio::test(start_paused = true)]
async fn a_drain_leaves_a_new_one_the_time_to_say_what_was_on_its_way() {
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let serve = gopuram::serve(echo()).until(async {
        ended.await.ok();
    });
    let mut client = connect(serve);
    turns().await;
    end.send(()).unwrap();
    sleep(Duration::from_millis(100)).await;
    client.write_all(&GET[..10]).await.unwrap();
    // From then on it has the time that any head has.
    sleep(LONG).await;
    client.write_all(&GET[10..]).await.unwrap();
    let answer = rest(&mut client).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("connection: close\r\n"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn and_no_more_time_than_that() {
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let serve = gopuram::serve(echo()).until(async {
        ended.await.ok();
    });
    let mut client = connect(serve);
    turns().await;
    let before = tokio::time::Instant::now();
    end.send(()).unwrap();
    assert_eq!(rest(&mut client).await, "");
    assert_eq!(before.elapsed().as_millis() / 10, 50);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_meanwhile_is_noticed() {
    let (client, io) = tokio::io::duplex(1024);
    let serving = tokio::spawn(gopuram::serve(echo()).over(io));
    let mut client = client;
    client.write_all(GET).await.unwrap();
    read_until(&mut client, "GET / a ").await;
    sleep(LONG).await;
    drop(client);
    let before = tokio::time::Instant::now();
    serving.await.unwrap();
    assert!(before.elapsed() < Duration::from_millis(10));
}
