//! HTTP/2 with prior knowledge.

use bytes::Bytes;
use gopuram::Body;
use gopuram::gateway::Limits;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::frames::{
    HEADERS, PROTOCOL_ERROR, RST_STREAM, STATUS_200, STATUS_400, answer, frame, headers, next,
    opening,
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

#[tokio::test(start_paused = true)]
async fn what_only_begins_like_the_preface_is_http_1() {
    let mut client = connect(gopuram::serve(echo()));
    client
        .write_all(b"PRI * HTTP/2.0\r\n\r\nGM\r\n\r\n")
        .await
        .unwrap();
    let mut bytes = Vec::new();
    client.read_to_end(&mut bytes).await.unwrap();
    assert!(
        bytes.starts_with(b"HTTP/1.1 400 ") || bytes.is_empty(),
        "{bytes:?}"
    );
}

async fn asked(app: App, frame: &[u8]) -> (u8, u8) {
    let mut client = connect(gopuram::serve(app));
    client.write_all(&opening()).await.unwrap();
    client.write_all(frame).await.unwrap();
    answer(&mut client).await
}

#[tokio::test(start_paused = true)]
async fn what_contradicts_the_authority_is_refused() {
    for (more, status) in [
        (&[][..], STATUS_200),
        (&[("host", "a")], STATUS_200),
        (&[("host", "b")], STATUS_400),
        (&[("host", "a"), ("host", "a")], STATUS_400),
        (&[("host", "a b")], STATUS_400),
    ] {
        let counter = Counter::default();
        let answer = asked(counter.app(), &headers(more)).await;
        assert_eq!(answer, (HEADERS, status), "{more:?}");
        assert_eq!(counter.count(), usize::from(status == STATUS_200));
    }
}

#[tokio::test(start_paused = true)]
async fn some_authority_is_needed() {
    let bare = [(":method", "GET"), (":scheme", "http"), (":path", "/")];
    let counter = Counter::default();
    let answer = asked(counter.app(), &frame(&bare)).await;
    assert_eq!(answer, (HEADERS, STATUS_400));
    let with_host = [&bare[..], &[("host", "a")]].concat();
    let answer = asked(counter.app(), &frame(&with_host)).await;
    assert_eq!(answer, (HEADERS, STATUS_200));
    assert_eq!(counter.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_authority_with_a_name_is_refused() {
    let fields = [
        (":method", "GET"),
        (":scheme", "http"),
        (":path", "/"),
        (":authority", "me@a"),
    ];
    let counter = Counter::default();
    let (kind, _) = asked(counter.app(), &frame(&fields)).await;
    assert!(kind == HEADERS || kind == RST_STREAM);
    assert_eq!(counter.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn fields_of_the_connection_reset_the_stream() {
    for field in [
        ("connection", "close"),
        ("keep-alive", "1"),
        ("proxy-connection", "close"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "h2c"),
        ("te", "gzip"),
    ] {
        let counter = Counter::default();
        let answer = asked(counter.app(), &headers(&[field])).await;
        assert_eq!(answer, (RST_STREAM, PROTOCOL_ERROR), "{field:?}");
        assert_eq!(counter.count(), 0);
    }
    let trailers = asked(echo(), &headers(&[("te", "trailers")])).await;
    assert_eq!(trailers, (HEADERS, STATUS_200));
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

#[tokio::test(start_paused = true)]
async fn a_path_in_no_form_of_a_target_is_refused() {
    for (path, expected) in [
        ("a", (RST_STREAM, PROTOCOL_ERROR)),
        ("", (RST_STREAM, PROTOCOL_ERROR)),
        ("/a b", (RST_STREAM, PROTOCOL_ERROR)),
        ("*", (HEADERS, STATUS_400)),
    ] {
        let counter = Counter::default();
        let fields = [
            (":method", "GET"),
            (":scheme", "http"),
            (":path", path),
            (":authority", "a"),
        ];
        assert_eq!(
            asked(counter.app(), &frame(&fields)).await,
            expected,
            "{path:?}"
        );
        assert_eq!(counter.count(), 0, "{path:?}");
    }
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

#[tokio::test(start_paused = true)]
async fn rapid_resets_end_the_connection() {
    let mut client = connect(gopuram::serve(echo()));
    client.write_all(&opening()).await.unwrap();
    let mut bytes = Vec::new();
    for stream in (1..2000_u32).step_by(2) {
        let mut frame = headers(&[]);
        frame[5..9].copy_from_slice(&stream.to_be_bytes());
        bytes.extend(frame);
        bytes.extend([0, 0, 4, RST_STREAM, 0]);
        bytes.extend(stream.to_be_bytes());
        bytes.extend([0, 0, 0, 8]);
    }
    client.write_all(&bytes).await.ok();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.unwrap();
    let goaway = answer.len() - 4;
    // ENHANCE_YOUR_CALM, in the last or the first but last field of GOAWAY.
    assert!(
        answer[..goaway]
            .windows(4)
            .chain([&answer[goaway..]])
            .any(|code| code == [0, 0, 0, 11]),
        "{answer:?}"
    );
}
