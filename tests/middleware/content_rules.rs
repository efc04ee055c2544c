//! `content_rules` on the wire.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use gopuram::Stack;
use gopuram::middleware::{Body, ContentRules};
use gopuram::testing::body::Script;
use gopuram::testing::{Client, app};
use http::{Method, Response};

fn rules() -> ContentRules {
    let rules = ContentRules::new().takes(["application/json"]).unwrap();
    let rules = rules.codings([]).unwrap();
    rules.makes(["application/json"]).unwrap()
}

#[tokio::test]
async fn only_what_is_taken_reaches_the_application() {
    let app = Stack::new()
        .with(rules())
        .app(app::answer(|_| Response::new(Body::from("taken"))));
    let client = Client::new(app);
    for method in [Method::POST, Method::PUT, Method::PATCH] {
        let ask = |media_type: &'static str| {
            let req = client.request(method.clone(), "/");
            req.header("content-type", media_type).body("{}")
        };
        ask("application/json;a=b")
            .await
            .assert_status(200)
            .assert_body("taken");
        let res = ask("text/plain").await;
        res.assert_status(415)
            .assert_header("accept", "application/json")
            .assert_body("");
        for (own, name) in [
            (Method::POST, "accept-post"),
            (Method::PATCH, "accept-patch"),
        ] {
            let said = (method == own).then_some("application/json");
            assert_eq!(res.header(name).as_deref(), said, "{method}");
        }
        let res = ask("application/json")
            .header("content-encoding", "gzip")
            .await;
        res.assert_status(415)
            .assert_header("accept-encoding", "identity")
            .assert_no_header("accept");
    }
}

#[tokio::test]
async fn a_stream_has_content_and_nothing_has_none() {
    let app = Stack::new()
        .with(rules())
        .app(app::answer(|_| Response::new(Body::from("taken"))));
    let client = Client::new(app);
    client.post("/").await.assert_status(200);
    client.get("/").await.assert_status(200);
    let stream = client.post("/").stream(Script::new().data("{}"));
    stream.await.assert_status(415);
}

#[tokio::test]
async fn who_would_not_accept_the_answer_is_told() {
    let app = Stack::new()
        .with(rules())
        .app(app::answer(|_| Response::new(Body::from("{}"))));
    let client = Client::new(app);
    let ask = |accept: &'static str| client.get("/").header("accept", accept);
    ask("*/*").await.assert_status(200);
    ask("text/html").await.assert_status(406).assert_body("");
}

#[test]
fn a_stack_says_what_is_taken() {
    let stack = Stack::new().with(rules()).to_string();
    assert!(stack.contains("application/json"), "{stack}");
}
