//! Answers that are sent as they were.

use gopuram::middleware::Body;
use gopuram::middleware::compress::Compress;
use gopuram::testing::Received;
use http::{Method, Response};

use super::{GZIP, client, html, set, status, text};

/// What is left alone, with what it says of `Vary` then.
#[tokio::test]
async fn answers_that_are_not_to_be_coded_are_as_they_were() {
    type Change = fn(&mut Response<Body>);
    let cases: [(&str, Change, Option<&str>); 16] = [
        ("small", |res| *res.body_mut() = text(1023).into(), None),
        ("empty", |res| *res.body_mut() = Body::empty(), None),
        (
            "a picture",
            |res| set(res, "content-type", "image/png"),
            None,
        ),
        (
            "of no type",
            |res| drop(res.headers_mut().remove("content-type")),
            None,
        ),
        ("coded", |res| set(res, "content-encoding", "br"), None),
        (
            "no-transform",
            |res| set(res, "cache-control", "max-age=1, No-Transform"),
            None,
        ),
        ("206", |res| status(res, 206), Some("accept-encoding")),
        (
            "206 of a picture",
            |res| {
                status(res, 206);
                set(res, "content-type", "image/png");
            },
            None,
        ),
        (
            "206 of pieces",
            |res| {
                status(res, 206);
                set(res, "content-type", "multipart/byteranges; boundary=x");
            },
            Some("accept-encoding"),
        ),
        (
            "206 of few bytes",
            |res| {
                status(res, 206);
                *res.body_mut() = "x".into();
            },
            Some("accept-encoding"),
        ),
        (
            "a range",
            |res| set(res, "content-range", "bytes 0-2999/9000"),
            Some("accept-encoding"),
        ),
        ("204", |res| status(res, 204), None),
        ("205", |res| status(res, 205), None),
        ("101", |res| status(res, 101), None),
        (
            "304",
            |res| {
                status(res, 304);
                *res.body_mut() = Body::empty();
            },
            Some("accept-encoding"),
        ),
        (
            "304 of a picture",
            |res| {
                status(res, 304);
                set(res, "content-type", "image/png");
                *res.body_mut() = Body::empty();
            },
            None,
        ),
    ];
    for (name, change, vary) in cases {
        let make = move || {
            let mut res = html(text(3000));
            set(&mut res, "etag", "\"abc\"");
            set(&mut res, "accept-ranges", "bytes");
            set(&mut res, "repr-digest", "sha-256=:x:");
            change(&mut res);
            res
        };
        let res = client(&Compress::default(), move |_| make())
            .get("/")
            .header("accept-encoding", "gzip")
            .call()
            .await
            .unwrap();
        let mut before = make().into_parts().0.headers;
        if let Some(vary) = vary {
            before.insert("vary", vary.parse().unwrap());
        }
        assert_eq!(*res.headers(), before, "{name}");
        let body = make().into_body().try_into_bytes().unwrap();
        Received::of(res).await.assert_body(body);
    }
}

#[tokio::test]
async fn a_tunnel_is_left_alone_but_not_its_refusal() {
    let client = client(&Compress::default(), |req| {
        let mut res = html(text(3000));
        let open = req.uri() == "open.test:443";
        status(&mut res, if open { 200 } else { 403 });
        res
    });
    // Content where a gateway sends none: only the application itself shows it.
    let connect = async |to| {
        let req = client.request(Method::CONNECT, to);
        let res = req.header("accept-encoding", "gzip").call().await;
        Received::of(res.unwrap()).await
    };
    connect("open.test:443")
        .await
        .assert_no_header("content-encoding")
        .assert_no_header("vary")
        .assert_body(text(3000));
    connect("shut.test:443")
        .await
        .assert_header("content-encoding", GZIP);
}

#[tokio::test]
async fn what_does_not_shrink_is_sent_as_it_was() {
    let mut state = 1_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        // A generator by Knuth; its upper bits do not repeat.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        state.to_be_bytes()[0]
    })
    .take(3000)
    .collect();
    let sent = noise.clone();
    let client = client(&Compress::default(), move |_| {
        let mut res = html(sent.clone());
        set(&mut res, "etag", "\"abc\"");
        set(&mut res, "content-length", "3000");
        res
    });
    let res = client.get("/").header("accept-encoding", "gzip").await;
    res.assert_no_header("content-encoding")
        .assert_header("etag", "\"abc\"")
        .assert_header("content-length", "3000")
        .assert_header("vary", "accept-encoding")
        .assert_body(noise);
}
