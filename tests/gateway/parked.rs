//! Connections that wait for another request without hyper's buffers.

use std::time::Duration;

use gopuram::gateway::Deadlines;
use tokio::io::AsyncWriteExt as _;
use tokio::time::sleep;

use super::support::{Counter, connect, echo, read_until, rest, turns};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// Longer than a connection keeps its buffers.
const LONG: Duration = Duration::from_secs(1);

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
