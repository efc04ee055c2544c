//! HTTP/2 with prior knowledge.

use bytes::Bytes;
use gopuram::Body;
use gopuram::gateway::Limits;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

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

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
/// `:status` 200 and 400 of the static table (RFC 7541, appendix A), as the first byte of a block.
const STATUS_200: u8 = 0x88;
const STATUS_400: u8 = 0x8c;
/// The last byte of `PROTOCOL_ERROR`.
const PROTOCOL_ERROR: u8 = 1;

/// The preface and empty settings.
fn opening() -> Vec<u8> {
    [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(),
        &[0, 0, 0, 4, 0, 0, 0, 0, 0],
    ]
    .concat()
}

/// A `HEADERS` frame that ends its stream: `GET http://a/` and more, nothing indexed.
fn headers(more: &[(&str, &str)]) -> Vec<u8> {
    let get = [
        (":method", "GET"),
        (":scheme", "http"),
        (":path", "/"),
        (":authority", "a"),
    ];
    frame(&[&get, more].concat())
}

fn frame(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).unwrap());
            block.extend(text.bytes());
        }
    }
    let len = u8::try_from(block.len()).unwrap();
    [&[0, 0, len, 1, 5, 0, 0, 0, 1], block.as_slice()].concat()
}

/// The first frame on stream 1: its type, and the first byte of a block or the last of a reset.
async fn answer(client: &mut DuplexStream) -> (u8, u8) {
    loop {
        let mut head = [0; 9];
        client.read_exact(&mut head).await.unwrap();
        let mut payload = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
        client.read_exact(&mut payload).await.unwrap();
        if head[8] == 1 {
            let telling = match head[3] {
                RST_STREAM => payload.last(),
                _ => payload.first(),
            };
            return (head[3], *telling.unwrap());
        }
    }
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
async fn the_limits_are_told_in_the_settings() {
    let limits = Limits::default().streams(123).head(20_000).window(300_000);
    let mut client = connect(gopuram::serve(echo()).limits(limits));
    client.write_all(&opening()).await.unwrap();
    let mut head = [0; 9];
    client.read_exact(&mut head).await.unwrap();
    let mut settings = vec![0; usize::from(head[2])];
    client.read_exact(&mut settings).await.unwrap();
    let told = |id: u8, value: u32| {
        let value = value.to_be_bytes();
        settings
            .chunks(6)
            .any(|one| one[1] == id && one[2..] == value)
    };
    assert!(told(3, 123), "streams in {settings:?}");
    assert!(told(4, 300_000), "window in {settings:?}");
    assert!(told(6, 20_000), "head in {settings:?}");
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
