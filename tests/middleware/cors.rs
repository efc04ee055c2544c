//! `cors` on the wire.

use std::convert::Infallible;
use std::time::Duration;

use gopuram::Stack;
use gopuram::middleware::cors::InvalidOrigin;
use gopuram::middleware::{Body, Cors};
use gopuram::testing::{Client, Received, RequestBuilder};
use http::header::{ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_ORIGIN, AUTHORIZATION};
use http::header::{CONTENT_TYPE, ETAG, VARY};
use http::{HeaderValue, Method, Request, Response};
use tower::util::BoxCloneService;
use tower::{Layer, ServiceExt, service_fn};
use tower_service::Service;

type App = BoxCloneService<Request<Body>, Response<Body>, Infallible>;

const OURS: &str = "https://example.com";
const THEIRS: &str = "https://evil.test";

/// Around an application that varies, and at `/own` has ideas of its own on origins.
fn client<L>(layer: L) -> Client<App>
where
    L: Layer<App>,
    L::Service: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + 'static,
{
    let app = service_fn(async |req: Request<Body>| {
        let mut res = Response::new(Body::from("hi"));
        let headers = res.headers_mut();
        headers.insert(VARY, HeaderValue::from_static("accept"));
        if req.uri().path() == "/own" {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            let yes = HeaderValue::from_static("true");
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, yes);
        }
        Ok::<_, Infallible>(res)
    });
    Client::new(layer.layer(app.boxed_clone()).boxed_clone())
}

fn ours() -> Result<Cors, InvalidOrigin> {
    Cors::origins([OURS, "https://*.example.org"])
}

fn preflight(client: &Client<App>, origin: &str) -> RequestBuilder<App> {
    client
        .request(Method::OPTIONS, "/")
        .header("origin", origin)
        .header("access-control-request-method", "PATCH")
        .header("access-control-request-headers", "x-one,x-two")
}

/// Asserts that no field of the protocol is there.
#[track_caller]
fn assert_refused(res: &Received) {
    let mut names = res.headers().keys();
    assert!(
        !names.any(|name| name.as_str().starts_with("access-control-")),
        "{res:?}"
    );
}

#[tokio::test]
async fn any_origin_is_said_to_all_also_without_one() {
    let client = client(Cors::any_origin());
    for request in [
        client.get("/"),
        client.get("/").header("origin", THEIRS),
        client.get("/").header("origin", "null"),
    ] {
        let res = request.await;
        res.assert_status(200)
            .assert_header("access-control-allow-origin", "*")
            .assert_no_header("access-control-allow-credentials")
            .assert_header("vary", "accept")
            .assert_body("hi");
    }
}

#[tokio::test]
async fn a_known_origin_is_said_to_itself() {
    let client = client(ours().unwrap());
    for origin in [OURS, "https://www.example.org"] {
        let res = client.get("/").header("origin", origin).await;
        res.assert_status(200)
            .assert_header("access-control-allow-origin", origin)
            .assert_no_header("access-control-allow-credentials")
            .assert_header("vary", "accept, origin");
    }
}

#[tokio::test]
async fn to_other_origins_and_to_none_nothing_is_said_but_vary() {
    let client = client(ours().unwrap().credentials().expose([ETAG]));
    for request in [
        client.get("/"),
        client.get("/").header("origin", THEIRS),
        client.get("/").header("origin", "null"),
        client.get("/own").header("origin", THEIRS),
    ] {
        let res = request.await;
        res.assert_status(200)
            .assert_header("vary", "accept, origin");
        assert_refused(&res);
    }
}

#[tokio::test]
async fn what_inner_says_of_origins_is_replaced() {
    let res = client(ours().unwrap())
        .get("/own")
        .header("origin", OURS)
        .await;
    res.assert_header("access-control-allow-origin", OURS)
        .assert_no_header("access-control-allow-credentials");
    let res = client(Cors::any_origin()).get("/own").await;
    res.assert_header("access-control-allow-origin", "*")
        .assert_no_header("access-control-allow-credentials");
}

#[tokio::test]
async fn credentials_and_exposed_fields_are_said_to_a_known_origin() {
    let client = client(ours().unwrap().credentials().expose([ETAG, AUTHORIZATION]));
    let res = client.get("/").header("origin", OURS).await;
    res.assert_header("access-control-allow-credentials", "true")
        .assert_header("access-control-expose-headers", "etag, authorization");
}

#[tokio::test]
async fn all_fields_may_be_exposed_to_any_origin() {
    let client = client(Cors::any_origin().expose_all());
    let res = client.get("/").header("origin", OURS).await;
    res.assert_header("access-control-expose-headers", "*");
}

#[tokio::test]
async fn a_preflight_is_answered_without_inner() {
    let layer = ours()
        .unwrap()
        .methods([Method::PATCH, Method::DELETE])
        .headers([CONTENT_TYPE])
        .max_age(Duration::from_millis(60_500));
    let res = preflight(&client(layer), OURS).await;
    res.assert_status(204)
        .assert_header("access-control-allow-origin", OURS)
        .assert_header("access-control-allow-methods", "PATCH, DELETE")
        .assert_header("access-control-allow-headers", "content-type")
        .assert_header("access-control-max-age", "60")
        .assert_no_header("access-control-allow-credentials")
        .assert_no_header("access-control-allow-private-network")
        .assert_no_header("content-length")
        .assert_body("");
    let vary = res.header("vary").unwrap_or_default();
    for name in [
        "origin",
        "access-control-request-method",
        "access-control-request-headers",
    ] {
        assert!(vary.split(", ").any(|varies| varies == name), "{vary}");
    }
}

#[tokio::test]
async fn names_asked_for_on_several_lines_are_one_list() {
    let layer = ours().unwrap().any_header().credentials();
    let res = preflight(&client(layer), OURS)
        .header("access-control-request-headers", "x-three")
        .await;
    res.assert_header("access-control-allow-headers", "x-one,x-two, x-three");
}

#[tokio::test]
async fn a_preflight_by_default_allows_what_needs_no_permission() {
    let res = preflight(&client(Cors::any_origin()), THEIRS).await;
    res.assert_status(204)
        .assert_header("access-control-allow-origin", "*")
        .assert_header("access-control-max-age", "3600")
        .assert_no_header("access-control-allow-methods")
        .assert_no_header("access-control-allow-headers");
}

#[tokio::test]
async fn a_preflight_of_another_origin_allows_nothing() {
    let layer = ours().unwrap().any_method().any_header().credentials();
    let res = preflight(&client(layer), THEIRS).await;
    res.assert_status(204);
    assert!(res.header("vary").is_some());
    assert_refused(&res);
}

#[tokio::test]
async fn anything_is_allowed_by_a_star_or_by_name_where_there_are_credentials() {
    let layer = Cors::any_origin().any_method().any_header();
    let res = preflight(&client(layer), THEIRS).await;
    res.assert_header("access-control-allow-methods", "*")
        .assert_header("access-control-allow-headers", "*, authorization");
    let layer = ours().unwrap().any_method().any_header().credentials();
    let res = preflight(&client(layer), OURS).await;
    res.assert_header("access-control-allow-origin", OURS)
        .assert_header("access-control-allow-credentials", "true")
        .assert_header("access-control-allow-methods", "PATCH")
        .assert_header("access-control-allow-headers", "x-one,x-two");
}

#[tokio::test]
async fn a_private_network_is_open_where_asked_and_allowed() {
    let asks = "access-control-request-private-network";
    let says = "access-control-allow-private-network";
    let open = client(Cors::any_origin().private_network());
    let res = preflight(&open, THEIRS).header(asks, "true").await;
    res.assert_header(says, "true");
    preflight(&open, THEIRS).await.assert_no_header(says);
    let closed = client(Cors::any_origin());
    let res = preflight(&closed, THEIRS).header(asks, "true").await;
    res.assert_no_header(says);
}

#[tokio::test]
async fn other_options_are_for_inner_to_answer() {
    let client = client(Cors::any_origin());
    let options = || client.request(Method::OPTIONS, "/");
    for request in [
        options(),
        options().header("origin", OURS),
        options().header("access-control-request-method", "PUT"),
        client
            .get("/")
            .header("origin", OURS)
            .header("access-control-request-method", "PUT"),
    ] {
        request.await.assert_status(200).assert_body("hi");
    }
}

#[tokio::test]
async fn a_function_is_asked_for_origins() {
    let client = client(Cors::origins_by(|origin| origin == "null"));
    let res = client.get("/").header("origin", "null").await;
    res.assert_header("access-control-allow-origin", "null")
        .assert_header("vary", "accept, origin");
    assert_refused(&client.get("/").header("origin", OURS).await);
    assert_refused(&client.get("/").await);
    assert_refused(&client.get("/").header("origin", "\u{fc}").await);
}

#[tokio::test]
async fn errors_of_the_application_pass_untouched() {
    let app = service_fn(async |_| Err::<Response<Body>, _>("down"));
    let mut service = Cors::any_origin().layer(app);
    let error = service.call(Request::new(Body::empty())).await.err();
    assert_eq!(error, Some("down"));
}

#[test]
fn a_stack_says_for_whom() {
    let print = |stack: &dyn std::fmt::Display| stack.to_string();
    let stack = print(&Stack::new().with(Cors::any_origin()));
    assert!(stack.contains("any origin"), "{stack}");
    let stack = print(&Stack::new().with(ours().unwrap().credentials()));
    assert!(stack.contains("2 origins, credentials"), "{stack}");
    let stack = print(&Stack::new().with(Cors::origins_by(|_| false)));
    assert!(stack.contains("by function"), "{stack}");
}
