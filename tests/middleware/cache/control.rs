//! Directives of requests and responses: RFC 9111, sections 4.2.4, 5.2 and 5.4.

use super::support::{is_reused, is_reused_for, ok, rig, rig_with};
use gopuram::middleware::cache::Cache;
use http::Method;

#[tokio::test]
async fn no_store_is_not_stored_by_either_side() {
    // 5.2.1.5, 5.2.2.5
    assert!(!is_reused(ok(&["cache-control: max-age=60, no-store"], "a"), 0).await);
    assert!(!is_reused(ok(&["cache-control: max-age=60, No-Store"], "a"), 0).await);
    let fresh = || ok(&["cache-control: max-age=60"], "a");
    assert!(!is_reused_for(&["cache-control: no-store"], fresh(), 0, &[]).await);
    // What is stored may answer it.
    assert!(is_reused_for(&[], fresh(), 0, &["cache-control: no-store"]).await);
}

#[tokio::test]
async fn private_is_not_stored_and_named_fields_are_left_out() {
    // 5.2.2.7
    for line in [
        "private",
        "PRIVATE",
        "private=\"\"",
        "private=\"a\", private",
    ] {
        let line = format!("cache-control: max-age=60, {line}");
        assert!(!is_reused(ok(&[&line], "a"), 0).await, "{line}");
    }
    let fields = [
        "cache-control: max-age=60, private=\"x-own\"",
        "x-own: 1",
        "x-all: 1",
    ];
    let rig = rig([ok(&fields, "a")]);
    rig.get(&[]).await.assert_header("x-own", "1");
    let res = rig.get(&[]).await;
    res.assert_no_header("x-own").assert_header("x-all", "1");
    rig.assert_asked(1);
}

#[tokio::test]
async fn no_cache_is_validated_each_time_and_named_fields_are_left_out() {
    // 5.2.2.4
    let fields = ["cache-control: max-age=60, no-cache", "etag: \"a\""];
    let rig = rig([ok(&fields, "a")]);
    rig.get(&[]).await;
    rig.get(&[]).await;
    rig.assert_asked(2);
    assert_eq!(rig.origin.last("if-none-match").unwrap(), "\"a\"");
    let named = super::support::rig([ok(
        &["cache-control: max-age=60, no-cache=\"x-own\"", "x-own: 1"],
        "a",
    )]);
    named.get(&[]).await.assert_header("x-own", "1");
    named.get(&[]).await.assert_no_header("x-own");
    named.assert_asked(1);
}

#[tokio::test]
async fn a_request_can_ask_for_validation() {
    // 5.2.1.4, 5.4
    let fresh = || ok(&["cache-control: max-age=60", "etag: \"a\""], "a");
    for field in [
        "cache-control: no-cache",
        "pragma: no-cache",
        "cache-control: NO-CACHE",
    ] {
        assert!(!is_reused_for(&[], fresh(), 0, &[field]).await, "{field}");
    }
    let both = ["pragma: no-cache", "cache-control: max-age=60"];
    assert!(is_reused_for(&[], fresh(), 0, &both).await);
    let rig = rig([fresh()]);
    rig.get(&[]).await;
    let res = rig.get(&["cache-control: no-cache"]).await;
    res.assert_header("cache-status", "gopuram; fwd=request; stored");
}

#[tokio::test]
async fn pragma_of_a_response_means_nothing() {
    // 5.4
    let res = ok(&["cache-control: max-age=60", "pragma: no-cache"], "a");
    assert!(is_reused(res, 0).await);
}

#[tokio::test]
async fn a_request_can_bound_age_and_freshness() {
    // 5.2.1.1, 5.2.1.3
    let fresh = || ok(&["cache-control: max-age=60"], "a");
    for (line, reused) in [
        ("max-age=20", true),
        ("max-age=19", false),
        ("max-age=0", false),
        ("min-fresh=40", true),
        ("min-fresh=41", false),
        ("max-age=20, max-stale", true),
        ("max-age=19, max-stale", false),
    ] {
        let field = format!("cache-control: {line}");
        assert_eq!(
            is_reused_for(&[], fresh(), 20, &[&field]).await,
            reused,
            "{line}"
        );
    }
}

#[tokio::test]
async fn a_request_can_do_with_what_is_stale() {
    // 5.2.1.2
    let stale = || ok(&["cache-control: max-age=60", "etag: \"a\""], "a");
    let asks = |line| is_reused_for(&[], stale(), 70, line);
    assert!(!asks(&[]).await);
    assert!(asks(&["cache-control: max-stale"]).await);
    assert!(asks(&["cache-control: max-stale=10"]).await);
    assert!(!asks(&["cache-control: max-stale=9"]).await);
    // 5.2.1.1: both count.
    assert!(asks(&["cache-control: max-stale, max-age=70"]).await);
    assert!(!asks(&["cache-control: max-stale, max-age=69"]).await);
}

#[tokio::test]
async fn a_response_can_forbid_to_be_stale() {
    // 4.2.4, 5.2.2.2, 5.2.2.8, 5.2.2.10
    for line in [
        "max-age=60, must-revalidate",
        "max-age=60, proxy-revalidate",
        "s-maxage=60",
    ] {
        let field = format!("cache-control: {line}");
        let res = ok(&[&field, "etag: \"a\""], "a");
        let reused = is_reused_for(&[], res, 70, &["cache-control: max-stale"]).await;
        assert!(!reused, "{line}");
    }
}

#[tokio::test]
async fn only_if_cached_never_reaches_the_application() {
    // 5.2.1.7
    let rig = rig([ok(&["cache-control: max-age=60"], "a")]);
    let only = ["cache-control: only-if-cached"];
    rig.get(&only).await.assert_status(504).assert_body("");
    rig.assert_asked(0);
    rig.get(&[]).await;
    rig.get(&only).await.assert_status(200).assert_body("a");
    rig.wait(60);
    rig.get(&only).await.assert_status(504);
    let stale = ["cache-control: only-if-cached, max-stale"];
    rig.get(&stale).await.assert_status(200);
    rig.assert_asked(1);
}

#[tokio::test]
async fn what_a_request_asks_for_can_be_ignored() {
    let cache = Cache::in_memory(1 << 20).ignore_requests();
    let rig = rig_with(cache, [ok(&["cache-control: max-age=60"], "a")]);
    rig.get(&[]).await;
    for line in ["no-cache", "max-age=0", "min-fresh=99"] {
        rig.get(&[&format!("cache-control: {line}")]).await;
    }
    rig.get(&["pragma: no-cache"]).await;
    rig.assert_asked(1);
    let only = ["cache-control: only-if-cached"];
    let res = rig.ask(Method::GET, "/other", &only).await;
    res.assert_status(504);
}

#[tokio::test]
async fn what_is_authorized_is_stored_only_if_said() {
    // 3.5
    let own = ["authorization: Basic YTpi"];
    for (line, stored) in [
        ("max-age=60", false),
        ("max-age=60, public", true),
        ("max-age=60, must-revalidate", true),
        ("s-maxage=60", true),
    ] {
        let field = format!("cache-control: {line}");
        let reused = is_reused_for(&own, ok(&[&field], "a"), 0, &[]).await;
        assert_eq!(reused, stored, "{line}");
    }
    // What is for all is for those who have authorised themselves, too.
    let fresh = ok(&["cache-control: max-age=60"], "a");
    assert!(is_reused_for(&[], fresh, 0, &own).await);
}

#[tokio::test]
async fn what_must_be_understood_is_stored_if_it_is() {
    // 5.2.2.3
    let field = "cache-control: max-age=60, must-understand, no-store";
    assert!(is_reused(ok(&[field], "a"), 0).await);
    let odd = super::support::answer(299, &[field], "a");
    assert!(!is_reused(odd, 0).await);
}

#[tokio::test]
async fn responses_of_one_user_are_stored_for_that_user() {
    let cache = Cache::in_memory(1 << 20).private_for(|head| {
        let user = head.headers.get("x-user")?;
        Some(user.to_str().ok()?.to_owned())
    });
    let fields = ["cache-control: max-age=60, private"];
    let rig = rig_with(
        cache,
        [
            ok(&fields, "ann's"),
            ok(&fields, "bob's"),
            ok(&fields, "all's"),
        ],
    );
    let (ann, bob) = (["x-user: ann"], ["x-user: bob"]);
    rig.get(&ann).await.assert_body("ann's");
    rig.get(&bob).await.assert_body("bob's");
    rig.get(&ann).await.assert_body("ann's");
    rig.get(&bob).await.assert_body("bob's");
    rig.assert_asked(2);
    rig.get(&[]).await.assert_body("all's");
    rig.get(&[]).await.assert_body("all's");
    rig.assert_asked(4);
    // Who changes it changes it for all.
    rig.ask(Method::POST, "/", &ann).await;
    rig.get(&bob).await;
    rig.assert_asked(6);
}
