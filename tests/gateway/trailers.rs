//! What comes behind a body, in both directions.

use std::convert::Infallible;
use std::future::ready;

use bytes::Bytes;
use gopuram::Body;
use http::header::{CONTENT_LENGTH, TRAILER};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody};
use tokio::io::AsyncWriteExt as _;
use tower::util::{BoxCloneService, service_fn};

use crate::support::{App, ask, connect, exchange, http2, read_until};

const READS: &str = "GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: close\r\n\r\n";
const READS_NOT: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

fn trailers() -> HeaderMap {
    HeaderMap::from_iter([(HeaderName::from_static("x"), HeaderValue::from_static("y"))])
}

/// A body of known length.
fn sized() -> Body {
    let body = Full::new(Bytes::from_static(b"hi"));
    Body::new(body.with_trailers(ready(Some(Ok(trailers())))))
}

/// One that does not know how long it is.
fn streamed() -> Body {
    let frames = [
        Frame::data(Bytes::from_static(b"hi")),
        Frame::trailers(trailers()),
    ];
    let frames = frames.map(Ok::<_, Infallible>);
    Body::new(StreamBody::new(futures_util::stream::iter(frames)))
}

/// Answers with that body, and says how long it is if that is told.
fn answers(body: fn() -> Body, length: Option<u64>) -> App {
    BoxCloneService::new(service_fn(move |_: Request<Body>| {
        let mut res = Response::new(body());
        res.headers_mut()
            .insert(TRAILER, HeaderValue::from_static("x"));
        if let Some(length) = length {
            res.headers_mut().insert(CONTENT_LENGTH, length.into());
        }
        ready(Ok(res))
    }))
}

/// Says what it was asked, with what came behind.
fn tells() -> App {
    BoxCloneService::new(service_fn(async |req: Request<Body>| {
        let whole = req.into_body().collect().await.unwrap();
        let came = whole.trailers().cloned();
        let text = format!("{:?} {came:?}", whole.to_bytes());
        Ok(Response::new(Body::from(text)))
    }))
}

const BODIES: [fn() -> Body; 2] = [sized, streamed];

/// RFC 9112, section 7.1.2.
#[tokio::test(start_paused = true)]
async fn those_of_a_request_reach_the_application() {
    let mut client = connect(gopuram::serve(tells()));
    let asks = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
                2\r\nhi\r\n0\r\nX: y\r\n\r\n";
    client.write_all(asks.as_bytes()).await.unwrap();
    read_until(&mut client, "b\"hi\" Some({\"x\": \"y\"})").await;

    // RFC 9113, section 8.1.
    let mut client = http2(connect(gopuram::serve(tells()))).await;
    for length in [None, Some("2")] {
        let mut req = Request::post("http://a/");
        if let Some(length) = length {
            req = req.header(CONTENT_LENGTH, length);
        }
        let res = client.send_request(req.body(streamed()).unwrap());
        let whole = res.await.unwrap().into_body().collect().await.unwrap();
        assert_eq!(whole.to_bytes(), "b\"hi\" Some({\"x\": \"y\"})");
    }
}

/// Chunks are their place, whatever is known of the length.
#[tokio::test(start_paused = true)]
async fn those_of_an_answer_reach_who_reads_them() {
    for body in BODIES {
        for length in [None, Some(2)] {
            let answer = exchange(answers(body, length), READS).await;
            assert!(
                answer.contains("transfer-encoding: chunked\r\n"),
                "{answer}"
            );
            assert!(!answer.contains("content-length"), "{answer}");
            assert!(answer.ends_with("2\r\nhi\r\n0\r\nx: y\r\n\r\n"), "{answer}");
        }
    }
}

/// RFC 9110, section 6.5.1: they are dropped, and a length that is known is told.
#[tokio::test(start_paused = true)]
async fn those_of_an_answer_are_kept_from_who_did_not_ask_for_them() {
    let old = "GET / HTTP/1.0\r\nTE: trailers\r\n\r\n";
    for body in BODIES {
        for asks in [READS_NOT, old] {
            let answer = exchange(answers(body, Some(2)), asks).await;
            assert!(answer.contains("content-length: 2\r\n"), "{answer}");
            assert!(answer.ends_with("\r\n\r\nhi"), "{answer}");
        }
    }
    for asks in [READS_NOT, old] {
        let answer = exchange(answers(sized, None), asks).await;
        assert!(answer.contains("content-length: 2\r\n"), "{answer}");
        assert!(answer.ends_with("\r\n\r\nhi"), "{answer}");
    }
    let answer = exchange(answers(streamed, None), READS_NOT).await;
    assert!(answer.ends_with("2\r\nhi\r\n0\r\n\r\n"), "{answer}");
    let answer = exchange(answers(streamed, None), old).await;
    assert!(answer.ends_with("\r\n\r\nhi"), "{answer}");
}

/// RFC 9110, section 6.6.2: by `Trailer` it is known that there will be some, before it is too late for chunks.
#[tokio::test(start_paused = true)]
async fn those_that_an_answer_does_not_announce_are_dropped() {
    let app = |body: fn() -> Body| {
        service_fn(move |_: Request<Body>| {
            let res = Response::builder().header(CONTENT_LENGTH, "2");
            ready(Ok::<_, Infallible>(res.body(body()).unwrap()))
        })
    };
    for body in BODIES {
        let answer = exchange(app(body), READS).await;
        assert!(answer.contains("content-length: 2\r\n"), "{answer}");
        assert!(answer.ends_with("\r\n\r\nhi"), "{answer}");
    }
}

/// RFC 9110, section 6.5.1: what has to be known before the content is none; nor is what `Trailer` does not name.
#[tokio::test(start_paused = true)]
async fn those_that_may_not_come_last_are_dropped_alone() {
    let app = service_fn(async |_: Request<Body>| {
        let names = [
            "content-length",
            "content-type",
            "host",
            "set-cookie",
            "x",
            "z",
        ];
        let all = names.map(|name| (HeaderName::from_static(name), HeaderValue::from_static("y")));
        let body = Full::new(Bytes::from_static(b"hi"));
        let body = body.with_trailers(ready(Some(Ok(HeaderMap::from_iter(all)))));
        let res = Response::builder().header(TRAILER, names[..5].join(", "));
        Ok::<_, Infallible>(res.body(Body::new(body)).unwrap())
    });
    let answer = exchange(app, READS).await;
    assert!(answer.ends_with("2\r\nhi\r\n0\r\nx: y\r\n\r\n"), "{answer}");
}

/// The length that was told is kept, though it is not sent.
#[tokio::test(start_paused = true)]
async fn an_answer_in_chunks_that_is_not_as_long_as_it_says_breaks_off() {
    for length in [0, 1, 3] {
        let answer = exchange(answers(streamed, Some(length)), READS).await;
        // What was written before may be lost with the rest.
        assert!(!answer.contains("\r\n0\r\n"), "{answer}");
        assert!(!answer.contains("x: y"), "{answer}");
        // One that knows better is not begun.
        let answer = exchange(answers(sized, Some(length)), READS).await;
        assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    }
}

/// RFC 9113, section 8.1: there is a place for them always.
#[tokio::test(start_paused = true)]
async fn those_of_an_answer_over_http_2_are_sent_along_with_a_length() {
    for body in BODIES {
        for length in [None, Some(2)] {
            let mut client = http2(connect(gopuram::serve(answers(body, length)))).await;
            let res = client.send_request(ask("http://a/")).await.unwrap();
            if let Some(length) = length {
                assert_eq!(res.headers()[CONTENT_LENGTH], length.to_string());
            }
            let whole = res.into_body().collect().await.unwrap();
            assert_eq!(whole.trailers(), Some(&trailers()));
            assert_eq!(whole.to_bytes(), "hi");
        }
    }
    let mut client = http2(connect(gopuram::serve(answers(streamed, Some(3))))).await;
    // Reset at once, or after what came first.
    if let Ok(res) = client.send_request(ask("http://a/")).await {
        assert!(res.into_body().collect().await.is_err());
    }
}

/// RFC 9110, section 9.3.2.
#[tokio::test(start_paused = true)]
async fn an_answer_to_head_has_none() {
    for body in BODIES {
        let asks = READS.replace("GET", "HEAD");
        let answer = exchange(answers(body, Some(2)), asks).await;
        assert!(answer.ends_with("\r\n\r\n"), "{answer}");
        assert_eq!(answer.matches("\r\n\r\n").count(), 1, "{answer}");
    }
}
