//! `lint` on the wire: each rule with exchanges that break it and exchanges that keep it.

#![expect(clippy::unwrap_used, reason = "these are tests")]

mod heads;

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use gopuram::middleware::lint::{Finding, Findings, Inspected, Lint, Rule, Side};
use gopuram::testing::body::Script;
use gopuram::testing::{Received, app};
use gopuram::{Body, Stack};
use http::{HeaderMap, HeaderValue, Request, Response, Version};
use http_body::SizeHint;
use tower::{BoxError, Service, ServiceExt, service_fn};
use tower_layer::Layer;

use heads::{RIGHT, WRONG};

/// A request in a line or more: `GET /`, then fields.
fn request(text: &str) -> Request<Body> {
    let mut lines = text.lines().map(str::trim);
    let (method, target) = lines.next().unwrap().split_once(' ').unwrap();
    let mut req = Request::builder().method(method).uri(target);
    for (name, value) in lines.map(field) {
        req = req.header(name, value);
    }
    req.body(Body::empty()).unwrap()
}

fn field(line: &str) -> (&str, &str) {
    let (name, value) = line.split_once(':').unwrap();
    (name, value.strip_prefix(' ').unwrap_or(value))
}

/// A response in a line or more: `200`, then fields; `\t` in a value is left as it is.
fn response(text: &str) -> Response<Body> {
    let mut lines = text.lines().map(|line| line.trim_matches(' '));
    let mut res = Response::builder().status(lines.next().unwrap());
    for (name, value) in lines.map(field) {
        res = res.header(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    res.body(Body::empty()).unwrap()
}

/// The rules that an exchange breaks when its bodies are read to their end.
async fn broken<B, C>(req: Request<B>, res: Response<C>) -> Vec<Rule>
where
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>>,
    C: http_body::Body<Data = Bytes, Error: Into<BoxError>>,
{
    let findings = Findings::new();
    let mut res = Some(res);
    let answers = service_fn(move |req: Request<Inspected<B>>| {
        let res = res.take().unwrap();
        async {
            Received::of(Response::new(req.into_body())).await;
            Ok::<_, Infallible>(res)
        }
    });
    let app = Lint::collect(&findings).layer(answers);
    Received::of(app.oneshot(req).await.unwrap()).await;
    findings.rules()
}

/// Rule and body: bodies that break the rule, and no other.
fn wrong_bodies() -> Vec<(Rule, Script)> {
    let trailers = |name| HeaderMap::from_iter([(name, HeaderValue::from_static("x"))]);
    let checksum = || trailers(http::HeaderName::from_static("x-checksum"));
    let at_least = |lower| {
        let mut hint = SizeHint::new();
        hint.set_lower(lower);
        hint
    };
    let at_most = |upper| {
        let mut hint = SizeHint::new();
        hint.set_upper(upper);
        hint
    };
    let script = Script::new;
    let empty = (0..33).fold(script(), |body, _| body.data(""));
    vec![
        (Rule::B1, script().claims_length(at_least(1))),
        (Rule::B1, script().data("ab").claims_length(at_most(1))),
        (
            Rule::B1,
            script().data("ab").claims_length(SizeHint::with_exact(2)),
        ),
        (Rule::B2, script().data("a").claims_end()),
        (Rule::B2, script().trailers(checksum()).claims_end()),
        (Rule::B3, script().trailers(checksum()).data("a")),
        (Rule::B3, script().trailers(checksum()).trailers(checksum())),
        (Rule::B5, empty),
        (
            Rule::B8,
            script()
                .data("a")
                .trailers(trailers(http::header::CONTENT_TYPE)),
        ),
    ]
}

#[tokio::test]
async fn heads_that_break_a_rule_are_found() {
    for (rule, req, res) in WRONG {
        let found = broken(request(req), response(res)).await;
        assert_eq!(found, [*rule], "{req} -> {res}");
    }
}

#[tokio::test]
async fn heads_that_keep_the_rules_are_not() {
    for (req, res) in RIGHT {
        let found = broken(request(req), response(res)).await;
        assert_eq!(found, [], "{req} -> {res}");
    }
}

#[tokio::test]
async fn bodies_that_break_a_rule_are_found_on_both_sides() {
    for (rule, body) in wrong_bodies() {
        let said = format!("{body:?}");
        let found = broken(request("GET /"), Response::new(body)).await;
        assert_eq!(found, [rule], "response {said}");
    }
    for (rule, body) in wrong_bodies() {
        let said = format!("{body:?}");
        let req = request("POST /").map(|_| body);
        assert_eq!(broken(req, response("200")).await, [rule], "request {said}");
    }
}

#[tokio::test]
async fn bodies_that_keep_the_rules_are_not() {
    let trailers = HeaderMap::from_iter([(http::header::ETAG, HeaderValue::from_static("\"a\""))]);
    let bodies = [
        Body::empty(),
        Body::from("abc"),
        Body::chunks(["a".into(), "b".into()]),
        Body::new(
            Script::new()
                .data("")
                .data("a")
                .pause()
                .data("")
                .trailers(trailers),
        ),
        Body::new(Script::new().data("a").error("cut")),
        Body::new(
            (0..32)
                .fold(Script::new(), |body, _| body.data(""))
                .data("a"),
        ),
    ];
    for body in bodies {
        let said = format!("{body:?}");
        let found = broken(request("GET /"), Response::new(body)).await;
        assert_eq!(found, [], "{said}");
    }
}

#[tokio::test]
async fn content_is_found_where_there_must_be_none() {
    let get = "GET /\nif-none-match: *";
    for (rule, req, status) in [
        (Rule::M1, get, "204"),
        (Rule::M1, get, "205"),
        (Rule::M1, get, "304"),
        (Rule::M1, "CONNECT a:1", "200"),
        (Rule::M22, "HEAD /", "200"),
    ] {
        // Known at once from its length, or not before it comes.
        for body in [Body::from("abc"), Body::new(Script::new().data("abc"))] {
            let res = response(status).map(|_| body);
            assert_eq!(broken(request(req), res).await, [rule], "{req} -> {status}");
        }
        // An empty frame is no content.
        let res = response(status).map(|_| Body::new(Script::new().data("")));
        assert_eq!(broken(request(req), res).await, [], "{req} -> {status}");
    }
}

#[tokio::test]
async fn as_many_bytes_must_come_as_were_said() {
    let head = || response("200\ncontent-length: 2");
    for (text, right) in [("a", false), ("ab", true), ("abc", false)] {
        let expected: &[Rule] = if right { &[] } else { &[Rule::B7] };
        let streamed = head().map(|_| Body::new(Script::new().data(text)));
        assert_eq!(broken(request("GET /"), streamed).await, expected, "{text}");
        let whole = head().map(|_| Body::from(text));
        assert_eq!(broken(request("GET /"), whole).await, expected, "{text}");
        let req = request("POST /\ncontent-length: 2").map(|_| Body::from(text));
        assert_eq!(broken(req, response("200")).await, expected, "{text}");
    }
    // What broke off may be short.
    let cut = head().map(|_| Body::new(Script::new().data("a").error("cut")));
    assert_eq!(broken(request("GET /"), cut).await, []);
    // What was answered to HEAD has its length elsewhere.
    assert_eq!(broken(request("HEAD /"), head()).await, []);
}

#[tokio::test]
async fn nothing_comes_after_the_end_and_nobody_polls_after_an_error() {
    /// Reads on after an end.
    async fn poll(body: Script, times: usize) -> Vec<Rule> {
        let findings = Findings::new();
        let body = Mutex::new(Some(body));
        let answers = app::answer(|_| Response::new(body.lock().unwrap().take().unwrap()));
        let mut app = Stack::new().with(Lint::collect(&findings)).app(answers);
        let res = app.call(request("GET /")).await.unwrap();
        let mut body = std::pin::pin!(res.into_body());
        for _ in 0..times {
            let poll = |cx: &mut std::task::Context<'_>| {
                http_body::Body::poll_frame(body.as_mut(), cx).map(drop)
            };
            std::future::poll_fn(poll).await;
        }
        findings.rules()
    }
    assert_eq!(poll(Script::new().data("a"), 4).await, []);
    assert_eq!(poll(Script::new().error("cut"), 1).await, []);
    assert_eq!(poll(Script::new().error("cut"), 2).await, [Rule::B4]);
    assert_eq!(poll(Script::new().end().data("a"), 2).await, [Rule::B4]);
}

#[tokio::test]
async fn fields_of_the_connection_have_no_place_in_http_2() {
    for (field, right) in [
        ("connection: close", false),
        ("keep-alive: timeout=1", false),
        ("te: gzip", false),
        ("te: trailers", true),
    ] {
        let mut req = request(&format!("GET http://example.com/\n{field}"));
        *req.version_mut() = Version::HTTP_2;
        let expected: &[Rule] = if right { &[] } else { &[Rule::M3] };
        assert_eq!(broken(req, response("200")).await, expected, "{field}");
    }
    let mut req = request("GET http://example.com/\nconnection: x");
    req.headers_mut().clear();
    *req.version_mut() = Version::HTTP_2;
    let found = broken(req, response("200\nconnection: close")).await;
    assert_eq!(found, [Rule::M3]);
}

#[test]
fn every_rule_is_broken_by_some_test() {
    let mut tested: BTreeSet<_> = WRONG.iter().map(|(rule, ..)| *rule).collect();
    tested.extend(wrong_bodies().into_iter().map(|(rule, _)| rule));
    // With tests of their own above.
    tested.extend([Rule::B4, Rule::B7, Rule::M22]);
    assert_eq!(tested, Rule::ALL.iter().copied().collect());
}

#[tokio::test]
async fn two_lints_tell_which_side_of_a_layer_is_to_blame() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let lint = |name: &str| {
        let told = Arc::clone(&told);
        let tell = move |finding: &Finding| told.lock().unwrap().push(finding.clone());
        Lint::warn(tell).named(name)
    };
    let breaks = gopuram::middleware::on_response(|head: &mut http::response::Parts| {
        head.headers
            .insert("etag", HeaderValue::from_static("bare"));
    });
    let app = Stack::new()
        .with(lint("above"))
        .layer(breaks)
        .with(lint("below"))
        .app(app::answer(|_| Response::new(Body::empty())));
    app.oneshot(request("GET /a?b")).await.unwrap();
    let told = told.lock().unwrap();
    let [only] = &told[..] else {
        panic!("{told:?}")
    };
    assert_eq!((only.place(), only.side()), (Some("above"), Side::Response));
    let printed = "response from inside, above: `etag` is malformed [GET /a?b] \
        M7: Validators and dates are well formed (RFC 9110, 5.6.7 and 8.8)";
    assert_eq!(only.to_string(), printed);
}

#[tokio::test]
async fn what_passes_is_not_changed() {
    let trailers = HeaderMap::from_iter([(http::header::ETAG, HeaderValue::from_static("\"a\""))]);
    for lint in [Lint::off(), Lint::fail()] {
        let trailers = trailers.clone();
        let body = move || Script::new().data("a").data("b").trailers(trailers.clone());
        let answers = app::answer(move |req: Request<Body>| {
            let mut res = Response::new(body());
            res.extensions_mut().extend(req.extensions().clone());
            res
        });
        let app = Stack::new().with(lint).app(answers);
        let mut req = request("GET /");
        req.extensions_mut().insert(7_u8);
        let res = Received::of(app.oneshot(req).await.unwrap().map(Body::new)).await;
        res.assert_body("ab").assert_trailer("etag", "\"a\"");
        assert_eq!(res.frames().len(), 2);
        assert_eq!(res.extension(), Some(&7_u8));
    }
}

#[tokio::test]
#[should_panic(expected = "B3: Nothing comes after the trailers (RFC 9110, 6.5)")]
async fn failing_happens_where_the_body_is_polled() {
    let body = || Script::new().trailers(HeaderMap::new()).data("late");
    let app = Stack::new()
        .with(Lint::fail())
        .app(app::answer(move |_| Response::new(body())));
    let res = app.oneshot(request("GET /")).await.unwrap();
    Received::of(res.map(Body::new)).await;
}
