//! `header_rules` on the wire.

use gopuram::Stack;
use gopuram::middleware::header_rules::{Rule, requests, responses};
use gopuram::middleware::{Body, HeaderRules};
use gopuram::testing::{Client, app};
use http::header::{ACCEPT_LANGUAGE, CACHE_CONTROL, COOKIE};
use http::{HeaderValue, Request, Response, StatusCode};

/// Says what it was sent in `x-cookie`, and an HTML page or nothing at `/missing`.
fn answer(req: &Request<Body>) -> Response<Body> {
    let mut res = Response::new(Body::from("page"));
    let headers = res.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("text/html"));
    for name in [COOKIE, ACCEPT_LANGUAGE] {
        if let Some(value) = req.headers().get(&name) {
            headers.append("x-seen", value.clone());
        }
    }
    if req.uri().path() == "/missing" {
        *res.status_mut() = StatusCode::NOT_FOUND;
    }
    res
}

fn rules() -> [Rule; 5] {
    [
        responses()
            .path("/assets/**")
            .status(200..300)
            .set(CACHE_CONTROL, "max-age=60"),
        responses()
            .media_type("text/*")
            .if_absent(CACHE_CONTROL, "no-cache"),
        responses()
            .status(404..=404)
            .append(CACHE_CONTROL, "private"),
        requests().path("*.css").remove(COOKIE),
        requests().set(ACCEPT_LANGUAGE, "ta"),
    ]
}

#[tokio::test]
async fn each_message_gets_the_fields_that_are_for_it() {
    let app = Stack::new()
        .with(HeaderRules::new(rules()).unwrap())
        .app(app::answer(|req| answer(&req)));
    let client = Client::new(app);
    for (path, cache, seen) in [
        ("/assets/a.css?b", "max-age=60", "ta"),
        ("/assets/a", "max-age=60", "c=1, ta"),
        ("/a", "no-cache", "c=1, ta"),
        ("/missing", "no-cache, private", "c=1, ta"),
    ] {
        let res = client.get(path).header("cookie", "c=1").await;
        res.assert_header("cache-control", cache)
            .assert_header("x-seen", seen)
            .assert_body("page");
    }
}

#[test]
fn a_stack_says_how_many() {
    let stack = Stack::new().with(HeaderRules::new(rules()).unwrap());
    assert!(stack.to_string().contains("5 rules"), "{stack}");
}
