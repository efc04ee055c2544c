//! Freshness, age, expires and heuristics: RFC 9111, section 4.2.

use super::support::{answer, date, is_reused, is_wild_reused, ok, rig, rig_with};
use gopuram::middleware::cache::Cache;
use std::time::Duration;

#[tokio::test]
async fn max_age_makes_fresh_for_so_long() {
    // 4.2.1, 5.2.2.1
    assert!(is_reused(ok(&["cache-control: max-age=60"], "a"), 59).await);
    assert!(!is_reused(ok(&["cache-control: max-age=60"], "a"), 60).await);
    assert!(!is_reused(ok(&["cache-control: max-age=0"], "a"), 0).await);
}

#[tokio::test]
async fn s_maxage_overrides_max_age_and_expires() {
    // 5.2.2.10
    let expires = format!("expires: {}", date(600));
    let res = |line: &str| ok(&[line, &expires], "a");
    assert!(is_reused(res("cache-control: s-maxage=60, max-age=1"), 59).await);
    assert!(!is_reused(res("cache-control: s-maxage=1, max-age=600"), 2).await);
    assert!(!is_reused(res("cache-control: max-age=1"), 2).await);
}

#[tokio::test]
async fn a_number_in_quotes_is_one_and_a_broken_one_is_stale() {
    // 4.2.1, 5.2
    assert!(is_wild_reused(ok(&["cache-control: max-age=\"60\""], "a"), 59).await);
    for line in [
        "max-age=-60",
        "max-age=60.5",
        "max-age=60s",
        "max-age",
        "max-age =",
    ] {
        let line = format!("cache-control: {line}");
        let expires = format!("expires: {}", date(600));
        let res = ok(&[&line, &expires], "a");
        assert!(!is_wild_reused(res, 0).await, "{line}");
    }
}

#[tokio::test]
async fn more_seconds_than_can_be_counted_are_many() {
    // 1.2.2
    for age in ["2147483648", "99999999999", "99999999999999999999999999"] {
        let line = format!("cache-control: max-age={age}");
        assert!(is_reused(ok(&[&line], "a"), 1 << 30).await, "{age}");
    }
}

#[tokio::test]
async fn expires_makes_fresh_until_then_by_the_origins_clock() {
    // 4.2.1, 5.3
    let expires = |after| format!("expires: {}", date(after));
    assert!(is_reused(ok(&[&expires(60)], "a"), 59).await);
    assert!(!is_reused(ok(&[&expires(60)], "a"), 60).await);
    let behind = format!("date: {}", date(-3600));
    assert!(!is_reused(ok(&[&expires(-3540), &behind], "a"), 0).await);
    let ahead = format!("date: {}", date(3600));
    assert!(is_reused(ok(&[&expires(3660), &ahead], "a"), 59).await);
    for past in ["0", "-1", "tomorrow", "Sun, 06 Nov 1994 08:49:37 GMT"] {
        let line = format!("expires: {past}");
        let modified = format!("last-modified: {}", date(-86_400));
        assert!(
            !is_wild_reused(ok(&[&line, &modified], "a"), 0).await,
            "{past}"
        );
    }
}

#[tokio::test]
async fn what_says_nothing_is_fresh_for_a_tenth_of_its_age() {
    // 4.2.2
    let modified = format!("last-modified: {}", date(-1000));
    for status in [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501] {
        let res = || answer(status, &[&modified], "");
        assert!(is_wild_reused(res(), 99).await, "{status}");
        assert!(!is_wild_reused(res(), 100).await, "{status}");
    }
    for status in [201, 202, 302, 303, 307, 400, 403, 500, 502, 503] {
        let res = answer(status, &[&modified], "");
        assert!(!is_wild_reused(res, 0).await, "{status}");
    }
    let public = answer(299, &[&modified, "cache-control: public"], "a");
    assert!(is_reused(public, 99).await);
    assert!(!is_reused(ok(&[], "a"), 0).await, "nothing to go by");
}

#[tokio::test]
async fn a_guess_has_a_bound() {
    // 4.2.2
    let ancient = format!("last-modified: {}", date(-784_111_777));
    assert!(is_reused(ok(&[&ancient], "a"), 86_399).await);
    assert!(!is_reused(ok(&[&ancient], "a"), 86_400).await);
    let never = Cache::in_memory(1 << 20).heuristic(Duration::ZERO);
    let rig = rig_with(never, [ok(&[&ancient], "a")]);
    rig.get(&[]).await;
    rig.get(&[]).await;
    rig.assert_asked(2);
}

#[tokio::test]
async fn the_age_is_said_and_counts() {
    // 4.2.3, 5.1
    let rig = rig([ok(&["cache-control: max-age=60", "age: 20"], "a")]);
    rig.get(&[]).await.assert_header("age", "20");
    rig.wait(10);
    rig.get(&[]).await.assert_header("age", "30");
    rig.wait(29);
    rig.get(&[]).await.assert_header("age", "59");
    rig.wait(1);
    rig.get(&[]).await;
    rig.assert_asked(2);
}

#[tokio::test]
async fn a_date_in_the_past_is_age_too() {
    // 4.2.3
    let date = format!("date: {}", date(-40));
    let res = || ok(&["cache-control: max-age=60", &date], "a");
    assert!(is_reused(res(), 19).await);
    assert!(!is_reused(res(), 20).await);
    let rig = rig([res()]);
    rig.get(&[]).await;
    rig.get(&[]).await.assert_header("age", "40");
}

#[tokio::test]
async fn an_age_that_is_none_counts_for_nothing_and_one_too_long_is_stale() {
    // 5.1
    for (age, reused) in [
        ("x", true),
        ("-10", true),
        ("1.5", true),
        ("5, 600", true),
        ("600", false),
        ("99999999999999999999", false),
    ] {
        let field = format!("age: {age}");
        let res = ok(&["cache-control: max-age=60", &field], "a");
        assert_eq!(is_wild_reused(res, 0).await, reused, "{age}");
    }
}

#[tokio::test]
async fn a_hit_tells_when_it_ends() {
    // RFC 9211
    let rig = rig([ok(&["cache-control: max-age=60"], "a")]);
    let res = rig.get(&[]).await;
    res.assert_header("cache-status", "gopuram; fwd=miss; stored");
    rig.wait(15);
    let res = rig.get(&[]).await;
    res.assert_header("cache-status", "gopuram; hit; ttl=45");
}

#[tokio::test]
async fn a_targeted_field_is_obeyed_in_place_of_the_others() {
    // RFC 9213
    let cache = || Cache::in_memory(1 << 20).targeted(["cdn-cache-control".parse().unwrap()]);
    let fields = ["cache-control: no-store", "cdn-cache-control: max-age=60"];
    let obeyed = rig_with(cache(), [ok(&fields, "a")]);
    obeyed.get(&[]).await;
    obeyed.get(&[]).await;
    obeyed.assert_asked(1);
    let plain = rig_with(cache(), [ok(&["cache-control: max-age=60"], "a")]);
    plain.get(&[]).await;
    plain.get(&[]).await;
    plain.assert_asked(1);
}
