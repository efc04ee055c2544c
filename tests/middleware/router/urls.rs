//! URLs by name.

use gopuram::middleware::Router;
use gopuram::middleware::router::{Lookup, UrlError};
use http::Method;
use percent_encoding::percent_decode_str;
use proptest::prelude::*;

async fn ok<T>(_: T) {}

fn router() -> Router {
    let users = Router::new()
        .get("/{id}", ok)
        .named("user")
        .get("/", ok)
        .named("users");
    Router::new()
        .nest("/caf\u{e9}", users)
        .get("/img-{name}.png", ok)
        .named("image")
        .get("/files/{*path}", ok)
        .named("file")
        .get("/a {{b}}", ok)
        .named("odd")
        .host("api.test", |r| r.get("/of/host", ok).named("host"))
}

#[test]
fn values_are_encoded_as_their_place_asks() {
    let router = router();
    let url = |name, params: &[(&'static str, &'static str)]| {
        router.url(name, params.iter().copied()).unwrap()
    };
    assert_eq!(url("users", &[]), "/caf%C3%A9/");
    assert_eq!(
        url("user", &[("id", "a/b?c#d%e f")]),
        "/caf%C3%A9/a%2Fb%3Fc%23d%25e%20f"
    );
    assert_eq!(
        url("user", &[("id", "~!$&'()*+,;=:@-._")]),
        "/caf%C3%A9/~!$&'()*+,;=:@-._"
    );
    assert_eq!(
        url("file", &[("path", "a b/c%/\u{e9}")]),
        "/files/a%20b/c%25/%C3%A9"
    );
    assert_eq!(url("image", &[("name", ".")]), "/img-..png");
    assert_eq!(url("odd", &[]), "/a%20%7Bb%7D");
    assert_eq!(url("host", &[]), "/of/host");
}

#[test]
fn what_would_not_come_back_is_refused() {
    let router = router();
    let url = |name: &str, params: &[(&'static str, &'static str)]| {
        router.url(name, params.iter().copied()).unwrap_err()
    };
    assert_eq!(url("nobody", &[]), UrlError::NoRoute("nobody".to_owned()));
    assert_eq!(url("user", &[]), UrlError::NoValue("id".to_owned()));
    assert_eq!(url("user", &[("id", "")]), UrlError::Empty("id".to_owned()));
    assert_eq!(
        url("users", &[("id", "7")]),
        UrlError::NoParam("id".to_owned())
    );
    let dots = UrlError::DotSegment("/caf%C3%A9/..".to_owned());
    assert_eq!(url("user", &[("id", "..")]), dots);
    assert!(matches!(
        url("file", &[("path", "a/./b")]),
        UrlError::DotSegment(_)
    ));
    assert_eq!(
        dots.to_string(),
        "clients resolve the dots of `/caf%C3%A9/..`"
    );
}

proptest! {
    #[test]
    fn a_url_finds_its_route_and_gives_its_values_back(value in "\\PC{1,8}") {
        let router = router();
        for (name, param) in [("user", "id"), ("file", "path"), ("image", "name")] {
            let Ok(url) = router.url(name, [(param, &*value)]) else {
                prop_assert!(value.split('/').any(|s| s == "." || s == ".."));
                continue;
            };
            let Lookup::Found(found) = router.lookup(&Method::GET, &url) else {
                return Err(TestCaseError::fail(url));
            };
            let params: Vec<_> = found.params().collect();
            prop_assert_eq!(params.len(), 1);
            prop_assert_eq!(params[0].0, param);
            prop_assert_eq!(percent_decode_str(params[0].1).decode_utf8().unwrap(), &*value);
            prop_assert!(url.parse::<http::Uri>().is_ok());
        }
    }
}
