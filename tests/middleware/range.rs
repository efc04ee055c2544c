//! `range` on the wire.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use gopuram::Stack;
use gopuram::middleware::body::{FileRegion, Read, ReadAt};
use gopuram::middleware::{Body, Conditional, Range};
use gopuram::testing::{Client, Received};
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use http_body::{Frame, SizeHint};
use tower::service_fn;
use tower_layer::Layer;

const THEN: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

type Fields<'a> = &'a [(&'a str, &'a str)];

/// `len` bytes, no two neighbours alike.
fn content(len: usize) -> Bytes {
    (0..len).map(|i| (i % 251) as u8).collect()
}

/// What is answered to this request by an application with this body and these fields.
async fn ask<C>(request: Fields<'_>, response: Fields<'_>, body: C) -> Received
where
    C: http_body::Body<Data = Bytes> + Send + 'static,
    C::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut res = Response::builder();
    for (name, value) in response {
        res = res.header(*name, *value);
    }
    let slot = Arc::new(std::sync::Mutex::new(Some(res.body(body).unwrap())));
    let app = service_fn(move |_: Request<Body>| {
        let res = slot.lock().unwrap().take().unwrap();
        async { Ok::<_, Infallible>(res) }
    });
    let mut req = Client::new(Range::default().layer(app)).get("/");
    for (name, value) in request {
        req = req.header(name, value);
    }
    req.await
}

/// A file that counts what is read of it.
struct File {
    bytes: Bytes,
    read: AtomicU64,
    soon: bool,
}

impl File {
    fn new(bytes: Bytes, soon: bool) -> Arc<Self> {
        let read = AtomicU64::new(0);
        Arc::new(Self { bytes, read, soon })
    }

    fn body(self: &Arc<Self>) -> Body {
        let len = self.bytes.len() as u64;
        Body::file(FileRegion::new(Arc::clone(self) as Arc<dyn ReadAt>, 0, len))
    }
}

impl ReadAt for File {
    fn read_at(self: Arc<Self>, offset: u64, len: usize) -> Read {
        let offset = usize::try_from(offset).unwrap().min(self.bytes.len());
        // Short reads, as files may do.
        let end = (offset + len.min(700)).min(self.bytes.len());
        let bytes = self.bytes.slice(offset..end);
        self.read.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        if self.soon {
            Read::Soon(Box::pin(async move {
                tokio::task::yield_now().await;
                Ok(bytes)
            }))
        } else {
            Read::Now(Ok(bytes))
        }
    }
}

/// A stream that says its length, in frames of `step` bytes, with trailers.
struct Stream {
    frames: VecDeque<Bytes>,
    said: Option<u64>,
    trailers: bool,
}

impl Stream {
    fn of(bytes: &Bytes, step: usize) -> Self {
        Self {
            frames: bytes.chunks(step).map(Bytes::copy_from_slice).collect(),
            said: Some(bytes.len() as u64),
            trailers: true,
        }
    }
}

impl http_body::Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(frame) = self.frames.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(frame))));
        }
        let trailers = std::mem::take(&mut self.trailers);
        Poll::Ready(trailers.then(|| {
            let mut trailers = HeaderMap::new();
            trailers.insert("x-sum", HeaderValue::from_static("1"));
            Ok(Frame::trailers(trailers))
        }))
    }

    fn size_hint(&self) -> SizeHint {
        self.said
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

#[tokio::test]
async fn one_range_is_one_part() {
    let rows = [
        ("14.1.2", "bytes=0-4", 0..5),
        ("14.1.2", "bytes=0-0", 0..1),
        ("14.1.2 open", "bytes=990-", 990..1000),
        ("14.1.2 open", "bytes=0-", 0..1000),
        ("14.1.2 past the end", "bytes=990-2000", 990..1000),
        ("14.1.2 suffix", "bytes=-10", 990..1000),
        ("14.1.2 suffix", "bytes=-5000", 0..1000),
        ("14.1 unit", "BYTES=1-1", 1..2),
        ("14.1.1 list", "bytes=, 5-5 ,,", 5..6),
        ("14.1.2 huge", "bytes=3-99999999999999999999999999", 3..1000),
        ("14.1.2 huge", "bytes=-99999999999999999999999999", 0..1000),
        ("15.3.7.2 one left", "bytes=5-5, 2000-", 5..6),
        ("15.3.7.2 overlap", "bytes=0-99, 50-149", 0..150),
        ("15.3.7.2 near", "bytes=100-109, 0-29", 0..110),
    ];
    let bytes = content(1000);
    for (section, range, wanted) in rows {
        let part = bytes.slice(wanted.clone());
        let said = format!("bytes {}-{}/1000", wanted.start, wanted.end - 1);
        let bodies = [
            Body::from(bytes.clone()),
            Body::chunks([bytes.slice(..300), bytes.slice(300..)]),
            File::new(bytes.clone(), false).body(),
            File::new(bytes.clone(), true).body(),
            Body::new(Stream::of(&bytes, 7)),
        ];
        for body in bodies {
            let kind = format!("{section}: {range} of {body:?}");
            let res = ask(&[("range", range)], &[("content-type", "a/b")], body).await;
            assert_eq!(res.status(), 206, "{kind}");
            assert_eq!(res.bytes(), &part, "{kind}");
            res.assert_header("content-range", &said)
                .assert_header("content-length", &part.len().to_string())
                .assert_header("content-type", "a/b")
                .assert_header("accept-ranges", "bytes")
                .assert_body(&part);
            assert!(res.trailers().is_none(), "{kind}");
        }
    }
}

#[tokio::test]
async fn what_is_not_understood_is_answered_with_everything() {
    let thousands: Vec<_> = (0..5000).map(|i| format!("{i}-{i}")).collect();
    let thousands = format!("bytes={}", thousands.join(","));
    let overlapping = format!("bytes={}0-", "0-,".repeat(3000));
    let rows: &[(&str, Fields<'_>)] = &[
        ("14.2 no range", &[]),
        ("14.1 unit", &[("range", "lines=0-1")]),
        ("14.1.1 unit", &[("range", "0-1")]),
        ("14.1.1 none", &[("range", "bytes=")]),
        ("14.1.1 invalid", &[("range", "bytes=a-b")]),
        ("14.1.1 invalid", &[("range", "bytes=-")]),
        ("14.1.1 invalid", &[("range", "bytes=2-1")]),
        ("14.1.1 invalid", &[("range", "bytes=0-1, x")]),
        ("14.1.1 invalid", &[("range", "bytes=0 - 1")]),
        ("5.3 two", &[("range", "bytes=0-1"), ("range", "bytes=2-3")]),
        ("14.2 thousands", &[("range", &thousands)]),
        ("14.2 thousands", &[("range", &overlapping)]),
        ("13.1.5", &[("range", "bytes=0-1"), ("if-range", "\"b\"")]),
    ];
    for (section, request) in rows {
        let res = ask(request, &[("etag", "\"a\"")], Body::from("hello")).await;
        assert_eq!(res.status(), 200, "{section}: {request:?}");
        res.assert_header("accept-ranges", "bytes")
            .assert_no_header("content-range")
            .assert_body("hello");
    }
}

#[tokio::test]
async fn what_cannot_be_satisfied_says_the_length() {
    // 15.5.17
    let fields: Fields<'_> = &[
        ("etag", "\"a\""),
        ("cache-control", "max-age=60"),
        ("content-type", "a/b"),
        ("content-length", "5"),
        ("vary", "accept"),
    ];
    for range in [
        "bytes=5-",
        "bytes=5-5, 100-",
        "bytes=-0",
        "bytes=99999999999999999999999999-",
    ] {
        let res = ask(&[("range", range)], fields, Body::from("hello")).await;
        res.assert_status(416)
            .assert_header("content-range", "bytes */5")
            .assert_header("accept-ranges", "bytes")
            .assert_header("vary", "accept")
            .assert_body("");
        assert_eq!(res.headers().len(), 3, "{:?}", res.headers());
    }
}

#[tokio::test]
async fn nothing_has_an_end_but_no_first_byte() {
    // 14.1.2
    let ask = async |range| ask(&[("range", range)], &[], Body::empty()).await;
    ask("bytes=0-")
        .await
        .assert_status(416)
        .assert_header("content-range", "bytes */0");
    ask("bytes=-5").await.assert_status(200).assert_body("");
}

#[tokio::test]
async fn if_range_is_strong() {
    let strong: Fields<'_> = &[("etag", "\"a\""), ("last-modified", THEN), ("date", AFTER)];
    let weak: Fields<'_> = &[
        ("etag", "W/\"a\""),
        ("last-modified", THEN),
        ("date", AFTER),
    ];
    let same: Fields<'_> = &[("last-modified", THEN), ("date", THEN)];
    let long_ago: Fields<'_> = &[("last-modified", THEN)];
    let none: Fields<'_> = &[];
    for (section, if_range, response, status) in [
        ("13.1.5 tag", "\"a\"", strong, 206),
        ("13.1.5 tag", "\"b\"", strong, 200),
        ("13.1.5 weak", "W/\"a\"", strong, 200),
        ("13.1.5 weak", "\"a\"", weak, 200),
        ("13.1.5 weak", "W/\"a\"", weak, 200),
        ("13.1.5 no list", "\"a\", \"b\"", strong, 200),
        ("13.1.5 no star", "*", strong, 200),
        ("13.1.5 coded", "\"a-gzip\"", strong, 200),
        ("13.1.5 date", THEN, strong, 206),
        ("13.1.5 later", AFTER, strong, 200),
        ("13.1.5 date", THEN, weak, 206),
        ("5.6.7", "Sunday, 06-Nov-94 08:49:37 GMT", strong, 206),
        ("8.8.2.2 second not over", THEN, same, 200),
        ("8.8.2.2 long ago", THEN, long_ago, 206),
        ("13.1.5 none", THEN, none, 200),
        ("13.1.5 none", "\"a\"", none, 200),
        ("13.1.5 invalid", "a", strong, 200),
    ] {
        let request = [("range", "bytes=1-2"), ("if-range", if_range)];
        let res = ask(&request, response, Body::from("hello")).await;
        assert_eq!(res.status(), status, "{section}: {if_range} {response:?}");
        res.assert_body(if status == 206 { "el" } else { "hello" });
    }
}

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
        let head = String::from_utf8(rest[2..end].to_vec()).unwrap();
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
async fn only_what_is_sent_is_read_of_a_file() {
    let file = File::new(content(1_000_000), false);
    let res = ask(&[("range", "bytes=999000-999099")], &[], file.body()).await;
    res.assert_status(206);
    assert_eq!(file.read.load(Ordering::Relaxed), 100);
}

#[tokio::test]
async fn a_part_of_a_file_is_a_region_of_it() {
    let bytes = content(1000);
    let app = service_fn(move |_: Request<Body>| {
        let res = Response::new(File::new(bytes.clone(), false).body());
        async { Ok::<_, Infallible>(res) }
    });
    let mut app = Stack::new()
        .with(Range::default())
        .with(Conditional::default())
        .app(app);
    for (range, wanted) in [("bytes=10-19", (10, 10)), ("x", (0, 1000))] {
        let req = Request::builder().header("range", range);
        let req = req.body(Body::empty()).unwrap();
        let res = tower_service::Service::call(&mut app, req).await.unwrap();
        let region = res.body().as_file().unwrap();
        assert_eq!((region.offset(), region.len()), wanted);
    }
}

#[tokio::test]
async fn a_file_that_has_shrunk_breaks_off_and_is_not_padded() {
    let file = File::new(content(100), false);
    for range in ["bytes=50-149", "bytes=0-0,190-"] {
        let region = FileRegion::new(Arc::clone(&file) as Arc<dyn ReadAt>, 0, 200);
        let res = ask(&[("range", range)], &[], Body::file(region)).await;
        res.assert_status(206);
        assert!(res.error().is_some(), "{range}");
    }
}

#[tokio::test]
async fn a_stream_of_unknown_length_is_left_alone() {
    let bytes = content(50);
    let mut stream = Stream::of(&bytes, 10);
    stream.said = None;
    let res = ask(&[("range", "bytes=0-0")], &[], stream).await;
    res.assert_status(200)
        .assert_no_header("accept-ranges")
        .assert_body(&bytes);
    assert_eq!(res.trailers().unwrap()["x-sum"], "1");
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
async fn a_stream_in_tiny_frames_lets_others_have_their_turn() {
    let bytes = content(5000);
    let res = ask(&[("range", "bytes=4990-")], &[], Stream::of(&bytes, 1)).await;
    res.assert_status(206).assert_body(bytes.slice(4990..));
}

#[tokio::test]
async fn a_stream_that_ends_early_breaks_off() {
    let mut stream = Stream::of(&content(50), 10);
    stream.said = Some(100);
    let res = ask(&[("range", "bytes=40-59")], &[], stream).await;
    res.assert_status(206).assert_header("content-length", "20");
    assert_eq!(res.bytes(), &content(50).slice(40..));
    assert!(res.error().is_some());
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

#[tokio::test]
async fn digests_of_the_content_do_not_outlive_it() {
    // RFC 9530, section 2
    let fields: Fields<'_> = &[
        ("content-digest", "sha-256=:x:"),
        ("repr-digest", "sha-256=:x:"),
    ];
    let res = ask(&[("range", "bytes=1-2")], fields, Body::from("hello")).await;
    res.assert_status(206)
        .assert_no_header("content-digest")
        .assert_header("repr-digest", "sha-256=:x:");
}

#[tokio::test]
async fn what_the_application_says_of_its_ranges_stands() {
    for (response, status) in [
        (("accept-ranges", "none"), 200),
        (("accept-ranges", "bytes"), 206),
        (("content-length", "4"), 200),
        (("content-length", "5"), 206),
        (("content-range", "bytes 0-4/5"), 200),
    ] {
        let res = ask(&[("range", "bytes=0-0")], &[response], Body::from("hello")).await;
        res.assert_status(status);
        assert!(res.headers().get_all("accept-ranges").iter().count() <= 1);
    }
}

#[tokio::test]
async fn only_a_get_that_is_ok_is_cut() {
    // 14.2
    let app = |status: u16| {
        service_fn(move |_: Request<Body>| async move {
            let res = Response::builder().status(status);
            Ok::<_, Infallible>(res.body(Body::from("hello")).unwrap())
        })
    };
    for method in [Method::HEAD, Method::POST, Method::PUT, Method::OPTIONS] {
        let client = Client::new(Range::default().layer(app(200)));
        let res = client
            .request(method, "/")
            .header("range", "bytes=0-0")
            .await;
        res.assert_status(200)
            .assert_no_header("accept-ranges")
            .assert_body("hello");
    }
    for status in [201, 203, 206, 404, 500] {
        let client = Client::new(Range::default().layer(app(status)));
        let res = client.get("/").header("range", "bytes=0-0").await;
        res.assert_status(status)
            .assert_no_header("content-range")
            .assert_body("hello");
    }
}

#[tokio::test]
async fn preconditions_come_before_ranges() {
    // 13.2.2
    let app = Stack::new()
        .with(Range::default())
        .with(Conditional::default())
        .app(service_fn(async |_: Request<Body>| {
            let res = Response::builder().header("etag", "\"a\"");
            Ok::<_, Infallible>(res.body(Body::from("hello")).unwrap())
        }));
    let client = Client::new(app);
    for (fields, status) in [
        (&[("if-none-match", "\"a\"")][..], 304),
        (&[("if-none-match", "\"b\"")], 206),
        (&[("if-match", "\"b\"")], 412),
        (&[("if-match", "\"a\"")], 206),
        (&[("if-match", "\"a\""), ("if-range", "\"a\"")], 206),
        (&[("if-match", "\"a\""), ("if-range", "\"b\"")], 200),
        (&[("if-none-match", "\"a\""), ("if-range", "\"b\"")], 304),
        (&[("if-match", "\"b\""), ("if-range", "\"a\"")], 412),
    ] {
        for range in ["bytes=0-0", "bytes=9-"] {
            let mut req = client.get("/").header("range", range);
            for (name, value) in fields {
                req = req.header(name, value);
            }
            let unsatisfiable = status == 206 && range == "bytes=9-";
            let status = if unsatisfiable { 416 } else { status };
            let res = req.await;
            assert_eq!(res.status(), status, "{range} {fields:?}");
        }
    }
}
