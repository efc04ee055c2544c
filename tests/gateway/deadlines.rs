//! No wait for a client is without end; the clock is tokio's, paused.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use gopuram::Body;
use gopuram::gateway::{Deadlines, Stalled};
use http::{Request, Response};
use http_body::Frame;
use http_body_util::BodyExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::time::{Instant, sleep};
use tower::util::service_fn;

use crate::support::{Counter, ask, connect, echo, http2, read_until, rest};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// How long it takes until the connection is closed.
async fn closed(client: &mut DuplexStream) -> Duration {
    let before = Instant::now();
    rest(client).await;
    before.elapsed()
}

/// Timers of tokio are a millisecond exact.
#[track_caller]
fn assert_about(elapsed: Duration, expected: Duration) {
    assert!(
        elapsed >= expected && elapsed <= expected + Duration::from_millis(5),
        "{elapsed:?} is not {expected:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn one_who_says_nothing_is_closed() {
    let mut client = connect(gopuram::serve(echo()));
    assert_about(closed(&mut client).await, seconds(30));
}

#[tokio::test(start_paused = true)]
async fn one_who_sends_a_head_slowly_is_closed() {
    let mut client = connect(gopuram::serve(echo()));
    client.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    let before = Instant::now();
    while client.write_all(b"X: y\r\n").await.is_ok() {
        sleep(seconds(1)).await;
    }
    assert!((30..=31).contains(&before.elapsed().as_secs()));
}

/// A task that has used up its budget may not register with a timer of tokio.
#[tokio::test(start_paused = true)]
async fn one_who_says_nothing_is_closed_though_the_task_is_busy() {
    let (_client, io) = tokio::io::duplex(1024);
    let mut connection = Box::pin(gopuram::serve(echo()).over(io));
    let before = Instant::now();
    let mut used_up = false;
    let closed = poll_fn(|cx| {
        if !std::mem::replace(&mut used_up, true) {
            while tokio::task::coop::has_budget_remaining() {
                let _ = pin!(tokio::task::coop::consume_budget()).poll(cx);
            }
        }
        connection.as_mut().poll(cx)
    });
    tokio::time::timeout(seconds(100), closed).await.unwrap();
    assert_about(before.elapsed(), seconds(30));
}

#[tokio::test(start_paused = true)]
async fn the_preface_of_http_2_is_a_head_too() {
    let mut client = connect(gopuram::serve(echo()));
    client.write_all(b"PRI * HT").await.unwrap();
    assert_about(closed(&mut client).await, seconds(30));
}

#[tokio::test(start_paused = true)]
async fn a_later_head_is_measured_from_its_first_byte() {
    let mut client = connect(gopuram::serve(Counter::default().app()));
    client.write_all(GET).await.unwrap();
    read_until(&mut client, "hello").await;
    sleep(seconds(70)).await;
    client.write_all(b"GET").await.unwrap();
    assert_about(closed(&mut client).await, seconds(30));
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed() {
    let mut client = connect(gopuram::serve(Counter::default().app()));
    for wait in [0, 60, 74] {
        sleep(seconds(wait)).await;
        client.write_all(GET).await.unwrap();
        read_until(&mut client, "hello").await;
    }
    assert_about(closed(&mut client).await, seconds(75));
}

#[tokio::test(start_paused = true)]
async fn deadlines_can_be_set() {
    let deadlines = Deadlines::default().head(seconds(2)).idle(seconds(3));
    let serve = || gopuram::serve(Counter::default().app()).deadlines(deadlines);
    assert_about(closed(&mut connect(serve())).await, seconds(2));
    let mut client = connect(serve());
    client.write_all(GET).await.unwrap();
    assert_about(closed(&mut client).await, seconds(3));

    let never = deadlines.head(Duration::MAX);
    let mut client = connect(gopuram::serve(Counter::default().app()).deadlines(never));
    sleep(seconds(100_000)).await;
    client.write_all(GET).await.unwrap();
    read_until(&mut client, "hello").await;
}

#[tokio::test(start_paused = true)]
async fn the_application_may_take_its_time() {
    let app = service_fn(async |_: Request<Body>| {
        sleep(seconds(1000)).await;
        Ok::<_, Infallible>(Response::new(Body::from("hello")))
    });
    let mut client = connect(gopuram::serve(app));
    client.write_all(GET).await.unwrap();
    read_until(&mut client, "hello").await;
    assert_about(closed(&mut client).await, seconds(75));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stops_breaks_off() {
    let mut client = connect(gopuram::serve(echo()));
    client
        .write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n1")
        .await
        .unwrap();
    sleep(seconds(50)).await;
    client.write_all(b"2").await.unwrap();
    let before = Instant::now();
    read_until(&mut client, "POST / a broken").await;
    assert_about(before.elapsed(), seconds(60));
    // What was not sent cannot be told from a next request.
    assert!(closed(&mut client).await <= seconds(2));
}

#[tokio::test(start_paused = true)]
async fn one_who_stops_sending_is_told_408() {
    let app = service_fn(async |req: Request<Body>| {
        req.into_body()
            .collect()
            .await
            .map(|body| Response::new(Body::from(body.to_bytes())))
    });
    let mut client = connect(gopuram::serve(app));
    client
        .write_all(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n")
        .await
        .unwrap();
    let before = Instant::now();
    let answer = read_until(&mut client, "\r\n\r\n").await;
    assert_about(before.elapsed(), seconds(60));
    assert_eq!(
        answer,
        "HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
    );
}

#[tokio::test(start_paused = true)]
async fn a_body_is_not_late_while_nobody_wants_it() {
    let app = service_fn(async |req: Request<Body>| {
        sleep(seconds(100)).await;
        let body = req.into_body().collect().await?;
        Ok::<_, gopuram::middleware::body::Error>(Response::new(Body::from(body.to_bytes())))
    });
    let mut client = connect(gopuram::serve(app));
    client
        .write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n")
        .await
        .unwrap();
    sleep(seconds(150)).await;
    client.write_all(b"hello").await.unwrap();
    read_until(&mut client, "hello").await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_http_2_whose_body_stops_breaks_off_alone() {
    let app = service_fn(async |req: Request<Body>| {
        let error = req.into_body().collect().await.unwrap_err();
        let cause = std::error::Error::source(&error).unwrap();
        assert!(cause.is::<Stalled>());
        Ok::<_, Infallible>(Response::new(Body::from(cause.to_string())))
    });
    let mut client = http2(connect(gopuram::serve(app))).await;
    let req = Request::builder()
        .method("POST")
        .uri("http://a/")
        .body(Never)
        .unwrap();
    let before = Instant::now();
    let res = client.send_request(req).await.unwrap();
    assert_about(before.elapsed(), seconds(60));
    let body = res.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "the client sent nothing for 60s");
}

/// A body that never comes.
struct Never;

impl http_body::Body for Never {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

/// A body that never ends.
struct Endless;

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b'x'; 8192])))))
    }
}

async fn endless(_: Request<Body>) -> Result<Response<Body>, Infallible> {
    Ok(Response::new(Body::new(Endless)))
}

#[tokio::test(start_paused = true)]
async fn one_who_does_not_read_is_cut() {
    let mut client = connect(gopuram::serve(service_fn(endless)));
    client.write_all(GET).await.unwrap();
    // Reading a little prolongs it.
    sleep(seconds(50)).await;
    let mut some = vec![0; 60_000];
    client.read_exact(&mut some).await.unwrap();
    sleep(seconds(50)).await;
    client.read_exact(&mut some).await.unwrap();
    let before = Instant::now();
    while client.write_all(b"\r\n").await.is_ok() {
        sleep(seconds(1)).await;
    }
    assert!((59..=61).contains(&before.elapsed().as_secs()));
}

#[tokio::test(start_paused = true)]
async fn one_who_does_not_open_the_window_is_cut() {
    let mut client = http2(connect(gopuram::serve(service_fn(endless)))).await;
    let res = client.send_request(ask("http://a/")).await.unwrap();
    let before = Instant::now();
    // Pings are answered all the while, the body is just not read.
    loop {
        sleep(seconds(1)).await;
        if client.is_closed() {
            break;
        }
    }
    assert!(
        (59..=62).contains(&before.elapsed().as_secs()),
        "{:?}",
        before.elapsed()
    );
    drop(res);
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_of_http_2_is_closed() {
    let mut client = http2(connect(gopuram::serve(echo()))).await;
    let res = client.send_request(ask("http://a/")).await.unwrap();
    res.into_body().collect().await.unwrap();
    let before = Instant::now();
    while !client.is_closed() {
        sleep(seconds(1)).await;
    }
    assert!(
        (74..=80).contains(&before.elapsed().as_secs()),
        "{:?}",
        before.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn one_who_was_refused_may_finish_sending_for_a_while() {
    let mut client = connect(gopuram::serve(echo()));
    client
        .write_all(b"POST / HTTP/1.1\r\nContent-Length: 900000\r\n\r\n")
        .await
        .unwrap();
    let before = Instant::now();
    // The answer is there and whole although the client has not stopped.
    assert!(rest(&mut client).await.starts_with("HTTP/1.1 400 "));
    assert_eq!(before.elapsed(), Duration::ZERO);
    while client.write_all(&[b'x'; 1000]).await.is_ok() {
        sleep(Duration::from_millis(100)).await;
    }
    assert!((1900..=2200).contains(&before.elapsed().as_millis()));
}
