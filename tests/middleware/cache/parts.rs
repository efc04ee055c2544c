//! Ranges of what is stored, and of what is not: RFC 9111, section 3.3.

use super::support::{answer, date, ok, rig, rig_with, settle};
use gopuram::middleware::cache::Cache;
use http::Method;

const FRESH: &str = "cache-control: max-age=60";

#[tokio::test]
async fn parts_are_cut_from_what_is_stored() {
    let rig = rig([ok(
        &[FRESH, "etag: \"a\"", "content-type: text/plain"],
        "0123456789",
    )]);
    rig.get(&[]).await;
    let res = rig.get(&["range: bytes=2-4"]).await;
    res.assert_status(206)
        .assert_body("234")
        .assert_header("content-range", "bytes 2-4/10")
        .assert_header("etag", "\"a\"")
        .assert_header("age", "0");
    let res = rig.get(&["range: bytes=-3"]).await;
    res.assert_status(206).assert_body("789");
    let res = rig.get(&["range: bytes=10-"]).await;
    res.assert_status(416)
        .assert_header("content-range", "bytes */10");
    let res = rig.get(&["range: bytes=nonsense"]).await;
    res.assert_status(200).assert_body("0123456789");
    rig.get(&[]).await.assert_header("accept-ranges", "bytes");
    rig.assert_asked(1);
}

#[tokio::test]
async fn several_parts_are_a_multipart() {
    let long: &'static str = "0123456789".repeat(30).leak();
    let rig = rig([ok(&[FRESH], long)]);
    rig.get(&[]).await;
    let res = rig.get(&["range: bytes=0-1,200-201"]).await;
    res.assert_status(206);
    let media_type = res.header("content-type").unwrap();
    assert!(
        media_type.starts_with("multipart/byteranges; boundary="),
        "{media_type}"
    );
    let text = res.text();
    assert!(
        text.contains("bytes 0-1/300") && text.contains("bytes 200-201/300"),
        "{text}"
    );
}

#[tokio::test]
async fn if_range_and_conditions_count() {
    // RFC 9110, 13.2.2
    let rig = rig([ok(&[FRESH, "etag: \"a\""], "0123456789")]);
    rig.get(&[]).await;
    let range = "range: bytes=0-0";
    let res = rig.get(&[range, "if-range: \"a\""]).await;
    res.assert_status(206).assert_body("0");
    let res = rig.get(&[range, "if-range: \"b\""]).await;
    res.assert_status(200).assert_body("0123456789");
    let res = rig.get(&[range, "if-none-match: \"a\""]).await;
    res.assert_status(304);
    let res = rig.ask(Method::HEAD, "/", &[range]).await;
    res.assert_status(200).assert_header("content-length", "10");
    rig.assert_asked(1);
}

#[tokio::test]
async fn a_part_of_what_is_not_stored_is_passed_on_and_not_stored() {
    // 3.3
    let part = answer(206, &[FRESH, "content-range: bytes 0-0/10"], "0");
    let rig = rig([part, ok(&[FRESH], "0123456789")]);
    let range = ["range: bytes=0-0", "if-range: \"a\""];
    rig.get(&range).await.assert_status(206).assert_body("0");
    assert_eq!(rig.origin.last("range").unwrap(), "bytes=0-0");
    assert_eq!(rig.origin.last("if-range").unwrap(), "\"a\"");
    rig.get(&[])
        .await
        .assert_status(200)
        .assert_body("0123456789");
    rig.assert_asked(2);
}

#[tokio::test]
async fn or_the_whole_is_fetched_and_cut() {
    let cache = Cache::in_memory(1 << 20).fetch_whole();
    let rig = rig_with(cache, [ok(&[FRESH], "0123456789")]);
    let res = rig.get(&["range: bytes=1-2"]).await;
    res.assert_status(206).assert_body("12");
    assert_eq!(rig.origin.last("range"), None);
    settle().await;
    rig.get(&[]).await.assert_body("0123456789");
    rig.assert_asked(1);
}

#[tokio::test]
async fn a_part_of_what_is_stale_is_cut_once_that_is_validated() {
    let rig = rig([
        ok(&[FRESH, "etag: \"a\""], "0123456789"),
        answer(304, &[FRESH], ""),
        ok(&[FRESH, "etag: \"b\""], "abcdefghij"),
    ]);
    rig.get(&[]).await;
    rig.wait(60);
    let range = ["range: bytes=1-2"];
    rig.get(&range).await.assert_status(206).assert_body("12");
    assert_eq!(rig.origin.last("range"), None);
    rig.wait(60);
    rig.get(&range).await.assert_status(206).assert_body("bc");
    rig.assert_asked(3);
}

#[tokio::test]
async fn what_says_that_it_has_no_parts_has_none() {
    let rig = rig([ok(&[FRESH, "accept-ranges: none"], "0123456789")]);
    rig.get(&[]).await;
    let res = rig.get(&["range: bytes=0-0"]).await;
    res.assert_status(200)
        .assert_header("accept-ranges", "none");
}

#[tokio::test]
async fn parts_that_nobody_asked_for_are_not_stored() {
    // 3.3
    let modified = format!("last-modified: {}", date(-1000));
    let part = answer(206, &[FRESH, &modified, "content-range: bytes 0-0/10"], "0");
    let rig = rig([part]);
    for _ in 0..2 {
        rig.get(&["range: bytes=0-0"]).await.assert_status(206);
    }
    rig.assert_asked(2);
}
