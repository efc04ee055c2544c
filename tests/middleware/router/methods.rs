//! Methods, and what is answered by itself.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use gopuram::middleware::router::Endpoint;
use gopuram::middleware::{Body, Router};
use gopuram::testing::Client;
use http::{Method, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::BodyExt;
use tower::{Layer, Service, ServiceExt, service_fn};

async fn say(req: Request<Body>) -> String {
    req.method().to_string()
}

fn router() -> Router {
    Router::new()
        .get("/get", say)
        .post("/post", say)
        .get("/both", say)
        .delete("/both", say)
        .put("/both", say)
        .any("/any", say)
        .get("/any", async |_| "its own")
        .route(Method::OPTIONS, "/options", async |_| "mine")
        .route(Method::HEAD, "/head", async |_| (StatusCode::ACCEPTED, ""))
        .get("/head", say)
        .route("PURGE".parse().unwrap(), "/purge", say)
        .patch("/", say)
}

#[tokio::test]
async fn a_method_finds_its_route_or_is_told_which_there_are() {
    let client = Client::new(router());
    // Method, path, status, `Allow`.
    for (method, path, status, allow) in [
        ("GET", "/get", 200, None),
        ("POST", "/get", 405, Some("GET, HEAD, OPTIONS")),
        ("get", "/get", 405, Some("GET, HEAD, OPTIONS")),
        ("OPTIONS", "/get", 204, Some("GET, HEAD, OPTIONS")),
        ("HEAD", "/get", 200, None),
        ("HEAD", "/post", 405, Some("OPTIONS, POST")),
        ("OPTIONS", "/post", 204, Some("OPTIONS, POST")),
        ("DELETE", "/both", 200, None),
        (
            "PATCH",
            "/both",
            405,
            Some("DELETE, GET, HEAD, OPTIONS, PUT"),
        ),
        ("TRACE", "/any", 200, None),
        ("OPTIONS", "/any", 200, None),
        ("OPTIONS", "/options", 200, None),
        ("GET", "/options", 405, Some("OPTIONS")),
        ("HEAD", "/head", 202, None),
        ("PURGE", "/purge", 200, None),
        ("GET", "/purge", 405, Some("OPTIONS, PURGE")),
        ("PATCH", "/", 200, None),
        ("GET", "/nothing", 404, None),
        ("OPTIONS", "/nothing", 404, None),
        ("GET", "/get/", 404, None),
    ] {
        let res = client.request(method.parse().unwrap(), path).await;
        assert_eq!(res.status(), status, "{method} {path}");
        assert_eq!(res.header("allow").as_deref(), allow, "{method} {path}");
        if status != 200 {
            res.assert_body("");
        }
    }
}

#[tokio::test]
async fn a_route_of_its_own_goes_before_one_for_all_methods() {
    let client = Client::new(router());
    client.get("/any").await.assert_body("its own");
    let res = client.request(Method::POST, "/any").await;
    res.assert_body("POST");
    // That of `GET` answers `HEAD`, not that for all.
    let res = client.request(Method::HEAD, "/any").await;
    res.assert_header("content-length", "7").assert_body("");
}

#[tokio::test]
async fn head_is_the_answer_to_get_without_its_body() {
    let client = Client::new(router());
    let res = client.request(Method::HEAD, "/get").await;
    res.assert_status(200)
        // "HEAD": the handler sees the method that came.
        .assert_header("content-length", "4")
        .assert_header("content-type", "text/plain; charset=utf-8")
        .assert_body("");
}

#[tokio::test]
async fn head_keeps_the_length_that_was_said_and_makes_none_up() {
    /// Of a length that nobody knows.
    struct Endless;
    impl http_body::Body for Endless {
        type Data = Bytes;
        type Error = Infallible;
        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            unreachable!("the body of an answer to HEAD is not read")
        }
    }
    let said = async |_| {
        let res = Response::builder().header("content-length", "1000");
        res.body(Body::new(Endless)).unwrap()
    };
    let router = Router::new()
        .get("/said", said)
        .get("/unknown", async |_| Response::new(Body::new(Endless)));
    let client = Client::new(router);
    let res = client.request(Method::HEAD, "/said").await;
    res.assert_header("content-length", "1000").assert_body("");
    let res = client.request(Method::HEAD, "/unknown").await;
    res.assert_no_header("content-length").assert_body("");
}

#[tokio::test]
async fn options_of_the_server_names_all_methods() {
    let mut req = Request::new(Body::empty());
    *req.method_mut() = Method::OPTIONS;
    *req.uri_mut() = "*".parse().unwrap();
    let res = router().oneshot(req).await.unwrap();
    assert_eq!(res.status(), 204);
    assert_eq!(
        res.headers()["allow"],
        "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PURGE, PUT"
    );
    let mut req = Request::new(Body::empty());
    *req.uri_mut() = "*".parse().unwrap();
    assert_eq!(router().oneshot(req).await.unwrap().status(), 404);
}

#[tokio::test]
async fn errors_of_services_pass_through_and_become_the_routers() {
    #[derive(Debug)]
    struct Failed(io::Error);
    impl From<io::Error> for Failed {
        fn from(error: io::Error) -> Self {
            Self(error)
        }
    }
    let broken =
        service_fn(async |_: Request<Body>| Err::<Response<Body>, _>(io::Error::other("broken")));
    let router = Router::<Failed>::fallible()
        .get("/fine", async |_| "fine")
        .route_service("/broken", broken);
    let ask = |path: &str| Request::builder().uri(path).body(Body::empty()).unwrap();
    let error = router.clone().oneshot(ask("/broken")).await.unwrap_err();
    assert_eq!(error.0.to_string(), "broken");
    assert_eq!(router.oneshot(ask("/fine")).await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_service_is_called_when_it_is_ready_and_not_before() {
    // Of this layer a service that is called before it is ready panics.
    let limited = tower::limit::GlobalConcurrencyLimitLayer::new(1);
    let app =
        service_fn(async |_: Request<Body>| Ok::<_, Infallible>(Response::new(Body::from("in"))));
    let mut router = Router::new().route_service("/", limited.layer(app));
    let first = router.call(Request::new(Body::empty()));
    let second = router.call(Request::new(Body::empty()));
    let (first, second) = tokio::join!(first, second);
    assert_eq!(
        (first.unwrap().status(), second.unwrap().status()),
        (StatusCode::OK, StatusCode::OK)
    );
}

#[tokio::test]
async fn any_body_will_do() {
    let router = Router::new().post("/", async |req: Request<Body>| req.into_body());
    let text = "text".to_owned();
    let req = Request::post("/").body(text).unwrap();
    let res = router.oneshot(req).await.unwrap();
    let body = res.into_body().collect().await.unwrap();
    assert_eq!(body.to_bytes(), "text");
}

#[tokio::test]
async fn a_fallback_answers_for_what_is_not_there() {
    let router = Router::new()
        .get("/there", say)
        .fallback(async |req: Request<Body>| (StatusCode::NOT_FOUND, format!("no {}", req.uri())));
    let client = Client::new(router);
    client
        .get("/x/y?z")
        .await
        .assert_status(404)
        .assert_body("no /x/y?z");
    // The path is there, only not with this method.
    let res = client.request(Method::POST, "/there").await;
    res.assert_status(405)
        .assert_header("allow", "GET, HEAD, OPTIONS");
}

#[tokio::test]
async fn a_fallback_of_a_nested_router_is_for_what_is_under_its_prefix() {
    let api = Router::new()
        .get("/x", say)
        .fallback(async |_| "no such call");
    let router = Router::new()
        .nest("/api", api)
        .fallback(async |_| "no such page");
    let client = Client::new(router);
    client.get("/api/x").await.assert_body("GET");
    client.get("/api/y").await.assert_body("no such call");
    client.get("/api").await.assert_body("no such call");
    client.get("/apis").await.assert_body("no such page");
}

#[tokio::test]
async fn as_a_layer_it_passes_on_what_it_has_no_path_for() {
    let app = service_fn(async |req: Request<Body>| {
        Ok::<_, Infallible>(Response::new(Body::from(format!("inner {}", req.uri()))))
    });
    let client = Client::new(router().layer(app));
    client.get("/get").await.assert_body("GET");
    client.get("/other?q").await.assert_body("inner /other?q");
    client
        .request(Method::POST, "/get")
        .await
        .assert_status(405);
    let res = client.request(Method::OPTIONS, "*").await;
    res.assert_body("inner *");
}

#[tokio::test]
async fn as_a_layer_it_is_in_a_stack_at_its_place() {
    let stack = gopuram::Stack::new().with(Router::new().get("/ours", async |_| "ours"));
    let app = stack.app(service_fn(async |_: Request<Body>| {
        Ok::<_, Infallible>(Response::new(Body::from("theirs")))
    }));
    assert!(app.to_string().contains("content │ router"), "{app}");
    assert!(app.to_string().contains("1 route"), "{app}");
    let client = Client::new(app);
    client.get("/ours").await.assert_body("ours");
    client.get("/theirs").await.assert_body("theirs");
}

#[tokio::test]
async fn as_a_layer_it_is_as_ready_as_the_inner_service() {
    let mut app = router().layer(Unready);
    let pending =
        poll_fn(|cx| Poll::Ready(Service::<Request<Body>>::poll_ready(&mut app, cx).is_pending()));
    assert!(pending.await);
}

/// Never ready.
#[derive(Clone)]
struct Unready;

impl Service<Request<Body>> for Unready {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = std::future::Pending<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Pending
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        unreachable!("it is never ready")
    }
}

#[test]
fn an_endpoint_is_a_service() {
    fn service<S: Service<Request<Body>> + Clone + Send + Sync>(_: S) {}
    service(Endpoint::<Infallible>::handler(say));
    service(router());
}
