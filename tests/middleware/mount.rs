//! `mount` on the wire.

use gopuram::Stack;
use gopuram::middleware::attributes::Attributes;
use gopuram::middleware::endpoint::Endpoint;
use gopuram::middleware::{Body, Mount, Router, StaticFiles};
use gopuram::testing::{Client, app};
use http::{Method, Request};
use proptest::prelude::*;
use tower::ServiceExt as _;

/// Says its name, where it is mounted and what it sees.
fn named(name: &'static str) -> Endpoint {
    Endpoint::handler(move |req: Request<Body>| {
        let prefix = Attributes::of(&req).map_or("", |a| a.mount().prefix());
        std::future::ready(format!("{name}: {prefix} + {}", req.uri()))
    })
}

#[tokio::test]
async fn the_longest_prefix_of_whole_segments_wins() {
    let mount = Mount::new()
        .at("/a", named("a"))
        .at("/a/b/c", named("abc"))
        .at("/a/b", named("ab"));
    let client = Client::new(mount.otherwise(named("site")));
    for (target, text) in [
        ("/a/x?q=1", "a: /a + /x?q=1"),
        ("/a/", "a: /a + /"),
        ("/a//b/x", "a: /a + //b/x"),
        ("/a/b/x", "ab: /a/b + /x"),
        ("/a/b/c/", "abc: /a/b/c + /"),
        ("/%61/b/%2f", "ab: /%61/b + /%2f"),
        ("/a%2fb/x", "site:  + /a%2fb/x"),
        ("/ab/x", "site:  + /ab/x"),
        ("/A/x", "site:  + /A/x"),
        ("//a/x", "site:  + //a/x"),
        ("/?/a/b/", "site:  + /?/a/b/"),
    ] {
        client.get(target).await.assert_body(text);
    }
    let res = client.delete("/a/b/x").await;
    res.assert_body("ab: /a/b + /x");
}

#[tokio::test]
async fn a_prefix_alone_is_redirected_to_its_slash() {
    let client = Client::new(Mount::new().at("/x/api", named("api")));
    for method in [Method::GET, Method::POST] {
        let res = client.request(method, "/x/api?q=%20").await;
        res.assert_status(308)
            .assert_header("location", "./api/?q=%20")
            .assert_body("");
    }
    client.get("/x/api/").await.assert_body("api: /x/api + /");
}

#[tokio::test]
async fn what_is_under_no_prefix_is_not_found() {
    let client = Client::new(Mount::new().at("/api", named("api")));
    client.get("/").await.assert_status(404).assert_body("");
    client.options("*").await.assert_status(404);
    let root = Client::new(Mount::new().at("/", named("root")).at("/api", named("api")));
    root.get("/x").await.assert_body("root:  + /x");
    root.get("/api/x").await.assert_body("api: /api + /x");
}

#[tokio::test]
async fn a_host_goes_before_every_prefix_and_sees_whole_paths() {
    let inside = Mount::new().at("/api", named("admin's api"));
    let mount = Mount::new()
        .at("/api", named("api"))
        .host("*.example.com", named("star"))
        .host("admin.example.com", inside.otherwise(named("admin")));
    let client = Client::new(mount);
    for (host, text) in [
        ("localhost", "api: /api + /x"),
        ("Admin.Example.com:8000", "admin's api: /api + /x"),
        ("admin.example.com.", "admin's api: /api + /x"),
        ("b.a.example.com", "star:  + /api/x"),
        ("example.com", "api: /api + /x"),
    ] {
        let res = client.get("/api/x").header("host", host).await;
        res.assert_status(200).assert_body(text);
    }
    // The target's host is the one that counts (RFC 9112, section 3.2.2).
    let res = client.get("http://admin.example.com/y").await;
    res.assert_body("admin:  + http://admin.example.com/y");
}

#[tokio::test]
async fn mounts_nest_and_tell_their_route() {
    let users = Router::new().get("/users/{id}", async |req: Request<Body>| {
        let attributes = Attributes::of(&req).unwrap();
        let original = attributes.original_uri().unwrap();
        let route = attributes.route().unwrap().as_str();
        format!("{route} of {original}")
    });
    let inner = Mount::new().at("/v1", users);
    let client = Client::new(Mount::new().at("/api", inner));
    let res = client.get("/api/v1/users/7").await;
    res.assert_body("/api/v1/users/{id} of /api/v1/users/7");
}

#[tokio::test]
async fn as_a_layer_it_passes_on_what_is_under_no_prefix() {
    let files = StaticFiles::new("../examples/site").unwrap();
    let stack = Stack::new()
        .with(Mount::new().at("/files", files))
        .app(named("app"));
    assert!(stack.to_string().contains("1 application"));
    let client = Client::new(stack);
    client.get("/files/tiers.html").await.assert_status(200);
    client.get("/files/none").await.assert_status(404);
    client.get("/x").await.assert_body("app:  + /x");
}

#[tokio::test]
async fn an_error_of_an_application_is_the_mount_s() {
    let mount = Mount::<&str>::fallible().at("/broken", app::fails("no database"));
    let req = Request::get("/broken/").body(Body::empty()).unwrap();
    assert_eq!(mount.oneshot(req).await.unwrap_err(), "no database");
}

proptest! {
    #[test]
    fn prefix_and_rest_are_the_path_that_came(
        prefixes in prop::collection::vec("(/(é|[a-c]|%2f|~)){1,2}", 1..4),
        rest in "[a-c%é./]{0,6}(\\?[a-c=]{0,4})?",
        encode: bool,
    ) {
        let mut app = Endpoint::service(named("app"));
        for prefix in prefixes.iter().rev() {
            let mut outer = Mount::new();
            outer.try_at(prefix, app).unwrap();
            app = Endpoint::service(outer);
        }
        let mut prefix = prefixes.concat();
        if encode {
            prefix = prefix.replace('a', "%61").replace('é', "%c3%a9").replace('~', "%7e");
        }
        let target = format!("{prefix}/{rest}");
        let req = Request::builder().uri(target.as_bytes()).body(Body::empty()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let res = runtime.block_on(app.oneshot(req)).unwrap();
        let text = res.into_body().try_into_bytes().unwrap();
        let text = String::from_utf8_lossy(&text).into_owned();
        prop_assert_eq!(text, format!("app: {prefix} + /{rest}"));
    }
}
