//! What is written oddly, and fields that are for others: RFC 9111, sections 4.1, 5.2 and 5.3.

use super::support::{date, is_reused, is_wild_reused, ok, rig, rig_with, wild_rig};
use gopuram::middleware::cache::Cache;
use http::Method;

const FRESH: &str = "cache-control: max-age=60";

#[tokio::test]
async fn directives_are_of_any_case_on_any_line_and_none_is_inside_a_string() {
    // 5.2
    for (lines, reused) in [
        (&["cache-control: MaX-aGe=60"][..], true),
        (&["cache-control: a, b=c", FRESH], true),
        (&[FRESH, "cache-control: no-store"], false),
        (&["cache-control: a=\"no-store, b\", max-age=60"], true),
        (&["cache-control: a=\"max-age=60\""], false),
        (&["cache-control: ,, max-age=60 ,"], true),
        (&["cache-control: max-age=60, max-age=1"], true),
        (&["cache-control: max-age=1, max-age=60"], false),
        (&["cache-control: no-storee, max-age=60"], true),
    ] {
        let res = ok(lines, "a");
        assert_eq!(is_wild_reused(res, 2).await, reused, "{lines:?}");
    }
}

#[tokio::test]
async fn a_date_is_one_of_three_forms_and_all_else_is_past() {
    // 5.3; RFC 9110, 5.6.7
    for (expires, reused) in [
        ("Sun, 06 Nov 1994 08:50:37 GMT", true),
        ("Sunday, 06-Nov-94 08:50:37 GMT", true),
        ("Sun Nov  6 08:50:37 1994", true),
        ("Sun, 06 Nov 1994 08:50:37", false),
        ("Sun, 06 Nov 1994 08:50:37 CET", false),
        ("Sun, 06 Nov 1994 8:50:37 GMT", false),
        ("Mon, 06 Nov 1994 08:50:37 GMT", false),
        ("06 Nov 1994 08:50:37 GMT", false),
        ("0", false),
    ] {
        let res = ok(&[&format!("expires: {expires}")], "a");
        assert_eq!(is_wild_reused(res, 0).await, reused, "{expires}");
    }
}

#[tokio::test]
async fn names_in_vary_are_on_any_line_and_what_is_no_name_is_for_nobody_else() {
    // 4.1
    for (lines, other, reused) in [
        (&["vary: foo", "vary: bar"][..], "bar: 2", false),
        (&["vary: foo", "vary: bar"], "baz: 2", true),
        (&["vary: , foo ,, bar"], "bar: 2", false),
        (&["vary: "], "bar: 2", true),
        (&["vary: foo", "vary: *"], "baz: 2", false),
        (&["vary: foo bar"], "baz: 2", false),
        (&["vary: (foo)"], "baz: 2", false),
    ] {
        let fields = [&[FRESH][..], lines].concat();
        let rig = wild_rig([ok(&fields, "a")]);
        rig.get(&["foo: 1", "bar: 1"]).await;
        rig.get(&["foo: 1", "bar: 1", other]).await;
        assert_eq!(rig.origin.count() == 1, reused, "{lines:?} {other}");
    }
}

#[tokio::test]
async fn a_targeted_field_is_all_that_is_asked_where_it_is() {
    // RFC 9213, 2.2
    let expires = format!("expires: {}", date(600));
    for (lines, reused) in [
        (
            &["cdn-cache-control: max-age=60", "cache-control: no-store"][..],
            true,
        ),
        (&["cdn-cache-control: no-store", FRESH], false),
        (&["cdn-cache-control: private", FRESH], false),
        (&["cdn-cache-control: max-age=0", FRESH], false),
        (&["cdn-cache-control: foo", &expires], false),
        // One that is empty or malformed is not there.
        (&["cdn-cache-control: ", "cache-control: private"], false),
        (&["cdn-cache-control: ", FRESH], true),
        (
            &["cdn-cache-control: max-age=60,", "cache-control: no-store"],
            false,
        ),
        // It is a dictionary, of which the last of two counts (RFC 9651, 4.2.2).
        (&["cdn-cache-control: max-age=0, max-age=60"], true),
        (&["cdn-cache-control: max-age=60, max-age=0"], false),
        // The first of the list counts that says something.
        (
            &[
                "cdn-cache-control: no-store",
                "our-cache-control: max-age=60",
            ],
            true,
        ),
        (
            &[
                "cdn-cache-control: max-age=60",
                "our-cache-control: no-store",
            ],
            false,
        ),
        (
            &["cdn-cache-control: max-age=60", "our-cache-control: a b"],
            true,
        ),
    ] {
        let targets = ["our-cache-control", "cdn-cache-control"].map(|name| name.parse().unwrap());
        let cache = Cache::in_memory(1 << 20).targeted(targets);
        let rig = rig_with(cache, [ok(lines, "a")]);
        let res = rig.get(&[]).await;
        assert!(res.header("cdn-cache-control").is_some(), "it is passed on");
        rig.get(&[]).await;
        assert_eq!(rig.origin.count() == 1, reused, "{lines:?}");
    }
}

#[tokio::test]
async fn a_field_for_other_caches_means_nothing_and_is_passed_on() {
    let surrogate = "surrogate-control: no-store";
    assert!(is_reused(ok(&[FRESH, surrogate], "a"), 0).await);
    let rig = rig([ok(&["surrogate-control: max-age=60"], "a")]);
    let res = rig.get(&[]).await;
    res.assert_header("surrogate-control", "max-age=60");
    rig.get(&[]).await;
    rig.assert_asked(2);
}

#[tokio::test]
async fn no_method_but_get_is_stored() {
    // 3
    let rig = rig([ok(&[FRESH], "a")]);
    for method in ["POST", "PUT", "OPTIONS", "PATCH", "BREW"] {
        let method: Method = method.parse().unwrap();
        for _ in 0..2 {
            let before = rig.origin.count();
            rig.ask(method.clone(), "/", &[]).await;
            rig.assert_asked(before + 1);
        }
    }
}
