//! What is stored: RFC 9111, section 3.

use super::support::{Origin, answer, clock, is_reused, is_reused_for, ok, rig, rig_with};
use gopuram::middleware::cache::{Cache, SetCookie};
use gopuram::middleware::{Body, Compress, Head};
use gopuram::testing::Client;
use gopuram::testing::body::Script;
use gopuram::{Application, Stack};
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tower::service_fn;

const FRESH: &str = "cache-control: max-age=60";

#[tokio::test]
async fn any_final_status_is_stored_that_says_so() {
    // 3
    for status in [
        200, 203, 204, 299, 301, 302, 307, 400, 404, 410, 418, 500, 503, 599,
    ] {
        let res = answer(status, &[FRESH], "");
        assert!(is_reused(res, 59).await, "{status}");
    }
}

#[tokio::test]
async fn what_sets_a_cookie_is_not_stored_unless_told() {
    let res = || ok(&[FRESH, "set-cookie: a=b"], "a");
    assert!(!is_reused(res(), 0).await);
    let strip = Cache::in_memory(1 << 20).cookies(SetCookie::Strip);
    let rig = rig_with(strip, [res()]);
    rig.get(&[]).await.assert_header("set-cookie", "a=b");
    rig.get(&[]).await.assert_no_header("set-cookie");
    rig.assert_asked(1);
    let keep = Cache::in_memory(1 << 20).cookies(SetCookie::Keep);
    let rig = rig_with(keep, [res()]);
    rig.get(&[]).await;
    rig.get(&[]).await.assert_header("set-cookie", "a=b");
}

#[tokio::test]
async fn a_cookie_of_the_request_is_no_reason_not_to() {
    let own = ["cookie: a=b"];
    assert!(is_reused_for(&own, ok(&[FRESH], "a"), 0, &["cookie: c=d"]).await);
}

#[tokio::test]
async fn requests_with_content_or_for_another_protocol_are_left_alone() {
    let rig = rig([ok(&[FRESH], "a")]);
    rig.get(&[]).await;
    let res = rig.client.request(Method::GET, "/").body("content").await;
    res.assert_header("cache-status", "gopuram; fwd=bypass");
    rig.assert_asked(2);
}

/// A client of a cache around an application with this body.
fn streams(
    cache: Cache,
    length: Option<&'static str>,
    script: fn() -> Script,
) -> (Client<impl Application>, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let app = service_fn(move |_: Request<Body>| {
        count.fetch_add(1, Ordering::Relaxed);
        let mut res = Response::new(Body::new(script()));
        let headers = res.headers_mut();
        headers.insert("cache-control", HeaderValue::from_static("max-age=60"));
        if let Some(length) = length {
            headers.insert("content-length", HeaderValue::from_static(length));
        }
        async move { Ok::<_, Infallible>(res) }
    });
    let app = Stack::new().with(cache.clock(clock())).app(app);
    (Client::in_process(app), calls)
}

fn trailers() -> HeaderMap {
    HeaderMap::from_iter([(http::header::ETAG, HeaderValue::from_static("\"a\""))])
}

#[tokio::test]
async fn a_body_is_stored_when_it_has_come_as_a_whole() {
    let script = || Script::new().data("ab").pause().data("").data("c").end();
    for length in [None, Some("3")] {
        let (client, calls) = streams(Cache::in_memory(1 << 20), length, script);
        client.get("/").await.assert_body("abc");
        let res = client.get("/").await;
        res.assert_body("abc").assert_header("content-length", "3");
        assert_eq!(calls.load(Ordering::Relaxed), 1);
    }
}

#[tokio::test]
async fn a_body_that_broke_off_or_is_not_what_it_said_is_not_stored() {
    let cut = || Script::new().data("ab").error("cut");
    let short = || Script::new().data("ab").pause().end();
    let long = || Script::new().data("ab").pause().data("cd").end();
    // RFC 9112, 8: trailers are no end of what is too short.
    let trailing = || Script::new().data("ab").pause().trailers(trailers());
    let late = || Script::new().data("abc").pause().error("cut");
    for (length, script) in [
        (None, cut as fn() -> Script),
        (Some("3"), cut),
        (Some("3"), short),
        (Some("3"), long),
        (Some("3"), trailing),
        (Some("3"), late),
    ] {
        let (client, calls) = streams(Cache::in_memory(1 << 20), length, script);
        for _ in 0..2 {
            let res = client.get("/").await;
            assert!(res.error().is_some(), "{length:?} {res:?}");
        }
        assert_eq!(calls.load(Ordering::Relaxed), 2);
    }
}

#[tokio::test]
async fn a_body_that_nobody_read_to_its_end_is_not_stored() {
    let script = || Script::new().data("ab").pause().data("c").end();
    let (client, calls) = streams(Cache::in_memory(1 << 20), None, script);
    drop(client.get("/").send().await);
    client.get("/").await.assert_body("abc");
    client.get("/").await.assert_body("abc");
    assert_eq!(calls.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_body_with_trailers_is_passed_on_with_them_and_not_stored() {
    let script = || Script::new().data("ab").pause().trailers(trailers());
    let (client, calls) = streams(Cache::in_memory(1 << 20), None, script);
    for _ in 0..2 {
        let res = client.get("/").await;
        res.assert_body("ab").assert_trailer("etag", "\"a\"");
    }
    assert_eq!(calls.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_body_that_is_too_long_is_passed_on_and_not_stored() {
    let script = || {
        Script::new()
            .data("0123")
            .pause()
            .data("4567")
            .data("89")
            .end()
    };
    for length in [None, Some("10")] {
        let cache = Cache::in_memory(1 << 20).entry(9);
        let (client, calls) = streams(cache, length, script);
        for _ in 0..2 {
            client.get("/").await.assert_body("0123456789");
        }
        assert_eq!(calls.load(Ordering::Relaxed), 2);
    }
    let whole = rig_with(Cache::in_memory(1 << 20).entry(2), [ok(&[FRESH], "abc")]);
    whole.get(&[]).await.assert_body("abc");
    whole.get(&[]).await;
    whole.assert_asked(2);
}

#[tokio::test]
async fn events_are_never_stored() {
    let fields = [FRESH, "content-type: text/event-stream"];
    assert!(!is_reused(ok(&fields, "data: a\n\n"), 0).await);
}

#[tokio::test]
async fn memory_has_a_bound() {
    let cache = Cache::in_memory(64 << 10);
    let store = cache.clone();
    let rig = rig_with(cache, [ok(&[FRESH], "0123456789".repeat(100).leak())]);
    for n in 0..500 {
        rig.ask(Method::GET, &format!("/{n}"), &[]).await;
    }
    let stored = format!("{store:?}");
    let bytes = stored.split("bytes: ").nth(1).unwrap();
    let bytes: u64 = bytes.split(',').next().unwrap().parse().unwrap();
    assert!(bytes > 16 << 10 && bytes <= 64 << 10, "{stored}");
}

#[tokio::test]
async fn coded_answers_are_stored_as_they_were_coded() {
    let origin = Origin::of([ok(
        &[FRESH, "content-type: text/plain", "etag: \"a\""],
        "0123456789".repeat(1000).leak(),
    )]);
    let inner = origin.clone();
    let app = Stack::new()
        .with(Head::default())
        .with(Cache::in_memory(1 << 20).clock(clock()))
        .with(Compress::default())
        .app(service_fn(move |req: Request<Body>| {
            let res = inner.answer(req);
            async move { Ok::<_, Infallible>(res) }
        }));
    let client = Client::new(app);
    let gzip = || client.get("/").header("accept-encoding", "gzip");
    let first = gzip().await;
    first.assert_header("content-encoding", "gzip");
    let second = gzip().await;
    second
        .assert_header("content-encoding", "gzip")
        .assert_body(first.bytes())
        .assert_header("age", "0");
    assert_eq!(origin.count(), 1);
    let tag = second.header("etag").unwrap();
    gzip()
        .header("if-none-match", &tag)
        .await
        .assert_status(304);
    let res = gzip().header("range", "bytes=0-9").await;
    res.assert_status(206).assert_body(&first.bytes()[..10]);
    let plain = client.get("/").await;
    plain.assert_no_header("content-encoding");
    assert_eq!(plain.bytes().len(), 10_000);
    assert_eq!(origin.count(), 2);
    let res = client.head("/").header("accept-encoding", "gzip").await;
    res.assert_header("content-length", &first.bytes().len().to_string());
    assert_eq!(origin.count(), 2);
}
