//! Validation, asked for and asked: RFC 9111, section 4.3.

use super::support::{answer, date, ok, rig, settle, wild_rig};
use http::Method;

const FRESH: &str = "cache-control: max-age=60";

#[tokio::test]
async fn a_client_that_has_it_gets_304_by_tag() {
    // 4.3.2
    let rig = rig([ok(&[FRESH, "etag: \"a\"", "content-type: text/plain"], "a")]);
    rig.get(&[]).await;
    for list in ["\"a\"", "W/\"a\"", "\"x\", \"a\"", "*"] {
        let res = rig.get(&[&format!("if-none-match: {list}")]).await;
        res.assert_status(304)
            .assert_body("")
            .assert_header("etag", "\"a\"")
            .assert_header("cache-control", "max-age=60")
            .assert_header("age", "0")
            .assert_no_header("content-type");
    }
    let res = rig.get(&["if-none-match: \"b\""]).await;
    res.assert_status(200).assert_body("a");
    rig.assert_asked(1);
}

#[tokio::test]
async fn a_client_that_has_it_gets_304_by_date() {
    // 4.3.2
    let modified = format!("last-modified: {}", date(-1000));
    let rig = rig([ok(&[FRESH, &modified], "a")]);
    rig.get(&[]).await;
    let since = |after| format!("if-modified-since: {}", date(after));
    rig.get(&[&since(-1000)]).await.assert_status(304);
    rig.get(&[&since(0)]).await.assert_status(304);
    rig.get(&[&since(-1001)]).await.assert_status(200);
    // A tag is the better word.
    let both = [since(0), "if-none-match: \"b\"".to_owned()];
    let both = both.each_ref().map(String::as_str);
    rig.get(&both).await.assert_status(200);
    rig.assert_asked(1);
}

#[tokio::test]
async fn without_a_modification_the_date_stands_for_it() {
    // 4.3.2
    let made = format!("date: {}", date(-10));
    let rig = rig([ok(&[FRESH, &made], "a")]);
    rig.get(&[]).await;
    let since = |after| format!("if-modified-since: {}", date(after));
    rig.get(&[&since(-10)]).await.assert_status(304);
    rig.get(&[&since(-11)]).await.assert_status(200);
}

#[tokio::test]
async fn the_first_request_may_be_conditional_and_the_whole_is_stored() {
    // 4.3.1
    let rig = rig([ok(&[FRESH, "etag: \"a\""], "a")]);
    let res = rig.get(&["if-none-match: \"a\""]).await;
    res.assert_status(304).assert_body("");
    assert_eq!(rig.origin.last("if-none-match"), None);
    // This client did not read it, and so it is read without it.
    settle().await;
    rig.get(&[]).await.assert_status(200).assert_body("a");
    rig.assert_asked(1);
}

#[tokio::test]
async fn what_is_stale_is_validated_by_what_it_has() {
    // 4.3.1, 4.3.4
    let modified = format!("last-modified: {}", date(-1000));
    let fields = [FRESH, "etag: W/\"a\"", &modified];
    let rig = rig([ok(&fields, "a"), answer(304, &[FRESH], "")]);
    rig.get(&[]).await;
    rig.wait(60);
    let res = rig.get(&["if-none-match: \"other\""]).await;
    res.assert_status(200)
        .assert_body("a")
        .assert_header("age", "0")
        .assert_header("cache-status", "gopuram; fwd=stale; fwd-status=304; stored");
    assert_eq!(rig.origin.last("if-none-match").unwrap(), "W/\"a\"");
    assert_eq!(rig.origin.last("if-modified-since").unwrap(), date(-1000));
    rig.wait(59);
    rig.get(&[])
        .await
        .assert_body("a")
        .assert_header("age", "59");
    rig.assert_asked(2);
}

#[tokio::test]
async fn validation_may_say_that_the_client_has_it() {
    // 4.3.4
    let rig = rig([ok(&[FRESH, "etag: \"a\""], "a"), answer(304, &[FRESH], "")]);
    rig.get(&[]).await;
    rig.wait(60);
    let res = rig.get(&["if-none-match: \"a\""]).await;
    res.assert_status(304);
}

#[tokio::test]
async fn a_whole_response_to_a_validation_takes_the_place_of_what_was_stored() {
    // 4.3.3
    let rig = rig([
        ok(&[FRESH, "etag: \"a\""], "a"),
        ok(&[FRESH, "etag: \"b\""], "b"),
    ]);
    rig.get(&[]).await;
    rig.wait(60);
    rig.get(&["if-none-match: \"b\""]).await.assert_status(304);
    settle().await;
    rig.get(&[]).await.assert_body("b");
    rig.assert_asked(2);
}

#[tokio::test]
async fn a_304_of_another_response_updates_nothing() {
    // 4.3.4
    let rig = rig([
        ok(&[FRESH, "etag: \"a\""], "a"),
        answer(304, &[FRESH, "etag: \"b\""], ""),
        ok(&[FRESH, "etag: \"b\""], "b"),
    ]);
    rig.get(&[]).await;
    rig.wait(60);
    rig.get(&[]).await.assert_status(200).assert_body("b");
    rig.assert_asked(3);
    assert_eq!(rig.origin.last("if-none-match"), None);
    rig.get(&[]).await.assert_body("b");
    rig.assert_asked(3);
}

#[tokio::test]
async fn a_304_that_nobody_asked_for_is_passed_on_and_not_stored() {
    let rig = wild_rig([answer(304, &[FRESH, "etag: \"a\""], "")]);
    rig.get(&[]).await.assert_status(304);
    rig.get(&[]).await.assert_status(304);
    rig.assert_asked(2);
}

#[tokio::test]
async fn what_has_no_validator_is_fetched_again() {
    // 4.3.1
    let rig = rig([ok(&[FRESH], "a"), ok(&[FRESH], "b")]);
    rig.get(&[]).await;
    rig.wait(60);
    rig.get(&[]).await.assert_body("b");
    assert_eq!(rig.origin.last("if-none-match"), None);
    assert_eq!(rig.origin.last("if-modified-since"), None);
}

#[tokio::test]
async fn preconditions_of_the_origin_are_left_to_it() {
    // RFC 9110, 13.2.1
    let rig = rig([ok(&[FRESH, "etag: \"a\""], "a")]);
    rig.get(&[]).await;
    let since = format!("if-unmodified-since: {}", date(0));
    for field in ["if-match: \"b\"", &since] {
        let res = rig.get(&[field]).await;
        res.assert_header("cache-status", "gopuram; fwd=bypass");
        let name = field.split(':').next().unwrap();
        assert!(rig.origin.last(name).is_some());
    }
    rig.assert_asked(3);
}

#[tokio::test]
async fn a_head_is_answered_from_a_get_and_not_the_other_way_round() {
    // 4, 9110 9.3.2
    let rig = rig([ok(&[FRESH, "etag: \"a\""], "abc")]);
    rig.ask(Method::HEAD, "/", &[]).await.assert_body("");
    rig.get(&[]).await.assert_body("abc");
    rig.assert_asked(2);
    let res = rig.ask(Method::HEAD, "/", &[]).await;
    res.assert_status(200)
        .assert_body("")
        .assert_header("content-length", "3")
        .assert_header("etag", "\"a\"");
    let had = ["if-none-match: \"a\""];
    rig.ask(Method::HEAD, "/", &had).await.assert_status(304);
    rig.assert_asked(2);
}

#[tokio::test]
async fn a_head_says_whether_what_is_stored_is_good_yet() {
    // 4.3.5
    let stored = ok(&[FRESH, "etag: \"a\"", "x: 1"], "abc");
    let same = ok(&[FRESH, "etag: \"a\"", "x: 2", "content-length: 3"], "");
    let rig = rig([stored.clone(), same]);
    rig.get(&[]).await;
    rig.wait(60);
    rig.ask(Method::HEAD, "/", &[]).await;
    rig.get(&[])
        .await
        .assert_body("abc")
        .assert_header("x", "2");
    rig.assert_asked(2);
    for other in [
        ok(&[FRESH, "etag: \"b\""], ""),
        ok(&[FRESH, "etag: \"a\"", "content-length: 4"], ""),
    ] {
        let rig = super::support::rig([stored.clone(), other, ok(&[FRESH], "new")]);
        rig.get(&[]).await;
        rig.wait(60);
        rig.ask(Method::HEAD, "/", &[]).await;
        rig.get(&["cache-control: max-stale"])
            .await
            .assert_body("new");
    }
}

#[tokio::test]
async fn a_head_with_a_weak_tag_makes_nothing_fresh() {
    // RFC 9110, 8.8.1
    let weak = || ok(&[FRESH, "etag: W/\"a\""], "abc");
    let rig = rig([weak(), ok(&[FRESH, "etag: W/\"a\"", "x: 2"], ""), weak()]);
    rig.get(&[]).await;
    rig.wait(60);
    rig.ask(Method::HEAD, "/", &[]).await;
    rig.get(&[]).await;
    rig.assert_asked(3);
}

#[tokio::test]
async fn a_head_that_says_nothing_of_it_removes_nothing() {
    // 4.3.5
    let stored = ok(
        &[
            FRESH,
            "etag: \"a\"",
            "last-modified: Sun, 06 Nov 1994 08:00:00 GMT",
        ],
        "abc",
    );
    for silent in [ok(&[FRESH], ""), ok(&["cache-control: no-store"], "")] {
        let rig = rig([stored.clone(), silent, ok(&[FRESH], "new")]);
        rig.get(&[]).await;
        rig.wait(60);
        rig.ask(Method::HEAD, "/", &[]).await;
        rig.assert_asked(2);
        let res = rig.get(&["cache-control: max-stale"]).await;
        res.assert_body("abc");
        rig.assert_asked(2);
        // Nor does it make it fresh.
        rig.get(&[]).await.assert_body("new");
    }
}
