//! `range` of several parts.

use std::convert::Infallible;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use gopuram::middleware::{Body, Range};
use gopuram::testing::{Client, Received};
use http::{Request, Response};
use tower::service_fn;
use tower_layer::Layer;

use super::bodies::{File, Stream};
use super::{Fields, ask, content};

/// The parts of a `multipart/byteranges`, as media type, range and bytes.
fn parse(res: &Received) -> Vec<(String, String, Bytes)> {
    let boundary = res.header("content-type").unwrap();
    let boundary = boundary
        .strip_prefix("multipart/byteranges; boundary=")
        .unwrap();
    assert!(boundary.len() <= 70, "RFC 2046, section 5.1.1");
    let find =
        |bytes: &[u8], text: &str| bytes.windows(text.len()).position(|w| w == text.as_bytes());
    let mut parts = Vec::new();
    let mut rest = res.bytes().clone();
    assert!(rest.starts_with(format!("--{boundary}\r\n").as_bytes()));
    rest = rest.slice(boundary.len() + 2..);
    let delimiter = format!("\r\n--{boundary}");
    while rest.starts_with(b"\r\n") {
        let end = find(&rest, "\r\n\r\n").unwrap();
        let head = String::from_utf8(rest.slice(2..end).to_vec()).unwrap();
        let field = |name: &str| {
            let mut lines = head.lines().filter_map(|line| line.strip_prefix(name));
            let value = lines.next().unwrap_or_default().trim().to_owned();
            assert_eq!(lines.next(), None);
            value
        };
        let body = rest.slice(end + 4..);
        let len = find(&body, &delimiter).unwrap();
        parts.push((
            field("Content-Type:"),
            field("Content-Range:"),
            body.slice(..len),
        ));
        rest = body.slice(len + delimiter.len()..);
    }
    assert_eq!(rest, "--\r\n");
    parts
}

#[tokio::test]
async fn several_ranges_are_a_multipart_that_parses_back() {
    // 15.3.7.2
    let bytes = content(10_000);
    let range = "bytes=9000-9009, 0-0, 50000-, 4000-5999, -100, 5000-6100";
    let wanted = [9000..9010, 0..1, 4000..6101, 9900..10_000];
    let bodies = [
        Body::from(bytes.clone()),
        Body::chunks([bytes.slice(..300), bytes.slice(300..)]),
        File::new(bytes.clone(), false).body(),
        File::new(bytes.clone(), true).body(),
    ];
    for body in bodies {
        let kind = format!("{body:?}");
        let fields = [
            ("content-type", "text/plain; charset=utf-8"),
            ("etag", "\"a\""),
        ];
        let res = ask(&[("range", range)], &fields, body).await;
        res.assert_status(206)
            .assert_no_header("content-range")
            .assert_header("etag", "\"a\"")
            .assert_header("content-length", &res.bytes().len().to_string());
        let parts = parse(&res);
        assert_eq!(parts.len(), wanted.len(), "{kind}");
        for ((media_type, said, part), wanted) in parts.into_iter().zip(wanted.clone()) {
            assert_eq!(media_type, "text/plain; charset=utf-8");
            assert_eq!(
                said,
                format!("bytes {}-{}/10000", wanted.start, wanted.end - 1)
            );
            assert_eq!(part, bytes.slice(wanted), "{kind}");
        }
    }
}

#[tokio::test]
async fn a_multipart_of_what_has_no_type_says_none() {
    let res = ask(&[("range", "bytes=0-0,-1")], &[], Body::from(content(500))).await;
    let parts = parse(res.assert_status(206));
    assert!(parts.iter().all(|(media_type, ..)| media_type.is_empty()));
}

#[tokio::test]
async fn two_multiparts_have_two_boundaries() {
    let ask = async || ask(&[("range", "bytes=0-0,-1")], &[], Body::from(content(500))).await;
    let (one, other) = (ask().await, ask().await);
    assert_ne!(one.header("content-type"), other.header("content-type"));
}

#[tokio::test]
async fn hundreds_of_ranges_cost_no_more_than_they_are() {
    // 14.2, 17.15
    let bytes = content(100_000);
    let specs: Vec<_> = (0..200)
        .rev()
        .map(|i| format!("{0}-{0}", i * 400))
        .collect();
    let file = File::new(bytes.clone(), true);
    let range = format!("bytes={}", specs.join(","));
    let res = ask(&[("range", &range)], &[], file.body()).await;
    let parts = parse(res.assert_status(206));
    assert_eq!(parts.len(), 200);
    for (at, (_, said, part)) in (0..200).rev().map(|i| i * 400).zip(parts) {
        assert_eq!(said, format!("bytes {at}-{at}/100000"));
        assert_eq!(part, bytes.slice(at..=at));
    }
    assert_eq!(file.read.load(Ordering::Relaxed), 200);
    let overlapping = format!("bytes={}", vec!["0-"; 200].join(","));
    let res = ask(&[("range", &overlapping)], &[], Body::from(bytes.clone())).await;
    res.assert_status(206)
        .assert_header("content-range", "bytes 0-99999/100000")
        .assert_body(&bytes);
}

#[tokio::test]
async fn the_limit_is_settable() {
    let bytes = content(500);
    let app = move || {
        let bytes = bytes.clone();
        service_fn(move |_: Request<Body>| {
            let res = Response::new(Body::from(bytes.clone()));
            async { Ok::<_, Infallible>(res) }
        })
    };
    for (limit, range, status) in [
        (1, "bytes=0-0", 206),
        (1, "bytes=0-0,-1", 200),
        (2, "bytes=0-0,-1", 206),
        (0, "bytes=0-0", 200),
    ] {
        let client = Client::new(Range::default().limit(limit).layer(app()));
        client
            .get("/")
            .header("range", range)
            .await
            .assert_status(status);
    }
}

#[tokio::test]
async fn several_parts_of_a_stream_are_answered_with_everything() {
    let bytes = content(500);
    let res = ask(&[("range", "bytes=0-0,-1")], &[], Stream::of(&bytes, 10)).await;
    res.assert_status(200)
        .assert_header("accept-ranges", "bytes")
        .assert_no_header("content-range")
        .assert_body(&bytes);
    assert_eq!(res.trailers().unwrap()["x-sum"], "1");
}

#[tokio::test]
async fn a_coded_representation_is_cut_once_or_not_at_all() {
    let bytes = content(500);
    let fields: Fields<'_> = &[("content-encoding", "gzip")];
    let res = ask(&[("range", "bytes=1-2")], fields, Body::from(bytes.clone())).await;
    res.assert_status(206)
        .assert_header("content-encoding", "gzip")
        .assert_header("content-range", "bytes 1-2/500")
        .assert_body(bytes.slice(1..3));
    let res = ask(
        &[("range", "bytes=0-0,-1")],
        fields,
        Body::from(bytes.clone()),
    )
    .await;
    res.assert_status(200)
        .assert_header("content-encoding", "gzip")
        .assert_body(&bytes);
}
