//! Each layer of the catalogue alone: in tower's builder, and in an axum router.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::routing::get;
use bytes::Bytes;
use gopuram::middleware::digest::Algorithm;
use gopuram::middleware::from_fn::Next;
use gopuram::middleware::header_rules::responses;
use gopuram::middleware::{
    AccessLog, BodyLimit, Cache, CatchPanic, Compress, Conditional, ContentLength, ContentRules,
    ContentType, Cors, Decompress, Digest, Etag, Head, HeaderRules, Health, Lint, Metrics,
    NormalizePath, Range, RequestId, Router, SecurityHeaders, SetHeader, StaticFiles, Timeout,
    from_fn, on_request, on_response,
};
use gopuram::testing::Received;
use gopuram::{Body, Stack};
use http::header::SERVER;
use http::{HeaderValue, Request, Response, request, response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use tower::{BoxError, Service, ServiceBuilder, ServiceExt as _};

const VALUE: HeaderValue = HeaderValue::from_static("gopuram");

/// A service that knows nothing of ours, nor of what layers make of the body of a request.
#[derive(Clone)]
struct Hello;

impl<B> Service<Request<B>> for Hello {
    type Response = Response<UnsyncBoxBody<Bytes, BoxError>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, req: Request<B>) -> Self::Future {
        let hello = Full::from(format!("hello {}", req.uri().path()));
        let body = UnsyncBoxBody::new(hello.map_err(BoxError::from));
        ready(Ok(Response::new(body)))
    }
}

fn ask<B: Default>() -> Request<B> {
    let req = Request::get("/there").header("host", "localhost");
    req.body(B::default()).unwrap()
}

fn router() -> axum::Router {
    axum::Router::new().route(
        "/there",
        get(async |req: axum::extract::Request| format!("hello {}", req.uri().path())),
    )
}

macro_rules! each_layer {
    ($($name:ident: $layer:expr;)*) => {
        $(mod $name {
            use super::*;

            #[tokio::test]
            async fn around_a_service_of_other_bodies() {
                let app = ServiceBuilder::new().layer($layer).service(Hello);
                let res = app.oneshot(ask::<Full<Bytes>>()).await.unwrap();
                let res = Received::of(res).await;
                res.assert_status(200).assert_body("hello /there");
            }

            #[tokio::test]
            async fn around_an_axum_router() {
                let app = ServiceBuilder::new().layer($layer).service(router());
                let res = app.oneshot(ask::<axum::body::Body>()).await.unwrap();
                let res = Received::of(res).await;
                res.assert_status(200).assert_body("hello /there");
            }

            #[tokio::test]
            async fn in_an_axum_router() {
                let around_all = router().layer($layer);
                let around_routes = router().route_layer($layer);
                for app in [around_all, around_routes] {
                    let res = app.oneshot(ask::<axum::body::Body>()).await.unwrap();
                    let res = Received::of(res).await;
                    res.assert_status(200).assert_body("hello /there");
                }
            }
        })*
    };
}

each_layer! {
    access_log: AccessLog::combined(std::io::sink());
    body_limit: BodyLimit::new(1 << 20);
    cache: Cache::default();
    catch_panic: CatchPanic::default();
    compress: Compress::default();
    conditional: Conditional::default();
    content_length: ContentLength::default();
    content_rules: ContentRules::new().takes(["text/*"]).unwrap();
    content_type: ContentType::default();
    cors: Cors::any_origin();
    decompress: Decompress::default();
    digest: Digest::always(Algorithm::Sha256);
    etag: Etag::default();
    head: Head::default();
    header_rules: HeaderRules::new([responses().set(SERVER, "gopuram")]).unwrap();
    health: Health::new();
    lint: Lint::fail();
    metrics: Metrics::new().at("/metrics");
    normalize_path: NormalizePath::trim();
    range: Range::new();
    request_id: RequestId::default();
    routes: Router::new().get("/elsewhere", async |_| "elsewhere");
    security_headers: SecurityHeaders::default();
    set_header: SetHeader::response(SERVER).value(VALUE);
    static_files: StaticFiles::new("../examples/site").unwrap();
    timeout: Timeout::head(Duration::from_secs(30));
    timeout_of_bodies: Timeout::bodies().response_idle(Duration::from_secs(30));
    closure_on_the_way_in: on_request(|head: &mut request::Parts| {
        head.headers.insert(SERVER, VALUE);
    });
    closure_on_the_way_out: on_response(|head: &mut response::Parts| {
        head.headers.insert(SERVER, VALUE);
    });
    async_function: from_fn(async |req: Request<Body>, next: Next| next.run(req).await);
    a_stack: Stack::new().with(Cors::any_origin()).with(Compress::default());
}
