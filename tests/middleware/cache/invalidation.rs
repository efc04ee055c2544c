//! Invalidation: RFC 9111, section 4.4.

use super::support::{answer, ok, rig};
use http::Method;

const FRESH: &str = "cache-control: max-age=60";

/// Whether what was stored of `/a` is gone after a request for `/b`.
async fn is_gone(method: &str, target: &str, status: u16, fields: &[&str]) -> bool {
    let fresh = || ok(&[FRESH], "a");
    let rig = rig([fresh(), answer(status, fields, ""), fresh()]);
    rig.ask(Method::GET, "/a", &[]).await;
    rig.ask(method.parse().unwrap(), target, &[]).await;
    rig.assert_asked(2);
    rig.ask(Method::GET, "/a", &[]).await;
    rig.origin.count() == 3
}

#[tokio::test]
async fn an_unsafe_method_that_succeeds_makes_its_uri_go() {
    for method in ["POST", "PUT", "DELETE", "PATCH", "M-SEARCH", "BREW"] {
        assert!(is_gone(method, "/a", 200, &[]).await, "{method}");
        assert!(is_gone(method, "/a", 303, &[]).await, "{method}");
        assert!(!is_gone(method, "/b", 200, &[]).await, "{method}");
    }
}

#[tokio::test]
async fn one_that_fails_does_not() {
    for status in [400, 404, 409, 500, 503] {
        assert!(!is_gone("POST", "/a", status, &[]).await, "{status}");
    }
}

#[tokio::test]
async fn a_safe_method_does_not() {
    for method in ["OPTIONS", "PROPFIND", "QUERY", "REPORT", "SEARCH", "TRACE"] {
        assert!(!is_gone(method, "/a", 200, &[]).await, "{method}");
    }
}

#[tokio::test]
async fn what_the_answer_names_goes_too_on_the_same_origin() {
    for (field, gone) in [
        ("location: /a", true),
        ("location: a", true),
        ("location: http://localhost/a", true),
        ("content-location: /a", true),
        ("content-location: http://LOCALHOST:80/a", true),
        ("location: http://other/a", false),
        ("location: https://localhost/a", false),
        ("content-location: //other/a", false),
        ("location: /a?b", false),
    ] {
        assert_eq!(is_gone("POST", "/b", 201, &[field]).await, gone, "{field}");
        assert!(!is_gone("POST", "/b", 400, &[field]).await, "{field}");
    }
}

#[tokio::test]
async fn all_variants_go() {
    let variant = |body| ok(&[FRESH, "vary: foo"], body);
    let rig = rig([variant("1"), variant("2"), ok(&[], ""), variant("3")]);
    rig.get(&["foo: 1"]).await;
    rig.get(&["foo: 2"]).await;
    rig.ask(Method::POST, "/", &[]).await;
    rig.get(&["foo: 1"]).await.assert_body("3");
    rig.get(&["foo: 2"]).await.assert_body("3");
}

#[tokio::test]
async fn an_answer_to_an_unsafe_method_is_not_stored() {
    // 3
    let rig = rig([ok(&[FRESH], "posted"), ok(&[FRESH], "got")]);
    rig.ask(Method::POST, "/", &[]).await.assert_body("posted");
    rig.get(&[]).await.assert_body("got");
    rig.ask(Method::POST, "/", &[]).await;
    rig.assert_asked(3);
}
