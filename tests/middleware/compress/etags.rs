//! Entity tags on their way in and out.

use std::sync::{Arc, Mutex};

use gopuram::Stack;
use gopuram::middleware::compress::{Compress, Deflate, Gzip};
use gopuram::middleware::{Body, Conditional};
use gopuram::testing::{Client, Received, RequestBuilder, app};
use http::{Method, Request, Response};
use tower_layer::Layer;

use super::{App, client, html, set, status, text};

/// An application that knows conditions, the plain way, and what it was asked.
fn conditional(
    seen: &Arc<Mutex<Vec<String>>>,
) -> impl Fn(&Request<Body>) -> Response<Body> + Clone + use<> {
    let seen = Arc::clone(seen);
    move |req| {
        let tag = "\"abc\"";
        let field = |name: &str| {
            let value = req
                .headers()
                .get(name)
                .map(|value| value.to_str().unwrap().to_owned());
            seen.lock().unwrap().extend(value.clone());
            value
        };
        let mut res = html(text(3000));
        set(&mut res, "etag", tag);
        let has = |list: &str| {
            list == "*"
                || list
                    .split(", ")
                    .any(|one| one.trim_start_matches("W/") == tag)
        };
        let read = matches!(*req.method(), Method::GET | Method::HEAD);
        if field("if-match").is_some_and(|list| !has(&list)) {
            status(&mut res, 412);
            *res.body_mut() = Body::empty();
        } else if field("if-none-match").is_some_and(|list| has(&list)) {
            // RFC 9110, section 13.1.2.
            status(&mut res, if read { 304 } else { 412 });
            *res.body_mut() = Body::empty();
        } else if field("if-range").is_none_or(|one| one == tag)
            && req.headers().contains_key("range")
        {
            status(&mut res, 206);
            set(&mut res, "content-range", "bytes 0-0/3000");
            *res.body_mut() = "x".into();
        }
        res
    }
}

struct Asked {
    res: Received,
    seen: Vec<String>,
}

/// Asks for gzip with these fields.
async fn ask(method: Method, fields: &[(&str, &str)]) -> Asked {
    let seen = Arc::default();
    let both = Compress::with((Gzip::default(), Deflate::default()));
    let app: Client<_> = client(&both, conditional(&seen));
    let req: RequestBuilder<_> = app.request(method, "/");
    let req = fields
        .iter()
        .fold(req, |req, (name, value)| req.header(name, value));
    let res = req.await;
    let seen = seen.lock().unwrap().clone();
    Asked { res, seen }
}

const GZIP: (&str, &str) = ("accept-encoding", "gzip");

#[tokio::test]
async fn each_coding_has_a_tag_of_its_own() {
    for (accepted, tag) in [
        ("gzip", "\"abc-gzip\""),
        ("deflate", "\"abc-deflate\""),
        ("", "\"abc\""),
    ] {
        let asked = ask(Method::GET, &[("accept-encoding", accepted)]).await;
        asked.res.assert_status(200).assert_header("etag", tag);
    }
}

#[tokio::test]
async fn a_weak_tag_stays_and_what_is_no_tag_goes() {
    for (before, after) in [("W/\"abc\"", Some("W/\"abc\"")), ("abc", None)] {
        let app = App(move |_: &Request<Body>| {
            let mut res = html(text(3000));
            set(&mut res, "etag", before);
            res
        });
        let client = Client::without_lint(Compress::default().layer(app));
        let res = client.get("/").header("accept-encoding", "gzip").await;
        assert_eq!(res.header("etag").as_deref(), after);
        client.get("/").await.assert_header("etag", before);
    }
}

#[tokio::test]
async fn the_tag_that_was_sent_comes_back_as_304() {
    for sent in [
        "\"abc-gzip\"",
        "W/\"abc-gzip\"",
        "\"x\", \"abc-gzip\"",
        "\"abc-gzip\", \"abc\"",
    ] {
        let asked = ask(Method::GET, &[GZIP, ("if-none-match", sent)]).await;
        asked
            .res
            .assert_status(304)
            .assert_header("etag", "\"abc-gzip\"")
            .assert_header("vary", "accept-encoding")
            .assert_no_header("content-encoding")
            .assert_body("");
    }
}

#[tokio::test]
async fn a_304_of_what_is_not_coded_varies_no_more_than_its_200() {
    // RFC 9110, section 15.4.5
    let app = app::answer(|_| {
        let res = Response::builder().header("content-type", "image/png");
        let res = res.header("etag", "\"abc\"");
        res.body(Body::from(vec![7; 5000])).unwrap()
    });
    let stack = Stack::new()
        .with(Compress::default())
        .with(Conditional::default());
    let client = Client::new(stack.app(app));
    for condition in [None, Some("\"abc\""), Some("*")] {
        let mut request = client.get("/").header("accept-encoding", "gzip");
        if let Some(tags) = condition {
            request = request.header("if-none-match", tags);
        }
        let res = request.await;
        res.assert_status(if condition.is_some() { 304 } else { 200 })
            .assert_header("etag", "\"abc\"")
            .assert_no_header("vary");
    }
}

#[tokio::test]
async fn inner_sees_its_own_tag_beside_the_one_that_was_sent() {
    let asked = ask(Method::GET, &[GZIP, ("if-none-match", "\"abc-gzip\"")]).await;
    assert_eq!(asked.seen, ["\"abc-gzip\", \"abc\""]);
    let asked = ask(Method::GET, &[GZIP, ("if-none-match", "\"other\"")]).await;
    assert_eq!(asked.seen, ["\"other\""]);
}

#[tokio::test]
async fn who_holds_the_plain_bytes_is_told_of_those() {
    let asked = ask(Method::GET, &[GZIP, ("if-none-match", "\"abc\"")]).await;
    asked
        .res
        .assert_status(304)
        .assert_header("etag", "\"abc\"");
    let asked = ask(Method::GET, &[GZIP, ("if-none-match", "*")]).await;
    asked
        .res
        .assert_status(304)
        .assert_header("etag", "\"abc\"");
}

#[tokio::test]
async fn who_holds_another_coding_is_sent_this_one() {
    let held = ("if-none-match", "\"abc-deflate\"");
    ask(Method::GET, &[GZIP, held])
        .await
        .res
        .assert_status(200)
        .assert_header("etag", "\"abc-gzip\"");
    let held = ("if-none-match", "\"abc-gzip\"");
    ask(Method::GET, &[held])
        .await
        .res
        .assert_status(200)
        .assert_header("etag", "\"abc\"");
}

#[tokio::test]
async fn head_is_conditional_too() {
    let asked = ask(Method::HEAD, &[GZIP, ("if-none-match", "\"abc-gzip\"")]).await;
    asked
        .res
        .assert_status(304)
        .assert_header("etag", "\"abc-gzip\"");
}

#[tokio::test]
async fn a_change_may_be_based_on_any_coding() {
    for tag in ["\"abc\"", "\"abc-gzip\"", "\"abc-deflate\""] {
        let asked = ask(Method::PUT, &[("if-match", tag)]).await;
        asked.res.assert_status(200);
        let asked = ask(Method::PUT, &[("if-none-match", tag)]).await;
        asked.res.assert_status(412);
    }
    ask(Method::PUT, &[("if-match", "\"abc-br\"")])
        .await
        .res
        .assert_status(412);
    ask(Method::PUT, &[("if-match", "\"old-gzip\"")])
        .await
        .res
        .assert_status(412);
}

#[tokio::test]
async fn pieces_of_two_representations_are_never_put_together() {
    let range = ("range", "bytes=0-0");
    // With the coded tag: all of it again, or nothing.
    let asked = ask(Method::GET, &[GZIP, range, ("if-range", "\"abc-gzip\"")]).await;
    asked
        .res
        .assert_status(200)
        .assert_header("etag", "\"abc-gzip\"");
    let asked = ask(Method::GET, &[GZIP, range, ("if-match", "\"abc-gzip\"")]).await;
    asked.res.assert_status(412);
    // With the plain one: a piece of the plain bytes.
    let asked = ask(Method::GET, &[GZIP, range, ("if-range", "\"abc\"")]).await;
    asked
        .res
        .assert_status(206)
        .assert_header("etag", "\"abc\"")
        .assert_no_header("content-encoding")
        .assert_body("x");
}

#[tokio::test]
async fn a_range_under_a_date_is_answered_with_the_whole_where_the_answer_would_be_coded() {
    const RANGE: (&str, &str) = ("range", "bytes=0-0");
    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    for (fields, status) in [
        (&[GZIP, RANGE, ("if-range", DATE)][..], 200),
        (&[GZIP, RANGE, ("if-unmodified-since", DATE)], 200),
        // Not coded for this client, which can have nothing else.
        (&[RANGE, ("if-unmodified-since", DATE)], 206),
        // The tag says which representation it has.
        (
            &[
                GZIP,
                RANGE,
                ("if-range", "\"abc\""),
                ("if-unmodified-since", DATE),
            ],
            206,
        ),
        (&[GZIP, RANGE], 206),
    ] {
        let Asked { res, seen } = ask(Method::GET, fields).await;
        assert_eq!(res.status(), status, "{fields:?}");
        if status == 200 {
            res.assert_header("content-encoding", "gzip");
            assert!(seen.is_empty(), "{fields:?}");
        }
    }
}
