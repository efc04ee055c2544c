//! What is stale: RFC 5861, and RFC 9111, section 4.2.4.

use super::support::{answer, clock, ok, rig, rig_with, settle};
use gopuram::Stack;
use gopuram::middleware::Body;
use gopuram::middleware::cache::Cache;
use gopuram::testing::Client;
use gopuram::testing::app::Dropped;
use http::{Request, Response};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tower::service_fn;

const TAG: &str = "etag: \"a\"";

#[tokio::test]
async fn an_error_is_replaced_by_what_is_stale_if_the_response_says_so() {
    // RFC 5861, 4
    let line = "cache-control: max-age=60, stale-if-error=60";
    for status in [500, 502, 503, 504] {
        let rig = rig([ok(&[line, TAG], "a"), answer(status, &[], "broken")]);
        rig.get(&[]).await;
        rig.wait(119);
        let res = rig.get(&[]).await;
        res.assert_status(200)
            .assert_body("a")
            .assert_header("age", "119")
            .assert_header(
                "cache-status",
                &format!("gopuram; fwd=stale; fwd-status={status}"),
            );
        rig.wait(1);
        rig.get(&[])
            .await
            .assert_status(status)
            .assert_body("broken");
        rig.assert_asked(3);
    }
}

#[tokio::test]
async fn an_error_of_another_kind_is_an_answer() {
    let line = "cache-control: max-age=60, stale-if-error=60";
    for status in [400, 404, 501] {
        let rig = rig([ok(&[line, TAG], "a"), answer(status, &[], "no")]);
        rig.get(&[]).await;
        rig.wait(60);
        rig.get(&[]).await.assert_status(status);
    }
}

#[tokio::test]
async fn without_a_word_an_error_is_an_error_unless_the_cache_is_set_so() {
    // RFC 9111, 4.2.4
    let answers = |line: &str| [ok(&[line, TAG], "a"), answer(503, &[], "")];
    let plain = rig(answers("cache-control: max-age=60"));
    plain.get(&[]).await;
    plain.wait(60);
    plain.get(&[]).await.assert_status(503);
    let asked = ["cache-control: stale-if-error=60"];
    plain.get(&asked).await.assert_status(200).assert_body("a");
    let cache = || Cache::in_memory(1 << 20).stale_if_error(Duration::from_mins(1));
    for (line, status) in [
        ("max-age=60", 200),
        ("max-age=60, must-revalidate", 503),
        ("max-age=60, proxy-revalidate", 503),
        ("s-maxage=60", 503),
        ("max-age=60, no-cache", 503),
        ("max-age=60, stale-if-error=0", 503),
    ] {
        let rig = rig_with(cache(), answers(&format!("cache-control: {line}")));
        rig.get(&[]).await;
        rig.wait(60);
        let res = rig.get(&[]).await;
        assert_eq!(res.status(), status, "{line}");
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Failed;

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("failed")
    }
}

impl std::error::Error for Failed {}

#[tokio::test]
async fn an_application_that_fails_is_replaced_too_and_else_its_error_passes() {
    let works = Arc::new(AtomicBool::new(true));
    let told = Arc::clone(&works);
    let clock = clock();
    let app = service_fn(move |_: Request<Body>| {
        let works = told.load(Ordering::Relaxed);
        async move {
            let line = "max-age=60, stale-if-error=60";
            let res = Response::builder().header("cache-control", line);
            works
                .then(|| res.body(Body::from("a")).unwrap())
                .ok_or(Failed)
        }
    });
    let cache = Cache::in_memory(1 << 20).clock(clock.clone());
    let client = Client::in_process(Stack::new().with(cache).app(app));
    client.get("/").await.assert_body("a");
    works.store(false, Ordering::Relaxed);
    clock.advance(Duration::from_mins(1));
    let res = client.get("/").await;
    res.assert_status(200)
        .assert_body("a")
        .assert_header("cache-status", "gopuram; fwd=stale");
    clock.advance(Duration::from_mins(1));
    assert_eq!(client.get("/").call().await.unwrap_err(), Failed);
}

#[tokio::test]
async fn what_is_stale_is_answered_with_and_validated_meanwhile() {
    // RFC 5861, 3
    let line = "cache-control: max-age=60, stale-while-revalidate=60";
    let rig = rig([
        ok(&[line, TAG], "a"),
        answer(304, &[line, TAG], ""),
        ok(&[line, "etag: \"b\""], "b"),
    ]);
    rig.get(&[]).await;
    rig.wait(60);
    let res = rig.get(&["cookie: own"]).await;
    res.assert_body("a")
        .assert_header("cache-status", "gopuram; hit; ttl=0");
    settle().await;
    rig.assert_asked(2);
    assert_eq!(rig.origin.last("if-none-match").unwrap(), "\"a\"");
    let res = rig.get(&[]).await;
    res.assert_header("cache-status", "gopuram; hit; ttl=60");
    rig.wait(100);
    rig.get(&[]).await.assert_body("a");
    settle().await;
    rig.get(&[])
        .await
        .assert_body("b")
        .assert_header("age", "0");
    rig.assert_asked(3);
    rig.wait(120);
    let res = rig.get(&[]).await;
    res.assert_header("cache-status", "gopuram; fwd=stale; stored");
}

#[tokio::test]
async fn what_turns_out_to_be_no_more_or_not_for_all_is_not_answered_with_again() {
    let line = "cache-control: max-age=60, stale-while-revalidate=6000";
    // Whether it could be validated or not.
    let plain = ok(&[line], "a");
    let tagged = ok(&[line, TAG], "a");
    for (stored, fresh) in [
        (&plain, answer(404, &[], "gone")),
        (&plain, ok(&["cache-control: private"], "own")),
        (&tagged, answer(404, &[], "gone")),
        (&tagged, ok(&["cache-control: private"], "own")),
        (&tagged, answer(304, &["cache-control: no-store", TAG], "")),
    ] {
        let rig = rig([stored.clone(), fresh, ok(&[line], "c")]);
        rig.get(&[]).await;
        rig.wait(60);
        rig.get(&[]).await.assert_body("a");
        settle().await;
        rig.assert_asked(2);
        rig.get(&[]).await.assert_body("c");
    }
}

#[tokio::test]
async fn what_is_no_more_is_forgotten_though_who_finds_out_wants_nothing_stored() {
    let line = "cache-control: max-age=60, stale-while-revalidate=6000";
    let own = ["cache-control: no-store"];
    for stored in [ok(&[line], "a"), ok(&[line, TAG], "a")] {
        for gone in [
            answer(404, &[], "gone"),
            ok(&["cache-control: private"], "own"),
        ] {
            let rig = rig([stored.clone(), gone, ok(&[line], "c")]);
            rig.get(&[]).await;
            rig.wait(60);
            rig.get(&own).await.assert_body("a");
            settle().await;
            rig.assert_asked(2);
            rig.get(&[]).await.assert_body("c");
        }
        // What others may have says nothing against it.
        let rig = rig([stored, ok(&[line], "b")]);
        rig.get(&[]).await;
        rig.wait(60);
        rig.get(&own).await.assert_body("a");
        settle().await;
        rig.get(&own).await.assert_body("a");
    }
}

#[tokio::test]
async fn who_bounds_the_age_and_says_no_more_is_answered_with_nothing_stale() {
    // RFC 9111, 5.2.1.1
    let line = "cache-control: max-age=60, stale-while-revalidate=60";
    let rig = rig([ok(&[line, TAG], "a"), ok(&[line, "etag: \"b\""], "b")]);
    rig.get(&[]).await;
    rig.wait(60);
    let res = rig.get(&["cache-control: max-age=100"]).await;
    res.assert_body("b");
}

#[tokio::test(start_paused = true)]
async fn validation_that_nobody_waits_for_ends_after_a_minute() {
    let dropped = Dropped::default();
    let guards = dropped.clone();
    let calls = super::support::Count::default();
    let app = service_fn(move |_: Request<Body>| {
        let is_first = calls.add() == 0;
        let guard = guards.guard();
        async move {
            let _guard = guard;
            if !is_first {
                std::future::pending::<()>().await;
            }
            let line = "max-age=60, stale-while-revalidate=600";
            let res = Response::builder().header("cache-control", line);
            Ok::<_, Failed>(res.body(Body::from("a")).unwrap())
        }
    });
    let clock = clock();
    let cache = Cache::in_memory(1 << 20).clock(clock.clone());
    let client = Client::in_process(Stack::new().with(cache).app(app));
    client.get("/").await;
    clock.advance(Duration::from_mins(1));
    client.get("/").await.assert_body("a");
    tokio::time::sleep(Duration::from_secs(59)).await;
    assert_eq!(dropped.count(), 1);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(dropped.count(), 2);
    client.get("/").await.assert_body("a");
}

#[tokio::test]
async fn without_a_runtime_of_its_own_the_work_is_given_to_another() {
    let tasks = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&tasks);
    let cache = Cache::in_memory(1 << 20).spawner(move |task| kept.lock().unwrap().push(task));
    let line = "cache-control: max-age=60, stale-while-revalidate=60";
    let rig = rig_with(cache, [ok(&[line], "a"), ok(&[line], "b")]);
    rig.get(&[]).await;
    rig.wait(60);
    for _ in 0..3 {
        rig.get(&[]).await.assert_body("a");
    }
    let own = std::mem::take(&mut *tasks.lock().unwrap());
    assert_eq!(own.len(), 1, "one validates for all");
    rig.assert_asked(1);
    for task in own {
        task.await;
    }
    rig.assert_asked(2);
    rig.get(&[]).await.assert_body("b");
}
