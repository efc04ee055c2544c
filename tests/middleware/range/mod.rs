//! `range` on the wire.

#![expect(clippy::unwrap_used, reason = "these are tests")]

mod bodies;
mod multipart;

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use gopuram::Stack;
use gopuram::middleware::{Body, Conditional, Range};
use gopuram::testing::{Client, Received};
use http::{Method, Request, Response};
use tower::service_fn;
use tower_layer::Layer;

use bodies::{File, Stream};

const THEN: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

type Fields<'a> = &'a [(&'a str, &'a str)];

/// `len` bytes, no two neighbours alike.
fn content(len: usize) -> Bytes {
    (0..251_u8).cycle().take(len).collect()
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
    let slot = Arc::new(Mutex::new(Some(res.body(body).unwrap())));
    let app = service_fn(move |_: Request<Body>| {
        let res = slot.lock().unwrap().take().unwrap();
        async { Ok::<_, Infallible>(res) }
    });
    let mut req = Client::in_process(Range::default().layer(app)).get("/");
    for (name, value) in request {
        req = req.header(name, value);
    }
    req.await
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
        for gone in ["etag", "cache-control", "content-type"] {
            res.assert_no_header(gone);
        }
        res.assert_header("content-length", "0");
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
        ("8.8.2.2 as weak as its tag", THEN, weak, 200),
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
        (("transfer-encoding", "chunked"), 200),
    ] {
        // Some of these are wrong, and no reason to cut.
        let app = service_fn(move |_: Request<Body>| async move {
            let res = Response::builder().header(response.0, response.1);
            Ok::<_, Infallible>(res.body(Body::from("hello")).unwrap())
        });
        let client = Client::without_lint(Range::default().layer(app));
        let res = client
            .get("/")
            .header("range", "bytes=0-0")
            .call()
            .await
            .unwrap();
        assert_eq!(res.status(), status);
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
    let client = Client::new(Range::default().layer(app(200)));
    // What a GET has is said of it all the same: downloads ask for it first (9.3.2).
    let head = client.head("/").header("range", "bytes=0-0").await;
    head.assert_status(200)
        .assert_header("accept-ranges", "bytes")
        .assert_header("content-length", "5");
    for method in [Method::POST, Method::PUT, Method::OPTIONS] {
        let res = client
            .request(method, "/")
            .header("range", "bytes=0-0")
            .await;
        res.assert_status(200)
            .assert_no_header("accept-ranges")
            .assert_header("content-length", "5");
    }
    for status in [201, 203, 206, 404, 500] {
        // A 206 to say nothing of its part is wrong of the application.
        let client = Client::without_lint(Range::default().layer(app(status)));
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
