//! Mounts: prefix and rest are the path that came.

use std::convert::Infallible;

use axum::routing::get;
use gopuram::middleware::attributes::Attributes;
use gopuram::middleware::{Body, Router};
use gopuram::testing::Client;
use http::{Method, Request, Response};
use proptest::prelude::*;
use tower::{ServiceExt, service_fn};

/// Says where it is mounted and what it sees.
async fn seen(req: Request<Body>) -> Result<Response<Body>, Infallible> {
    let attributes = Attributes::of(&req).unwrap();
    let original = attributes.original_uri().unwrap_or(req.uri());
    let text = format!(
        "{} + {} = {original}",
        attributes.mount().prefix(),
        req.uri()
    );
    Ok(Response::new(Body::from(text)))
}

#[tokio::test]
async fn the_application_sees_the_rest_as_it_was_received() {
    let client = Client::new(Router::new().mount("/static", service_fn(seen)));
    for (target, text) in [
        ("/static/", "/static + / = /static/"),
        ("/static//a/../b", "/static + //a/../b = /static//a/../b"),
        (
            "/static/a%2fb%20?q=%20&r",
            "/static + /a%2fb%20?q=%20&r = /static/a%2fb%20?q=%20&r",
        ),
        ("/st%61tic/x", "/st%61tic + /x = /st%61tic/x"),
        (
            "http://a.test:80/static/x",
            "/static + http://a.test:80/x = http://a.test:80/static/x",
        ),
    ] {
        client
            .get(target)
            .await
            .assert_status(200)
            .assert_body(text);
    }
    client.get("/statics").await.assert_status(404);
    let res = client.request(Method::DELETE, "/static/x").await;
    res.assert_body("/static + /x = /static/x");
}

#[tokio::test]
async fn the_prefix_alone_is_redirected_to_the_slash() {
    let router = Router::new()
        .mount("/a/static", service_fn(seen))
        .mount("/users/{id}", service_fn(seen));
    let client = Client::new(router);
    for method in [Method::GET, Method::POST] {
        let res = client.request(method, "/a/static?q=1&r").await;
        res.assert_status(308)
            .assert_header("location", "./static/?q=1&r")
            .assert_body("");
    }
    // A segment with a colon alone would be taken for a scheme.
    let res = client.get("/users/javascript:1").await;
    res.assert_status(308)
        .assert_header("location", "./javascript:1/");
    let res = client.get("/users/%c3%a9").await;
    res.assert_header("location", "./%C3%A9/");
}

#[tokio::test]
async fn what_is_mounted_at_the_root_sees_the_whole_path() {
    let router = Router::new()
        .get("/own", async |_| "own")
        .mount("/", service_fn(seen));
    let client = Client::new(router);
    client.get("/own").await.assert_body("own");
    client.get("/a?b").await.assert_body(" + /a?b = /a?b");
}

#[tokio::test]
async fn routes_go_before_mounts() {
    let router = Router::new()
        .mount("/a", service_fn(seen))
        .mount("/a/b", service_fn(seen))
        .get("/a/b/own", async |_| "own");
    let client = Client::new(router);
    client.get("/a/b/own").await.assert_body("own");
    client
        .get("/a/b/other")
        .await
        .assert_body("/a/b + /other = /a/b/other");
    client.get("/a/x").await.assert_body("/a + /x = /a/x");
}

#[tokio::test]
async fn prefixes_may_have_parameters() {
    let app = service_fn(async |req: Request<Body>| {
        let attributes = Attributes::of(&req).unwrap();
        let tenant = attributes.params().decoded("tenant").unwrap().into_owned();
        let text = format!("{tenant}: {} + {}", attributes.mount().prefix(), req.uri());
        Ok::<_, Infallible>(Response::new(Body::from(text)))
    });
    let client = Client::new(Router::new().mount("/t/{tenant}/files", app));
    let res = client.get("/t/a%20b/files/x").await;
    res.assert_body("a b: /t/a%20b/files + /x");
}

#[tokio::test]
async fn an_axum_router_can_be_mounted() {
    let axum = axum::Router::new()
        .route(
            "/users/{id}",
            get(async |axum::extract::Path(id): axum::extract::Path<String>| id),
        )
        .route("/", get(async || "root"));
    let client = Client::new(Router::new().mount("/api", axum));
    client.get("/api/users/7").await.assert_body("7");
    client.get("/api/").await.assert_body("root");
    client.get("/api/none").await.assert_status(404);
}

#[tokio::test]
async fn it_can_be_mounted_in_an_axum_router() {
    let ours = Router::new().get("/hello", async |_| "hello");
    let axum = axum::Router::new().nest_service("/ours", ours);
    let req = Request::get("/ours/hello").body(Body::empty()).unwrap();
    let res = axum.oneshot(req).await.unwrap();
    assert_eq!(res.status(), 200);
}

proptest! {
    #[test]
    fn prefix_and_rest_are_the_path_however_deep(
        depth in 1..4_usize,
        prefixes in proptest::collection::vec("(/(é|[a-c]|%2f|~)){1,2}", 3),
        given in proptest::collection::vec("[a-c%é./]{0,6}", 1),
        encode in any::<bool>(),
        query in "(\\?[a-c=]{0,4})?",
    ) {
        let mut app = Router::new().mount("/", service_fn(seen));
        for prefix in &prefixes[..depth] {
            let mut outer = Router::new();
            let endpoint = gopuram::middleware::router::Endpoint::service(app);
            outer.try_mount(prefix, endpoint).unwrap();
            app = outer;
        }
        let mut prefix: String = prefixes[..depth].iter().rev().map(String::as_str).collect();
        if encode {
            prefix = prefix.replace('a', "%61").replace('é', "%c3%a9").replace('~', "%7e");
        }
        let rest = format!("/{}{query}", given[0]);
        let target = [&*prefix, &*rest].concat();
        let req = Request::builder().uri(target.as_bytes()).body(Body::empty()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let res = runtime.block_on(app.oneshot(req)).unwrap();
        let text = res.into_body().try_into_bytes().unwrap();
        prop_assert_eq!(
            String::from_utf8_lossy(&text),
            format!("{prefix} + {rest} = {target}")
        );
    }
}
