//! HTTP/2 with prior knowledge; `tests/rfc9113` has the rules one by one.

use bytes::Bytes;
use gopuram::Body;
use gopuram::gateway::Limits;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use tokio::io::AsyncWriteExt as _;

use crate::frames::{
    HEADERS, PROTOCOL_ERROR, RST_STREAM, STATUS_200, answer, frame, headers, next, opening,
};
use crate::support::{App, Counter, ask, connect, echo, http2};

#[tokio::test(start_paused = true)]
async fn streams_are_answered_on_one_connection() {
    let client = http2(connect(gopuram::serve(echo()))).await;
    let mut asked = tokio::task::JoinSet::new();
    for number in 0..300 {
        let mut client = client.clone();
        asked.spawn(async move {
            let req = Request::post(format!("http://a/{number}"))
                .body(Full::new(Bytes::from(format!("body {number}"))))
                .unwrap();
            client.ready().await.unwrap();
            let res = client.send_request(req).await.unwrap();
            let body = res.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(body, format!("POST http://a/{number} - body {number}"));
        });
    }
    while let Some(answered) = asked.join_next().await {
        answered.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn the_preface_may_come_byte_by_byte() {
    let mut client = connect(gopuram::serve(echo()));
    for byte in opening() {
        client.write_all(&[byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    client.write_all(&headers(&[])).await.unwrap();
    assert_eq!(answer(&mut client).await, (HEADERS, STATUS_200));
}

async fn asked(app: App, frame: &[u8]) -> (u8, u8) {
    let mut client = connect(gopuram::serve(app));
    client.write_all(&opening()).await.unwrap();
    client.write_all(frame).await.unwrap();
    answer(&mut client).await
}

/// The parser cuts it off before anybody can see it; it was never part of what is asked for (RFC 9110,
/// section 7.1).
#[tokio::test(start_paused = true)]
async fn a_fragment_never_reaches_the_application() {
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let app = App::new(tower::service_fn(move |req: Request<Body>| {
        tell.send(req.uri().to_string()).unwrap();
        std::future::ready(Ok(http::Response::new(Body::empty())))
    }));
    let fields = [
        (":method", "GET"),
        (":scheme", "http"),
        (":path", "/a?b#c"),
        (":authority", "a"),
    ];
    assert_eq!(asked(app, &frame(&fields)).await, (HEADERS, STATUS_200));
    assert_eq!(told.recv().await.unwrap(), "http://a/a?b");
}

/// As on HTTP/1, but that hyper has no 414 for it.
#[tokio::test(start_paused = true)]
async fn a_target_that_is_too_long_is_refused() {
    let (kind, block) = asked_long(64 * 1024).await;
    assert_eq!(kind, HEADERS);
    // `:status` of the static table, with 431 in Huffman's code (RFC 7541, appendices A and B).
    assert!(
        block.starts_with(&[0x48, 0x83, 0x69, 0x90, 0xff]),
        "{block:?}"
    );
    let (kind, reason) = asked_long(128 * 1024).await;
    assert_eq!((kind, reason), (RST_STREAM, vec![0, 0, 0, PROTOCOL_ERROR]));
}

/// Asks for a target of 65,535 bytes, in several frames; the first frame of the answer.
async fn asked_long(limit: usize) -> (u8, Vec<u8>) {
    let mut block =
        frame(&[(":method", "GET"), (":scheme", "http"), (":authority", "a")]).split_off(9);
    block.extend([0, 5]);
    block.extend(b":path");
    // 65,535 in seven bits and the rest in sevens (RFC 7541, section 5.1).
    block.extend([0x7f, 0x80, 0xff, 0x03, b'/']);
    block.extend(vec![b'a'; 65_534]);
    let mut frames = opening();
    let parts: Vec<_> = block.chunks(16_000).collect();
    for (index, part) in parts.iter().enumerate() {
        let kind = if index == 0 { HEADERS } else { 9 };
        let end_stream = u8::from(index == 0);
        let end_headers = if index + 1 == parts.len() { 4 } else { 0 };
        let len = u16::try_from(part.len()).unwrap().to_be_bytes();
        frames.extend([
            0,
            len[0],
            len[1],
            kind,
            end_stream | end_headers,
            0,
            0,
            0,
            1,
        ]);
        frames.extend(*part);
    }
    let counter = Counter::default();
    let limits = Limits::default().head(limit);
    let mut client = connect(gopuram::serve(counter.app()).limits(limits));
    client.write_all(&frames).await.unwrap();
    loop {
        if let (kind, 1, payload) = next(&mut client).await {
            assert_eq!(counter.count(), 0);
            return (kind, payload);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_stream_leaves_the_others_alone() {
    let mut client = http2(connect(gopuram::serve(echo()))).await;
    let refused = Request::get("http://a/")
        .header("host", "b")
        .body(Body::empty())
        .unwrap();
    assert_eq!(client.send_request(refused).await.unwrap().status(), 400);
    assert_eq!(
        client
            .send_request(ask("http://a/"))
            .await
            .unwrap()
            .status(),
        200
    );
}
