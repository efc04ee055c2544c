//! Whose response it is: RFC 9110, sections 4.2.3 and 7.2, RFC 9112, section 3.2.

use std::convert::Infallible;

use super::support::{Count, clock};
use gopuram::middleware::Body;
use gopuram::middleware::cache::Cache;
use http::{Method, Request, Response};
use tower::{ServiceExt as _, service_fn};
use tower_layer::Layer as _;
use tower_service::Service;

const BYPASS: &str = "gopuram; fwd=bypass";

/// A cache with no gateway in front of it, which would refuse much of this.
fn bare() -> (
    impl Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone,
    Count,
) {
    let calls = Count::default();
    let count = calls.clone();
    let app = service_fn(move |_: Request<Body>| {
        count.add();
        let res = Response::builder().header("cache-control", "max-age=60");
        async move { Ok::<_, Infallible>(res.body(Body::from("a")).unwrap()) }
    });
    let cache = Cache::in_memory(1 << 20).clock(clock());
    (cache.layer(app), calls)
}

/// What the cache says that it did.
async fn ask<S>(service: &S, method: Method, target: &str, hosts: &[&str]) -> String
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone,
{
    let req = Request::builder().method(method).uri(target);
    let req = hosts
        .iter()
        .fold(req, |req, host| req.header("host", *host));
    let req = req.body(Body::empty()).unwrap();
    let Ok(res) = service.clone().oneshot(req).await;
    let status = res.headers().get("cache-status");
    status.map_or("", |it| it.to_str().unwrap()).to_owned()
}

#[tokio::test]
async fn what_is_no_host_is_left_alone() {
    for hosts in [
        &["user@localhost"][..],
        &["localhost:80@localhost"],
        &[""],
        &["a b"],
        &["a/b"],
        &["a?b"],
        &["a#b"],
        &["a,b"],
        &["http://a"],
        &["a:b"],
        &["a:99999"],
        &["[::1"],
        &["::1"],
        &["a", "a"],
        &["a", "b"],
    ] {
        let (service, calls) = bare();
        for _ in 0..2 {
            let did = ask(&service, Method::GET, "/", hosts).await;
            assert_eq!(did, BYPASS, "{hosts:?}");
        }
        ask(&service, Method::POST, "/", hosts).await;
        assert_eq!(calls.get(), 3, "{hosts:?}");
    }
}

#[tokio::test]
async fn a_host_that_is_not_the_targets_is_left_alone() {
    let (service, _) = bare();
    for (target, host) in [
        ("http://localhost/", "other"),
        ("http://localhost/", "localhost:8080"),
        ("http://localhost/", "localhost:443"),
        ("http://user@localhost/", "localhost"),
        ("http://user@localhost/", "user@localhost"),
    ] {
        let did = ask(&service, Method::GET, target, &[host]).await;
        assert_eq!(did, BYPASS, "{target} {host}");
    }
}

#[tokio::test]
async fn a_host_is_the_same_in_any_case_and_with_the_default_port() {
    let (service, calls) = bare();
    for (target, hosts) in [
        ("/", &["localhost"][..]),
        ("/", &["LOCALHOST:80"]),
        ("/", &["localhost:"]),
        ("/", &["localhost:0080"]),
        ("http://localhost/", &["localhost:80"]),
        ("http://LocalHost:80/", &["localhost"]),
        ("http://localhost/", &[]),
    ] {
        ask(&service, Method::GET, target, hosts).await;
    }
    assert_eq!(calls.get(), 1);
    for host in ["localhost:8080", "localhost:443", "[::1]:80", "[::1]"] {
        ask(&service, Method::GET, "/", &[host]).await;
    }
    assert_eq!(calls.get(), 4);
}
