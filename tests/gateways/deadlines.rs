//! Every wait for a front server has an end.

use std::convert::Infallible;
use std::time::Duration;

use gopuram::Body;
use gopuram::gateway::{Deadlines, Limits, Protocol};
use gopuram::middleware::body::ReadError;
use http::{Request, Response};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::Instant;
use tower::util::service_fn;

use crate::front::{ALL, Said, begin, params, record};
use crate::support::{Records, answers, connect, echo, over, rest};

fn hello() -> crate::support::App {
    answers(|_| Response::new("hello"))
}

#[tokio::test(start_paused = true)]
async fn a_head_has_its_time() {
    for protocol in ALL {
        let bytes = Said::get("/").send(protocol, b"");
        for sent in [0, 1, 10, 30] {
            let before = Instant::now();
            let mut front = connect(hello(), protocol);
            front.write_all(&bytes[..sent]).await.unwrap();
            assert_eq!(rest(&mut front, protocol).await.text, "");
            assert_eq!(before.elapsed().as_secs(), 30, "{protocol:?} {sent}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_that_comes_slowly_has_no_more_time() {
    for protocol in ALL {
        let bytes = Said::get("/").send(protocol, b"");
        let before = Instant::now();
        let mut front = connect(hello(), protocol);
        for byte in &bytes[..20] {
            front.write_all(&[*byte]).await.ok();
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        assert_eq!(rest(&mut front, protocol).await.text, "");
        assert!(before.elapsed() <= Duration::from_secs(41));
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_kept_has_its_time() {
    let mut front = Records::of(connect(hello(), Protocol::FastCgi));
    for _ in 0..2 {
        let bytes = [
            begin(1, 1, 1),
            params(1, &Said::get("/")),
            record(5, 1, b""),
        ];
        front.send(bytes.concat()).await;
        let (text, _) = front.answer(1).await;
        assert!(text.ends_with("hello"));
    }
    let before = Instant::now();
    assert_eq!(front.next().await, None);
    assert_eq!(before.elapsed().as_secs(), 75);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_breaks_off() {
    let app = service_fn(async |req: Request<Body>| {
        let whole = req.into_body().into_bytes(100).await?;
        Ok::<_, ReadError>(Response::new(Body::from(whole)))
    });
    for protocol in ALL {
        let mut bytes = Said::of("PUT", "/").told(protocol, 9, b"abc");
        if protocol == Protocol::FastCgi {
            // Without the end of the stream.
            bytes.truncate(bytes.len() - 9);
        }
        let before = Instant::now();
        let mut front = connect(app, protocol);
        front.write_all(&bytes).await.unwrap();
        assert_eq!(rest(&mut front, protocol).await.status(), 408);
        assert!(before.elapsed() >= Duration::from_mins(1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_begin_takes_no_other_request_along() {
    let app = service_fn(async |req: Request<Body>| {
        if req.uri().path() == "/long" {
            tokio::time::sleep(Duration::from_mins(3)).await;
        }
        let whole = req.into_body().into_bytes(100).await?;
        Ok::<_, ReadError>(Response::new(Body::from(whole)))
    });
    let mut front = Records::of(connect(app, Protocol::FastCgi));
    let long = [begin(1, 1, 1), params(1, &Said::get("/long"))].concat();
    front.send([long, record(5, 1, b"")].concat()).await;
    // A client that sends its body in chunks, and none of them.
    let stalled = [begin(3, 1, 1), params(3, &Said::of("PUT", "/"))].concat();
    front.send(stalled).await;
    let (text, _) = front.answer(3).await;
    assert!(text.starts_with("Status: 408 "), "{text}");
    let (text, _) = front.answer(1).await;
    assert!(text.starts_with("Status: 200 "), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_begins_late_is_read() {
    let mut front = Records::of(connect(echo(), Protocol::FastCgi));
    let said = [begin(1, 1, 1), params(1, &Said::of("PUT", "/"))].concat();
    front.send(said).await;
    tokio::time::sleep(Duration::from_secs(40)).await;
    front
        .send([record(5, 1, b"abc"), record(5, 1, b"")].concat())
        .await;
    let (text, _) = front.answer(1).await;
    assert!(text.ends_with("PUT / abc"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_front_server_that_reads_nothing_is_cut_off() {
    let app = answers(|_| Response::new("x".repeat(1_000_000)));
    for protocol in ALL {
        let mut front = connect(app.clone(), protocol);
        front
            .write_all(&Said::get("/").send(protocol, b""))
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_secs(61)).await;
        let mut answer = Vec::new();
        front.read_to_end(&mut answer).await.unwrap();
        assert!(answer.len() < 200_000);
    }
}

#[tokio::test(start_paused = true)]
async fn an_application_may_take_its_time() {
    let app = service_fn(async |_: Request<Body>| {
        tokio::time::sleep(Duration::from_hours(1)).await;
        Ok::<_, Infallible>(Response::new(Body::from("hello")))
    });
    for protocol in ALL {
        let mut front = connect(app, protocol);
        front
            .write_all(&Said::get("/").send(protocol, b""))
            .await
            .unwrap();
        assert_eq!(rest(&mut front, protocol).await.body(), "hello");
    }
}

#[tokio::test(start_paused = true)]
async fn a_front_server_that_does_not_notice_its_answer_has_its_time() {
    for protocol in [Protocol::Scgi, Protocol::Uwsgi] {
        let mut front = connect(hello(), protocol);
        let bytes = Said::of("PUT", "/").told(protocol, 9, b"abc");
        front.write_all(&bytes).await.unwrap();
        let before = Instant::now();
        let mut answer = Vec::new();
        front.read_to_end(&mut answer).await.unwrap();
        assert!(String::from_utf8(answer).unwrap().ends_with("hello"));
        assert!(before.elapsed() <= Duration::from_secs(2));
    }
}

#[tokio::test]
async fn a_connection_has_so_many_requests() {
    let serve = gopuram::serve(hello()).limits(Limits::default().requests(2));
    let mut front = Records::of(over(serve, Protocol::FastCgi));
    for _ in 0..2 {
        let bytes = [
            begin(1, 1, 1),
            params(1, &Said::get("/")),
            record(5, 1, b""),
        ];
        front.send(bytes.concat()).await;
        front.answer(1).await;
    }
    assert_eq!(front.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn an_old_connection_serves_its_last_request() {
    let deadlines = Deadlines::default().age(Duration::from_secs(10));
    let serve = gopuram::serve(echo()).deadlines(deadlines);
    let mut front = Records::of(over(serve, Protocol::FastCgi));
    for age in [0, 11] {
        tokio::time::sleep(Duration::from_secs(age)).await;
        let bytes = [
            begin(1, 1, 1),
            params(1, &Said::get("/")),
            record(5, 1, b""),
        ];
        front.send(bytes.concat()).await;
        front.answer(1).await;
    }
    assert_eq!(front.next().await, None);
}
