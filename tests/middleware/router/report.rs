//! Which route matched, for layers around the router.

use gopuram::middleware::attributes::Attributes;
use gopuram::middleware::{Body, Router};
use http::{Method, Request};
use tower::ServiceExt;

async fn ok(_: Request<Body>) {}

/// What an outer layer is told about a request.
async fn told(router: &Router, method: Method, path: &str) -> Option<String> {
    let mut req = Request::new(Body::empty());
    *req.method_mut() = method;
    *req.uri_mut() = path.parse().unwrap();
    let report = Attributes::of_mut(&mut req).report();
    router.clone().oneshot(req).await.unwrap();
    report.read().route.map(|route| route.as_str().to_owned())
}

#[tokio::test]
async fn outer_layers_are_told_the_whole_pattern() {
    let inner = Router::new().get("/posts/{post}", ok);
    let deeper = Router::new().mount("/deep", inner.clone());
    let router = Router::new()
        .get("/users/{id}", ok)
        .nest("/api", Router::new().nest("/v1", inner.clone()))
        .mount("/blog", inner)
        .mount("/very", deeper)
        .group(tower_layer::Identity::new(), |r| r.get("/grouped", ok))
        .fallback(ok);
    for (path, route) in [
        ("/users/7", Some("/users/{id}")),
        ("/api/v1/posts/7", Some("/api/v1/posts/{post}")),
        ("/blog/posts/7", Some("/blog/posts/{post}")),
        ("/blog/none", Some("/blog/{*}")),
        ("/very/deep/posts/7", Some("/very/deep/posts/{post}")),
        ("/grouped", Some("/grouped")),
        ("/none", None),
    ] {
        assert_eq!(
            told(&router, Method::GET, path).await.as_deref(),
            route,
            "{path}"
        );
    }
}

#[tokio::test]
async fn refusals_are_of_the_route_too() {
    let router = Router::new()
        .get("/users/{id}", ok)
        .group(tower_layer::Identity::new(), |r| r.get("/grouped", ok));
    for path in ["/users/{id}", "/grouped"] {
        let told = told(&router, Method::DELETE, path).await;
        assert_eq!(told.as_deref(), Some(path));
    }
}
