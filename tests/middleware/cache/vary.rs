//! Variants: RFC 9111, section 4.1.

use super::support::{is_reused_for, ok, rig};

fn varies(by: &str) -> http::Response<&'static str> {
    ok(&["cache-control: max-age=60", &format!("vary: {by}")], "a")
}

#[tokio::test]
async fn a_response_is_for_requests_with_the_same_fields() {
    // 4.1
    let one = ["foo: 1", "bar: abc"];
    assert!(is_reused_for(&one, varies("Foo"), 0, &["foo: 1", "bar: other"]).await);
    assert!(is_reused_for(&one, varies("foo, Bar"), 0, &one).await);
    assert!(!is_reused_for(&one, varies("foo"), 0, &["foo: 2"]).await);
    assert!(!is_reused_for(&one, varies("foo"), 0, &[]).await);
    assert!(!is_reused_for(&[], varies("foo"), 0, &one).await);
    assert!(is_reused_for(&[], varies("foo"), 0, &["bar: 1"]).await);
    assert!(!is_reused_for(&one, varies("foo, bar"), 0, &["foo: 1"]).await);
}

#[tokio::test]
async fn star_is_for_no_other_request() {
    // 4.1
    for vary in ["*", "*, foo", "foo, *", "foo,*"] {
        assert!(
            !is_reused_for(&["foo: 1"], varies(vary), 0, &["foo: 1"]).await,
            "{vary}"
        );
    }
}

#[tokio::test]
async fn what_means_the_same_is_the_same() {
    // 4.1
    let one = ["foo: 1, 2"];
    let lines = ["foo: 1", "foo: 2"];
    assert!(is_reused_for(&one, varies("foo"), 0, &lines).await);
    for other in ["foo: 2, 1", "foo: 1,2"] {
        let reused = is_reused_for(&one, varies("foo"), 0, &[other]).await;
        assert!(!reused, "{other}");
    }
    let codings = ["accept-encoding: gzip, br"];
    let other = ["accept-encoding: BR,gzip"];
    assert!(is_reused_for(&codings, varies("accept-encoding"), 0, &other).await);
}

#[tokio::test]
async fn several_variants_are_stored_beside_each_other() {
    // 4.1
    let variant = |body| ok(&["cache-control: max-age=60", "vary: foo"], body);
    let rig = rig([variant("one"), variant("two"), variant("three")]);
    for _ in 0..3 {
        rig.get(&["foo: 1"]).await.assert_body("one");
        rig.get(&["foo: 2"]).await.assert_body("two");
        rig.get(&[]).await.assert_body("three");
    }
    rig.assert_asked(3);
}

#[tokio::test]
async fn the_newest_of_those_that_a_request_selects_is_the_answer() {
    // 4.1
    let by_foo = ok(&["cache-control: max-age=60", "vary: foo"], "old");
    let by_bar = ok(&["cache-control: max-age=60", "vary: bar"], "new");
    let rig = rig([by_foo, by_bar]);
    rig.get(&["foo: 1"]).await.assert_body("old");
    rig.get(&["foo: 2"]).await.assert_body("new");
    rig.get(&["foo: 1"]).await.assert_body("new");
    rig.assert_asked(2);
}

#[tokio::test]
async fn query_host_and_path_tell_responses_apart() {
    // 2
    let fresh = ok(&["cache-control: max-age=60"], "a");
    let rig = rig([fresh]);
    let targets = ["/", "/a", "/a?b", "/a?c", "/%61", "//a"];
    for target in targets.iter().chain(&targets) {
        rig.ask(http::Method::GET, target, &[]).await;
    }
    rig.assert_asked(targets.len());
    rig.ask(http::Method::GET, "/a", &["host: other"]).await;
    rig.assert_asked(targets.len() + 1);
    rig.ask(http::Method::GET, "/a", &["host: OTHER:80"]).await;
    rig.assert_asked(targets.len() + 1);
}
