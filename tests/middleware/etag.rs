//! `etag` on the wire.

use std::convert::Infallible;

use gopuram::Stack;
use gopuram::middleware::{Body, Conditional, Etag};
use gopuram::testing::body::Script;
use gopuram::testing::{Client, Received, app};
use gopuram_tests::undated;
use http::{HeaderValue, Request, Response};
use http_body_util::Full;
use tower::service_fn;
use tower_layer::Layer;

fn text(text: &'static str) -> Response<Body> {
    Response::new(Body::from(text))
}

async fn get(res: impl Fn() -> Response<Body> + Clone + Send + Sync + 'static) -> Received {
    let app = app::answer(move |_| res());
    Client::new(Etag::default().layer(app)).get("/").await
}

#[tokio::test]
async fn a_whole_answer_has_a_strong_tag_of_its_bytes() {
    let one = get(|| text("hello")).await;
    one.assert_status(200).assert_body("hello");
    let tag = one.header("etag").unwrap_or_default();
    assert!(tag.starts_with('"') && tag.len() == 34, "{tag}");
    get(|| text("hello")).await.assert_header("etag", &tag);
    get(|| Response::new(Body::chunks(["hel", "lo"].map(Into::into))))
        .await
        .assert_header("etag", &tag)
        .assert_body("hello");
    assert_ne!(get(|| text("other")).await.header("etag"), Some(tag));
}

#[tokio::test]
async fn a_stream_has_none_and_comes_as_it_is() {
    let pieces = || Script::new().data("a").pause().data("b");
    for body in [pieces as fn() -> Script, || {
        Script::new().data("a").data("b").counts_down()
    }] {
        let res = get(move || Response::new(Body::new(body()))).await;
        res.assert_no_header("etag").assert_body("ab");
    }
    // In process, since a gateway may cut such an answer before its head is out.
    let broken = || Script::new().data("a").error("cut").data("b").counts_down();
    let app = app::answer(move |_| Response::new(broken()));
    let client = Client::in_process(Etag::default().layer(app));
    assert!(client.get("/").await.error().is_some());
}

#[tokio::test]
async fn bodies_of_other_types_have_one_if_they_are_whole() {
    let app = service_fn(async |_: Request<Body>| {
        Ok::<_, Infallible>(Response::new(Full::new(bytes::Bytes::from("hello"))))
    });
    let res = Client::new(Etag::default().layer(app)).get("/").await;
    let tag = get(|| text("hello")).await.header("etag");
    assert_eq!(res.header("etag"), tag);
    res.assert_body("hello");
}

#[tokio::test]
async fn an_application_of_axum_has_them_too() {
    use tower::ServiceExt as _;
    let app = axum::Router::new()
        .route("/", axum::routing::get(async || "hello"))
        .layer(Etag::default())
        .layer(Conditional::default());
    let ask = |tag: &str| {
        let req = Request::get("/").header("if-none-match", tag);
        app.clone()
            .oneshot(req.body(axum::body::Body::empty()).unwrap())
    };
    let res = ask("\"x\"").await.unwrap();
    assert_eq!(res.status(), 200);
    let tag = res.headers()["etag"].to_str().unwrap();
    assert_eq!(ask(tag).await.unwrap().status(), 304);
}

#[tokio::test]
async fn what_the_client_has_is_not_sent_again() {
    let stack = Stack::new()
        .with(Conditional::default())
        .with(Etag::default());
    let client = Client::new(stack.app(app::answer(|_| text("hello"))));
    let tag = client.get("/").await.header("etag").unwrap_or_default();
    let res = client.get("/").header("if-none-match", &tag).await;
    res.assert_status(304)
        .assert_header("etag", &tag)
        .assert_body("");
    let res = client.get("/").header("if-match", "\"old\"").await;
    res.assert_status(412).assert_no_header("etag");
}

#[tokio::test]
async fn head_says_what_get_does() {
    use gopuram::middleware::Head;
    let stack = Stack::new().with(Head::default()).with(Etag::default());
    let client = Client::new(stack.app(app::answer(|_| text("hello"))));
    let get = client.get("/").await;
    let head = client.head("/").await;
    assert_eq!(undated(head.headers()), undated(get.headers()));
    head.assert_body("");
}

#[tokio::test]
async fn what_may_not_be_kept_or_is_tagged_is_left() {
    for (name, value, tag) in [
        ("cache-control", "no-store", None),
        ("etag", "W/\"theirs\"", Some("W/\"theirs\"")),
    ] {
        let res = get(move || {
            let mut res = text("hello");
            res.headers_mut()
                .insert(name, HeaderValue::from_static(value));
            res
        });
        let res = res.await;
        assert_eq!(res.header("etag").as_deref(), tag);
        res.assert_body("hello");
    }
}

#[test]
fn a_stack_says_how_strong() {
    let stack = Stack::new().with(Etag::new().weak()).to_string();
    assert!(stack.contains("weak"), "{stack}");
}
