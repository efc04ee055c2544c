//! `conditional` on the wire.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gopuram::middleware::conditional::{Current, EntityTag, Validators};
use gopuram::middleware::{Body, Conditional};
use gopuram::testing::{Client, Received};
use http::{Method, Request, Response, request};
use tower::service_fn;
use tower_layer::Layer;

const THEN: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

type Fields = &'static [(&'static str, &'static str)];

/// What an application with these fields answers to this request.
async fn ask(method: Method, request: &[(&str, &str)], response: Fields) -> Received {
    let app = service_fn(move |_: Request<Body>| async move {
        let mut res = Response::builder();
        for (name, value) in response {
            res = res.header(*name, *value);
        }
        Ok::<_, Infallible>(res.body(Body::from("hello")).unwrap())
    });
    // Applications that say a malformed tag, or two, are wrong, and answered all the same.
    let tags = || response.iter().filter(|(name, _)| *name == "etag");
    let wrong = tags().count() > 1 || tags().any(|(_, tag)| !tag.ends_with('"'));
    let app = Conditional::default().layer(app);
    let client = if wrong {
        Client::without_lint(app)
    } else {
        Client::new(app)
    };
    let mut req = client.request(method, "/");
    for (name, value) in request {
        req = req.header(name, value);
    }
    req.await
}

const STRONG: Fields = &[("etag", "\"a\""), ("last-modified", THEN)];
const WEAK: Fields = &[("etag", "W/\"a\""), ("last-modified", THEN)];
const DATE: Fields = &[("last-modified", THEN)];
const NONE: Fields = &[];

/// One row: the section of RFC 9110, the request's fields, the representation's, the status.
type Row = (&'static str, &'static str, Fields, u16);

async fn check(rows: &'static [Row]) {
    for (section, request, response, status) in rows {
        let request: Vec<_> = request
            .lines()
            .filter_map(|l| l.trim().split_once(": "))
            .collect();
        for method in [Method::GET, Method::HEAD] {
            let res = ask(method.clone(), &request, response).await;
            let found = res.status();
            assert_eq!(
                found, *status,
                "{section}: {method} {request:?} {response:?}"
            );
            let content = *status == 200 && method == Method::GET;
            res.assert_body(if content { "hello" } else { "" });
        }
    }
}

#[tokio::test]
async fn entity_tags_are_compared_as_their_field_says() {
    check(&[
        ("13.2", "", STRONG, 200),
        ("13.1.1", "if-match: \"a\"", STRONG, 200),
        ("13.1.1", "if-match: \"b\"", STRONG, 412),
        ("13.1.1 star", "if-match: *", NONE, 200),
        ("13.1.1 strong", "if-match: W/\"a\"", WEAK, 412),
        ("13.1.1 strong", "if-match: \"a\"", WEAK, 412),
        ("13.1.1 no tag", "if-match: \"a\"", DATE, 412),
        ("13.1.2", "if-none-match: \"a\"", STRONG, 304),
        ("13.1.2", "if-none-match: \"b\"", STRONG, 200),
        ("13.1.2 star", "if-none-match: *", NONE, 304),
        ("13.1.2 weak", "if-none-match: W/\"a\"", STRONG, 304),
        ("13.1.2 weak", "if-none-match: \"a\"", WEAK, 304),
        ("13.1.2 case", "if-none-match: \"A\"", STRONG, 200),
        ("13.1.5 for `range`", "if-range: \"b\"", STRONG, 200),
    ])
    .await;
}

#[tokio::test]
async fn lists_are_read_by_their_grammar() {
    const COMMA: Fields = &[("etag", "\"a,b\"")];
    const UNQUOTED: Fields = &[("etag", "a")];
    const TWO: Fields = &[("etag", "\"a\""), ("etag", "\"a\"")];
    check(&[
        ("13.1.2", "if-none-match: \"b\", ,W/\"a\",", STRONG, 304),
        (
            "5.3",
            "if-none-match: \"b\"\nif-none-match: \"a\"",
            STRONG,
            304,
        ),
        ("8.8.3 comma", "if-none-match: \"a,b\"", COMMA, 304),
        ("8.8.3 comma", "if-none-match: \"a\", \"b\"", COMMA, 200),
        ("8.8.3 quotes", "if-none-match: \"x,\"a\",y\"", STRONG, 200),
        ("8.8.3 invalid", "if-none-match: a", STRONG, 200),
        ("8.8.3 invalid", "if-none-match: a, \"a\"", STRONG, 304),
        ("8.8.3 invalid", "if-none-match: *, *", STRONG, 200),
        ("8.8.3 invalid", "if-match: a", STRONG, 412),
        ("8.8.3 invalid", "if-none-match: \"a\"", UNQUOTED, 200),
        ("8.8.3 two", "if-none-match: \"a\"", TWO, 200),
    ])
    .await;
}

#[tokio::test]
async fn dates_are_compared_by_the_second() {
    check(&[
        (
            "13.1.3",
            "if-modified-since: Sun, 06 Nov 1994 08:49:36 GMT",
            STRONG,
            200,
        ),
        (
            "13.1.3",
            "if-modified-since: Sun, 06 Nov 1994 08:49:37 GMT",
            STRONG,
            304,
        ),
        (
            "13.1.3",
            "if-modified-since: Sun, 06 Nov 1994 08:49:38 GMT",
            DATE,
            304,
        ),
        (
            "13.1.3",
            "if-modified-since: Sun, 06 Nov 1994 08:49:38 GMT",
            NONE,
            200,
        ),
        ("13.1.3 invalid", "if-modified-since: tomorrow", DATE, 200),
        (
            "13.1.4",
            "if-unmodified-since: Sun, 06 Nov 1994 08:49:36 GMT",
            STRONG,
            412,
        ),
        (
            "13.1.4",
            "if-unmodified-since: Sun, 06 Nov 1994 08:49:37 GMT",
            STRONG,
            200,
        ),
        (
            "13.1.4",
            "if-unmodified-since: Sun, 06 Nov 1994 08:49:36 GMT",
            NONE,
            200,
        ),
        (
            "13.1.4 invalid",
            "if-unmodified-since: yesterday",
            DATE,
            200,
        ),
        (
            "5.6.7",
            "if-modified-since: Sunday, 06-Nov-94 08:49:37 GMT",
            DATE,
            304,
        ),
        (
            "5.6.7",
            "if-modified-since: Sun Nov  6 08:49:37 1994",
            DATE,
            304,
        ),
    ])
    .await;
}

#[tokio::test]
async fn preconditions_are_evaluated_in_their_order() {
    check(&[
        (
            "13.2.2: 1 without 2",
            "if-match: \"a\"
            if-unmodified-since: Sun, 06 Nov 1994 08:49:36 GMT",
            STRONG,
            200,
        ),
        (
            "13.2.2: 3 without 4",
            "if-none-match: \"b\"
            if-modified-since: Sun, 06 Nov 1994 08:49:38 GMT",
            STRONG,
            200,
        ),
        (
            "13.2.2: 3 without 4",
            "if-none-match: \"a\"
            if-modified-since: Sun, 06 Nov 1994 08:49:36 GMT",
            STRONG,
            304,
        ),
        (
            "13.2.2: 3 without 4, though it makes no sense",
            "if-none-match: x
            if-modified-since: Sun, 06 Nov 1994 08:49:38 GMT",
            STRONG,
            200,
        ),
        (
            "13.2.2: 1 before 3",
            "if-match: \"b\"
            if-none-match: \"a\"",
            STRONG,
            412,
        ),
        (
            "13.2.2: 2 before 3",
            "if-unmodified-since: Sun, 06 Nov 1994 08:49:36 GMT
            if-none-match: \"a\"",
            STRONG,
            412,
        ),
        (
            "13.2.2: 1, then 4",
            "if-match: \"a\"
            if-modified-since: Sun, 06 Nov 1994 08:49:38 GMT",
            STRONG,
            304,
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_304_carries_what_it_must_and_describes_no_content() {
    // 15.4.5
    let res = ask(
        Method::GET,
        &[("if-none-match", "\"a\"")],
        &[
            ("cache-control", "max-age=60"),
            ("content-encoding", "gzip"),
            ("content-language", "ta"),
            ("content-length", "5"),
            ("content-location", "/there"),
            ("content-type", "text/plain"),
            ("date", THEN),
            ("etag", "\"a\""),
            ("expires", AFTER),
            ("last-modified", THEN),
            ("set-cookie", "a=1"),
            ("set-cookie", "b=2"),
            ("vary", "accept"),
            ("vary", "cookie"),
        ],
    )
    .await;
    res.assert_status(304)
        .assert_header("cache-control", "max-age=60")
        .assert_header("content-location", "/there")
        .assert_header("date", THEN)
        .assert_header("etag", "\"a\"")
        .assert_header("expires", AFTER)
        .assert_header("set-cookie", "a=1, b=2")
        .assert_header("vary", "accept, cookie");
    assert_eq!(res.headers().keys().count(), 7, "{:?}", res.headers());
}

#[tokio::test]
async fn a_304_by_date_carries_the_date() {
    // 15.4.5
    let res = ask(
        Method::GET,
        &[("if-modified-since", AFTER)],
        &[("last-modified", THEN), ("content-type", "text/plain")],
    )
    .await;
    res.assert_status(304)
        .assert_header("last-modified", THEN)
        .assert_no_header("content-type");
}

#[tokio::test]
async fn a_412_is_not_to_be_cached_as_the_representation() {
    let res = ask(
        Method::GET,
        &[("if-match", "\"b\"")],
        &[
            ("etag", "\"a\""),
            ("cache-control", "max-age=60"),
            ("content-type", "text/plain"),
            ("vary", "accept"),
        ],
    )
    .await;
    res.assert_status(412)
        .assert_header("vary", "accept")
        .assert_body("");
    for gone in ["etag", "cache-control", "content-type"] {
        res.assert_no_header(gone);
    }
}

/// A resource under `/there` with the tag `"a"`, and whether it was acted upon.
async fn act(method: Method, target: &str, fields: Fields) -> (u16, usize) {
    let acted = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&acted);
    let app = service_fn(move |_: Request<Body>| {
        count.fetch_add(1, Ordering::Relaxed);
        // What was made has another tag than what was there.
        let res = Response::builder().header("etag", "\"new\"");
        async move { Ok::<_, Infallible>(res.body(Body::from("done")).unwrap()) }
    });
    let layer = Conditional::validators(|head: &request::Parts| match head.uri.path() {
        "/there" => Current::Present(Validators::default().etag(EntityTag::strong("a").unwrap())),
        "/unknown" => Current::Unknown,
        _ => Current::Absent,
    });
    let mut req = Client::new(layer.layer(app)).request(method, target);
    for (name, value) in fields {
        req = req.header(name, value);
    }
    (req.await.status().as_u16(), acted.load(Ordering::Relaxed))
}

#[tokio::test]
async fn an_unsafe_method_that_may_not_act_does_not() {
    let rows: &[(&str, &str, Fields, u16)] = &[
        ("13.1.1", "/there", &[("if-match", "\"a\"")], 200),
        ("13.1.1", "/there", &[("if-match", "\"b\"")], 412),
        ("13.1.1 weak", "/there", &[("if-match", "W/\"a\"")], 412),
        ("13.1.1 *", "/there", &[("if-match", "*")], 200),
        ("13.1.1 *", "/absent", &[("if-match", "*")], 412),
        ("13.1.2 *", "/there", &[("if-none-match", "*")], 412),
        ("13.1.2 *", "/absent", &[("if-none-match", "*")], 200),
        ("13.1.2", "/there", &[("if-none-match", "W/\"a\"")], 412),
        ("13.1.3", "/there", &[("if-modified-since", AFTER)], 200),
        ("unknown", "/unknown", &[("if-match", "\"b\"")], 200),
    ];
    for method in [Method::PUT, Method::POST, Method::PATCH, Method::DELETE] {
        for (section, target, fields, status) in rows {
            let (found, acted) = act(method.clone(), target, fields).await;
            assert_eq!(found, *status, "{section}: {method} {target} {fields:?}");
            assert_eq!(
                acted,
                usize::from(*status == 200),
                "{section}: {method} {fields:?}"
            );
        }
    }
}

#[tokio::test]
async fn the_validators_of_what_was_made_are_not_those_of_what_was_there() {
    // Without a function to ask, the application decides.
    let fields: Fields = &[("etag", "\"new\"")];
    let res = ask(Method::PUT, &[("if-match", "\"old\"")], fields).await;
    res.assert_status(200).assert_body("hello");
    let res = ask(Method::PUT, &[("if-none-match", "\"new\"")], fields).await;
    res.assert_status(200).assert_body("hello");
}

#[tokio::test]
async fn options_has_no_preconditions() {
    // 13.2.1
    assert_eq!(
        act(Method::OPTIONS, "/there", &[("if-match", "\"b\"")]).await,
        (200, 1)
    );
}

#[tokio::test]
async fn a_list_of_thousands_of_tags_is_decided() {
    let app = service_fn(async |_: Request<Body>| {
        let res = Response::builder().header("etag", "\"9999\"");
        Ok::<_, Infallible>(res.body(Body::from("hello")).unwrap())
    });
    let tags: Vec<_> = (0..10_000).map(|i| format!("\"{i}\"")).collect();
    let client = Client::in_process(Conditional::default().layer(app));
    let res = client
        .get("/")
        .header("if-none-match", tags.join(","))
        .await;
    res.assert_status(304);
    let res = client
        .get("/")
        .header("if-none-match", tags[..9999].join(","))
        .await;
    res.assert_status(200);
}
