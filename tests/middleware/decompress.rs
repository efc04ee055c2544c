//! `decompress` on the wire.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::convert::Infallible;
use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use gopuram::Stack;
use gopuram::middleware::decompress::{Deflate, Error, Gzip};
use gopuram::middleware::{Body, BodyLimit, Compress, Decompress};
use gopuram::testing::body::Script;
use gopuram::testing::{Client, Received};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use tower::service_fn;
use tower_layer::Layer;

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn deflate(plain: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// Answers with what it read, its trailers and the fields that it saw; 500 if the body
/// broke off, or 200 with the reason at `/coping`.
async fn echo(req: Request<Body>) -> Result<Response<Body>, Infallible> {
    let coping = req.uri().path() == "/coping";
    let (head, body) = req.into_parts();
    let mut res = match body.collect().await {
        Ok(collected) => {
            let trailers = collected.trailers().cloned().unwrap_or_default();
            let mut res = Response::new(Body::from(collected.to_bytes()));
            *res.headers_mut() = trailers;
            res
        }
        Err(error) => {
            let mut source = &error as &(dyn std::error::Error + 'static);
            while let Some(inner) = source.source() {
                source = inner;
            }
            let mut res = Response::new(Body::from(source.to_string()));
            if !coping {
                *res.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            }
            res
        }
    };
    for name in ["content-encoding", "content-length", "content-digest"] {
        if head.headers.contains_key(name) {
            let seen = HeaderValue::from_static(name);
            res.headers_mut().append("x-seen", seen);
        }
    }
    Ok(res)
}

async fn post(layer: Decompress, path: &str, coding: &str, body: impl Into<Body>) -> Received {
    let app = Stack::new().with(layer).app(service_fn(echo));
    let req = Client::in_process(app).post(path);
    let req = req.header("content-encoding", coding);
    req.header("content-digest", "sha-256=:AAAA:")
        .body(body)
        .await
}

#[tokio::test]
async fn a_coded_body_arrives_as_if_it_had_been_sent_plain() {
    let plain = "hello ".repeat(10_000);
    for (coding, coded) in [
        ("gzip", gzip(plain.as_bytes())),
        ("X-GZip, identity", gzip(plain.as_bytes())),
        ("deflate", deflate(plain.as_bytes())),
        ("deflate, gzip", gzip(&deflate(plain.as_bytes()))),
        (
            "gzip, deflate, gzip",
            gzip(&deflate(&gzip(plain.as_bytes()))),
        ),
    ] {
        let res = post(Decompress::with((Gzip, Deflate)), "/", coding, coded).await;
        res.assert_status(200)
            .assert_body(&plain)
            .assert_no_header("x-seen");
    }
}

#[tokio::test]
async fn pieces_and_trailers_come_through() {
    let coded = gzip(b"hello");
    let trailers = HeaderMap::from_iter([
        (http::header::ETAG, HeaderValue::from_static("\"a\"")),
        (
            http::HeaderName::from_static("content-digest"),
            HeaderValue::from_static("sha-256=:AAAA:"),
        ),
    ]);
    let body = coded.chunks(3).fold(Script::new(), |body, piece| {
        body.data(Bytes::copy_from_slice(piece)).pause()
    });
    let body = Body::new(body.trailers(trailers));
    let res = post(Decompress::default(), "/", "gzip", body).await;
    res.assert_body("hello")
        .assert_header("etag", "\"a\"")
        .assert_no_header("content-digest");
}

#[tokio::test]
async fn a_part_of_what_is_coded_is_left_alone() {
    // RFC 9110, 14.4
    let app = Stack::new()
        .with(Decompress::default())
        .app(service_fn(echo));
    let coded = gzip(b"hello");
    let part = Bytes::copy_from_slice(&coded[..10]);
    let req = Client::in_process(app).put("/");
    let req = req.header("content-encoding", "gzip");
    let req = req.header("content-range", "bytes 0-9/25");
    let res = req.body(part.clone()).await;
    res.assert_status(200)
        .assert_body(part)
        .assert_header("x-seen", "content-encoding, content-length");
}

#[tokio::test]
async fn what_is_not_coded_is_left_alone() {
    let app = Stack::new()
        .with(Decompress::default())
        .app(service_fn(echo));
    let client = Client::in_process(app);
    let plain = client.post("/").header("content-digest", "sha-256=:AAAA:");
    plain
        .body("plain")
        .await
        .assert_body("plain")
        .assert_header("x-seen", "content-length, content-digest");
    let nothing = client.post("/").header("content-encoding", "unknown");
    nothing.await.assert_status(200).assert_body("");
}

#[tokio::test]
async fn a_coding_that_is_not_offered_is_415_with_those_that_are() {
    for coding in ["br", "gzip, compress", "gzip, gzip, gzip, gzip", "gzip;q=1"] {
        let res = post(Decompress::with((Gzip, Deflate)), "/", coding, gzip(b"a")).await;
        res.assert_status(415)
            .assert_header("accept-encoding", "gzip, deflate")
            .assert_body("");
    }
}

#[tokio::test]
async fn a_bomb_is_413_and_goes_no_further_than_its_limits() {
    let bomb = gzip(&vec![0; 20 << 20]);
    assert!(bomb.len() < 30_000);
    post(Decompress::default(), "/", "gzip", bomb.clone())
        .await
        .assert_status(413)
        .assert_body("");
    let by_ratio = Decompress::default().limit(u64::MAX);
    post(by_ratio.clone(), "/", "gzip", bomb.clone())
        .await
        .assert_status(413);
    // What unfolds within, and folds again, is work too.
    post(by_ratio.clone(), "/", "gzip, gzip", gzip(&bomb))
        .await
        .assert_status(413);
    let all = by_ratio.ratio(2000);
    let res = post(all, "/", "gzip", bomb).await;
    assert_eq!(res.status(), 200);
    assert_eq!(res.bytes().len(), 20 << 20);
}

#[tokio::test]
async fn the_limit_is_of_decoded_bytes_to_the_byte() {
    let coded = gzip(&[7; 1000]);
    let fits = Decompress::default().limit(1000);
    post(fits, "/", "gzip", coded.clone())
        .await
        .assert_status(200);
    let too_long = Decompress::default().limit(999);
    post(too_long, "/", "gzip", coded).await.assert_status(413);
}

#[tokio::test]
async fn what_is_wrong_is_400_and_never_an_end() {
    let right = gzip(b"hello");
    let cut = right[..right.len() - 1].to_vec();
    let on = [&right[..], b"more"].concat();
    let mut changed = right.clone();
    changed[12] ^= 0xff;
    for wrong in [cut.clone(), on, changed, b"plain".to_vec()] {
        let res = post(Decompress::default(), "/", "gzip", wrong).await;
        res.assert_status(400).assert_body("");
    }
    let res = post(Decompress::default(), "/coping", "gzip", cut).await;
    res.assert_status(200)
        .assert_body("the body ended before its coding did");
    // A body that ends before it has begun is cut short as well.
    let stream = Body::new(Script::new());
    post(Decompress::default(), "/", "gzip", stream)
        .await
        .assert_status(400);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_inner_s_to_answer() {
    let broken = Script::new().data(Bytes::from(gzip(b"hello"))).error("cut");
    let res = post(Decompress::default(), "/", "gzip", Body::new(broken)).await;
    res.assert_status(500).assert_body("cut");
}

#[tokio::test]
async fn the_error_has_a_type_and_is_the_last_of_the_body() {
    use std::pin::pin;

    use http_body::Body as _;
    let app = service_fn(
        async |req: Request<gopuram::middleware::decompress::DecompressBody<_>>| {
            let mut body = pin!(req.into_body());
            assert_eq!(body.size_hint().upper(), Some(1 << 20));
            let error = loop {
                match body.frame().await {
                    Some(Ok(_)) => {}
                    Some(Err(error)) => break error,
                    None => panic!("an end"),
                }
            };
            assert!(matches!(error, Error::Corrupt), "{error}");
            assert!(body.is_end_stream() && body.frame().await.is_none());
            Ok::<_, Infallible>(Response::new(Body::empty()))
        },
    );
    let req = Client::in_process(Decompress::default().layer(app)).post("/");
    let req = req.header("content-encoding", "gzip");
    req.body("nonsense").await.assert_status(200);
}

#[tokio::test]
async fn it_stands_beside_compress_and_within_a_body_limit() {
    let plain = "hello ".repeat(1000);
    let inner = service_fn(async |req: Request<Body>| {
        let mut res = echo(req).await?;
        let text = HeaderValue::from_static("text/plain");
        res.headers_mut().insert("content-type", text);
        Ok::<_, Infallible>(res)
    });
    let stack = Stack::new()
        .with(BodyLimit::new(100))
        .with(Compress::default())
        .with(Decompress::default());
    let client = Client::in_process(stack.app(inner));
    let post = |body: Vec<u8>| {
        let req = client.post("/").header("content-encoding", "gzip");
        req.header("accept-encoding", "gzip").body(body)
    };
    let res = post(gzip(plain.as_bytes())).await;
    res.assert_status(200)
        .assert_header("content-encoding", "gzip");
    let long: Vec<u8> = (0..200).map(|n: u8| n.wrapping_mul(101)).collect();
    post(gzip(&long)).await.assert_status(413);
}

#[cfg(feature = "br")]
#[tokio::test]
async fn brotli_is_decoded_if_it_is_offered() {
    use gopuram::middleware::{compress, decompress::Brotli};
    let plain = "hello ".repeat(1000);
    let text = plain.clone();
    let page = service_fn(move |_: Request<Body>| {
        let mut res = Response::new(Body::from(text.clone()));
        let text = HeaderValue::from_static("text/plain");
        res.headers_mut().insert("content-type", text);
        async { Ok::<_, Infallible>(res) }
    });
    let compress = Compress::with(compress::Brotli::default());
    let page = Client::new(compress.layer(page)).get("/");
    let coded = page.header("accept-encoding", "br").await.bytes().clone();
    assert!(coded.len() < 100);
    let both = Decompress::with((Brotli, Gzip));
    post(both, "/", "br", coded.clone())
        .await
        .assert_body(&plain);
    let cut = coded.slice(..coded.len() - 1);
    post(Decompress::with(Brotli), "/", "br", cut)
        .await
        .assert_status(400);
}

#[cfg(feature = "zstd")]
#[tokio::test]
async fn zstandard_is_decoded_if_it_is_offered() {
    use gopuram::middleware::decompress::Zstd;
    // A frame of one raw block, the last, of five bytes (RFC 8878, section 3.1.1).
    let coded: &[u8] = &[
        0x28,
        0xb5,
        0x2f,
        0xfd,
        0x20,
        5,
        5 << 3 | 1,
        0,
        0,
        b'h',
        b'e',
        b'l',
        b'l',
        b'o',
    ];
    let res = post(Decompress::with((Zstd, Gzip)), "/coping", "zstd", coded).await;
    res.assert_body("hello");
    let cut = post(Decompress::with(Zstd), "/", "zstd", &coded[..12]).await;
    cut.assert_status(400);
}

#[test]
fn a_stack_says_which_codings_are_undone() {
    let stack = Stack::new()
        .with(Decompress::with((Gzip, Deflate)))
        .to_string();
    assert!(stack.contains("gzip, deflate"), "{stack}");
}
