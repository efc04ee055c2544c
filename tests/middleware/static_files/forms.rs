//! A single page, a page for what is not there, files around a service, files in the binary.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use gopuram::middleware::static_files::{Asset, HotCache};
use gopuram::middleware::{Body, StaticFiles};
use gopuram::testing::Client;
use http::{HeaderValue, Method, Request, Response};
use tower::service_fn;
use tower_layer::Layer;
use tower_service::Service;

use super::{DATE, Dir, long_ago};

const NAVIGATION: &str = "text/html,application/xhtml+xml,*/*;q=0.8";

#[tokio::test]
async fn a_single_page_answers_navigations_and_nothing_else() {
    let dir = Dir::new();
    dir.file("index.html", "page").file("app.js", "script");
    for hot in [HotCache::default(), HotCache::off()] {
        let client = Client::new(dir.files().hot_cache(hot).single_page("/index.html"));
        let navigate = |path: &str| client.get(path).header("accept", NAVIGATION);
        for path in ["/users/17", "/users/", "/a/b?c=d.e"] {
            navigate(path)
                .await
                .assert_status(200)
                .assert_header("content-type", "text/html; charset=utf-8")
                .assert_header("vary", "accept")
                .assert_body("page");
        }
        navigate("/app.js")
            .await
            .assert_body("script")
            .assert_no_header("vary");
        navigate("/missing.js").await.assert_status(404);
        navigate("/.env").await.assert_status(404);
        client
            .get("/users/17")
            .header("accept", "*/*")
            .await
            .assert_status(404)
            .assert_header("vary", "accept");
        let res = client
            .request(Method::POST, "/users/17")
            .header("accept", NAVIGATION)
            .await;
        res.assert_status(405);
        let etag = navigate("/users/17").await.header("etag").unwrap();
        navigate("/other")
            .header("if-none-match", &etag)
            .await
            .assert_status(304);
    }
}

#[tokio::test]
async fn a_page_is_not_found_by_its_own_path_if_that_is_hidden() {
    let dir = Dir::new();
    dir.file(".pages/404.html", "nothing here");
    let client = Client::new(dir.files().not_found_page(".pages/404.html"));
    for _cold_then_hot in 0..3 {
        let res = client.get("/.pages/404.html").await;
        res.assert_status(404).assert_body("nothing here");
    }
}

#[tokio::test]
async fn a_page_is_shown_with_a_404() {
    let dir = Dir::new();
    dir.file("404.html", "nothing here");
    let rule = HeaderValue::from_static("max-age=60");
    for hot in [HotCache::default(), HotCache::off()] {
        let files = dir.files().hot_cache(hot).cache_control("*", rule.clone());
        let client = Client::new(files.not_found_page("404.html"));
        for _cold_then_hot in 0..2 {
            let req = client.get("/missing").header("range", "bytes=0-1");
            req.header("if-none-match", "*")
                .await
                .assert_status(404)
                .assert_header("content-type", "text/html; charset=utf-8")
                .assert_header("content-length", "12")
                .assert_no_header("etag")
                .assert_no_header("last-modified")
                .assert_no_header("cache-control")
                .assert_no_header("accept-ranges")
                .assert_body("nothing here");
        }
        let res = client.request(Method::HEAD, "/missing").await;
        res.assert_status(404)
            .assert_header("content-length", "12")
            .assert_body("");
        client.get("/404.html").await.assert_status(200);
        // What may not be seen is not there either.
        for hidden in ["/.git/config", "/a%2Fb", "/../b", "//"] {
            let res = client.get(hidden).await;
            res.assert_status(404).assert_body("nothing here");
        }
        client.get("/%zz").await.assert_status(400);
    }
    let without = Client::new(dir.files().not_found_page("missing.html"));
    without.get("/x").await.assert_status(404).assert_body("");
}

#[tokio::test]
async fn what_is_answered_in_place_of_a_single_page_varies_too() {
    let dir = Dir::new();
    dir.file("index.html", "page").file("404.html", "nothing");
    for hot in [HotCache::default(), HotCache::off()] {
        let files = dir.files().hot_cache(hot).single_page("index.html");
        let page = Client::new(files.clone().not_found_page("404.html"));
        let layer = Client::new(files.layer(service_fn(inner)));
        for method in [Method::GET, Method::HEAD] {
            let res = page.request(method.clone(), "/users/17").await;
            res.assert_status(404).assert_header("vary", "accept");
            let res = layer.request(method, "/users/17").await;
            res.assert_status(200).assert_header("vary", "accept");
        }
        for path in ["/a.js", "/.env"] {
            page.get(path).await.assert_no_header("vary");
            layer.get(path).await.assert_no_header("vary");
        }
        let res = layer.request(Method::POST, "/users/17").await;
        res.assert_no_header("vary");
        layer.get("/%zz").await.assert_no_header("vary");
    }
}

#[tokio::test]
async fn a_path_that_can_name_no_file_has_its_page() {
    let dir = Dir::new();
    dir.file("index.html", "page").file("404.html", "nothing");
    let files = dir.files().single_page("index.html");
    let client = Client::new(files.not_found_page("404.html"));
    let navigate = |path: &str| client.get(path).header("accept", NAVIGATION);
    for path in ["/search/AC%2FDC", "/a//b", "/a%5Cb"] {
        navigate(path).await.assert_status(200).assert_body("page");
        let res = client.get(path).await;
        res.assert_status(404).assert_body("nothing");
    }
    for path in ["/.env", "/.git/config", "/..%2Fa", "/a%2Fb.js"] {
        navigate(path)
            .await
            .assert_status(404)
            .assert_body("nothing");
    }
    navigate("/%zz").await.assert_status(400);
}

/// Says what it was asked.
async fn inner(req: Request<Body>) -> Result<Response<Body>, Infallible> {
    Ok(Response::new(Body::from(format!(
        "inner {} {}",
        req.method(),
        req.uri()
    ))))
}

#[tokio::test]
async fn as_a_layer_what_is_no_file_is_asked_of_the_service_inside() {
    let dir = Dir::new();
    dir.file("a.txt", "a")
        .file("docs/index.html", "docs")
        .file("404.html", "page");
    let files = dir.files().not_found_page("404.html");
    let client = Client::new(files.layer(service_fn(inner)));
    for _cold_then_hot in 0..2 {
        client.get("/a.txt").await.assert_body("a");
        client.get("/docs/").await.assert_body("docs");
        client.get("/docs").await.assert_status(301);
        let res = client.get("/a.txt").header("if-match", "\"x\"").await;
        res.assert_status(412);
        for path in ["/", "/b?c", "/%zz", "/.env", "/a%2Fb"] {
            let res = client.get(path).await;
            res.assert_status(200)
                .assert_body(format!("inner GET {path}"));
        }
        for method in [Method::POST, Method::OPTIONS, Method::DELETE] {
            let res = client.request(method.clone(), "/a.txt").await;
            res.assert_body(format!("inner {method} /a.txt"));
        }
    }
}

#[tokio::test]
async fn as_a_layer_the_body_of_a_request_reaches_the_service_inside() {
    let dir = Dir::new();
    let echo =
        service_fn(async |req: Request<Body>| Ok::<_, Infallible>(Response::new(req.into_body())));
    let client = Client::new(dir.files().layer(echo));
    client
        .request(Method::POST, "/a")
        .body("sent")
        .await
        .assert_body("sent");
    client
        .get("/listed/")
        .body("sent")
        .await
        .assert_body("sent");
}

#[tokio::test]
async fn errors_of_the_service_inside_pass_through() {
    let dir = Dir::new();
    let broken = service_fn(async |_: Request<Body>| Err::<Response<Body>, _>("broken"));
    let mut app = dir.files().layer(broken);
    poll_fn(|cx| app.poll_ready(cx)).await.unwrap();
    let called = app.call(Request::get("/a").body(Body::empty()).unwrap());
    assert_eq!(called.await.unwrap_err(), "broken");
}

/// A service that must be asked whether it is ready before each call, and is not for another's.
#[derive(Default)]
struct Strict(bool);

impl Clone for Strict {
    fn clone(&self) -> Self {
        Self(false)
    }
}

impl Service<Request<Body>> for Strict {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0 = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        assert!(std::mem::take(&mut self.0), "called without being ready");
        std::future::ready(Ok(Response::new(Body::from("strict"))))
    }
}

#[tokio::test]
async fn only_a_service_that_is_ready_is_called() {
    let dir = Dir::new();
    dir.file("sub/a", "");
    // A listing always waits for the disk, and is none of a directory that is not there.
    let client = Client::new(dir.files().listing().layer(Strict::default()));
    client.get("/missing/").await.assert_body("strict");
    client.get("/missing").await.assert_body("strict");
    client.get("/sub/").await.assert_status(200);
}

#[tokio::test]
async fn a_lookup_may_be_dropped_at_any_poll() {
    let dir = Dir::new();
    dir.file("sub/a", "");
    let mut app = dir.files().listing().layer(Strict::default());
    for _ in 0..3 {
        poll_fn(|cx| app.poll_ready(cx)).await.unwrap();
        let mut call = Box::pin(app.call(Request::get("/sub/").body(Body::empty()).unwrap()));
        let polled = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        drop(polled);
        drop(call);
    }
    Client::new(app)
        .get("/missing/")
        .await
        .assert_body("strict");
}

#[test]
fn without_a_runtime_all_is_done_at_once() {
    let dir = Dir::new();
    dir.file("a.bin", vec![7; 1_200_000]);
    let mut app = dir.files().listing();
    let mut cx = Context::from_waker(Waker::noop());
    for (path, len) in [("/a.bin", Some(1_200_000)), ("/", None)] {
        let call = pin!(app.call(Request::get(path).body(()).unwrap()));
        let Poll::Ready(Ok(res)) = call.poll(&mut cx) else {
            panic!("pending")
        };
        assert_eq!(res.status(), 200);
        let mut body = pin!(res.into_body());
        let mut read = 0;
        while let Poll::Ready(Some(frame)) = http_body::Body::poll_frame(body.as_mut(), &mut cx) {
            read += frame.unwrap().into_data().unwrap().len();
        }
        assert!(len.is_none_or(|len| len == read) && read > 0);
    }
}

#[tokio::test]
async fn files_in_the_binary_are_as_any() {
    let files = StaticFiles::embedded([
        Asset::new("index.html", &b"<h1>Hello</h1>"[..]).modified(long_ago()),
        Asset::from(("docs/index.html", "docs")),
        Asset::from(("docs/100%.txt", "percent")),
    ]);
    let client = Client::new(files.unwrap().listing());
    for _cold_then_hot in 0..2 {
        let res = client.get("/").await;
        res.assert_status(200)
            .assert_header("content-type", "text/html; charset=utf-8")
            .assert_header("last-modified", DATE)
            .assert_body("<h1>Hello</h1>");
        let etag = res.header("etag").unwrap();
        let res = client
            .get("/index.html")
            .header("if-none-match", &etag)
            .await;
        res.assert_status(304);
        client.get("/docs").await.assert_status(301);
        let res = client.get("/docs/").await;
        res.assert_no_header("last-modified").assert_body("docs");
        client.get("/docs/100%25.txt").await.assert_body("percent");
        client.get("/missing").await.assert_status(404);
    }
    let same = StaticFiles::embedded([("x", "docs")]).unwrap();
    let tag = Client::new(same).get("/x").await.header("etag");
    assert_eq!(tag, client.get("/docs/").await.header("etag"));
}

#[tokio::test]
async fn it_works_under_a_mount_and_as_axum_serves_it() {
    let dir = Dir::new();
    dir.file("docs/index.html", "docs");
    let app = axum::Router::new().nest_service("/static", dir.files());
    let client = Client::new(app);
    client
        .get("/static/docs/")
        .await
        .assert_status(200)
        .assert_body("docs");
    client
        .get("/static/docs")
        .await
        .assert_header("location", "./docs/");
}
