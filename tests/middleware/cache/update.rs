//! What is stored of the fields, and what a 304 changes of them: RFC 9111, sections 3.1 and 3.2.

use super::support::{answer, date, ok, rig};

const FRESH: &str = "cache-control: max-age=60";

#[tokio::test]
async fn fields_are_stored_as_they_were() {
    // 3.1
    let fields = [
        FRESH,
        "x-two: 1",
        "x-two: 2",
        "content-foo: bar",
        "warning: 299 - \"x\"",
    ];
    let rig = rig([ok(&fields, "a")]);
    rig.get(&[]).await;
    let res = rig.get(&[]).await;
    let lines: Vec<_> = res.headers().get_all("x-two").iter().collect();
    assert_eq!(lines, ["1", "2"]);
    res.assert_header("content-foo", "bar")
        .assert_header("warning", "299 - \"x\"")
        .assert_header("date", &date(0));
}

#[tokio::test]
async fn fields_of_the_connection_are_not() {
    // 3.1; `Keep-Alive` and the like need no `Connection` to be the connection's
    let fields = [
        FRESH,
        "proxy-authenticate: Basic realm=\"a\"",
        "proxy-authentication-info: a",
        "x-kept: 1",
    ];
    let rig = rig([ok(&fields, "a")]);
    rig.get(&[]).await;
    let res = rig.get(&[]).await;
    res.assert_header("x-kept", "1");
    for name in ["proxy-authenticate", "proxy-authentication-info"] {
        res.assert_no_header(name);
    }
    rig.assert_asked(1);
}

#[tokio::test]
async fn a_304_updates_fields_but_not_those_of_the_bytes() {
    // 3.2
    let rig = rig([
        ok(
            &[
                FRESH,
                "etag: \"a\"",
                "x-old: 1",
                "x-both: 1",
                "content-language: en",
            ],
            "abc",
        ),
        answer(
            304,
            &[
                "cache-control: max-age=600",
                "etag: \"a\"",
                "x-both: 2",
                "x-both: 3",
                "x-new: 2",
                "content-length: 3",
                "content-encoding: gzip",
                "content-language: de",
            ],
            "",
        ),
    ]);
    rig.get(&[]).await;
    rig.wait(60);
    rig.get(&[]).await;
    rig.wait(599);
    let res = rig.get(&[]).await;
    rig.assert_asked(2);
    res.assert_status(200)
        .assert_body("abc")
        .assert_header("age", "599")
        .assert_header("cache-control", "max-age=600")
        .assert_header("x-old", "1")
        .assert_header("x-both", "2, 3")
        .assert_header("x-new", "2")
        .assert_header("content-language", "de")
        .assert_no_header("content-encoding");
}

#[tokio::test]
async fn a_304_can_end_the_storing() {
    // 3.2, 4.3.4
    let rig = rig([
        ok(&[FRESH, "etag: \"a\""], "abc"),
        answer(304, &["cache-control: no-store", "etag: \"a\""], ""),
        ok(&["cache-control: no-store"], "new"),
    ]);
    rig.get(&[]).await;
    rig.wait(60);
    rig.get(&[]).await.assert_status(200).assert_body("abc");
    rig.get(&[]).await.assert_body("new");
}

#[tokio::test]
async fn what_selected_a_response_selects_it_after_a_304_that_does_not_repeat_it() {
    // 4.1, 3.2
    let rig = rig([
        ok(&[FRESH, "etag: \"a\"", "vary: foo"], "one"),
        answer(304, &[FRESH, "etag: \"a\""], ""),
        ok(&[FRESH, "vary: foo"], "two"),
    ]);
    rig.get(&["foo: 1"]).await;
    rig.wait(60);
    rig.get(&["foo: 1"]).await.assert_body("one");
    rig.get(&["foo: 2"]).await.assert_body("two");
    rig.get(&["foo: 1"]).await.assert_body("one");
    rig.assert_asked(3);
}
