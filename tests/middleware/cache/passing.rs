//! What is not stored now may be the next time: who goes alone may leave something for all.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use super::support::{Count, answer, clock, ok, rig, rig_with, settle};
use gopuram::Stack;
use gopuram::middleware::Body;
use gopuram::middleware::cache::Cache;
use gopuram::testing::Client;
use http::{Method, Request, Response};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tower::service_fn;

const FRESH: &str = "cache-control: max-age=60";
const OWN: &str = "cache-control: private";
const TAG: &str = "etag: \"a\"";

#[tokio::test]
async fn one_answer_that_is_not_to_be_stored_keeps_no_other_out() {
    let rig = rig([ok(&[OWN], "own"), ok(&[FRESH], "all")]);
    rig.get(&[]).await.assert_body("own");
    let res = rig.get(&[]).await;
    res.assert_body("all")
        .assert_header("cache-status", "gopuram; fwd=miss; stored");
    rig.get(&[]).await.assert_body("all");
    rig.assert_asked(2);
}

#[tokio::test]
async fn variants_do_not_keep_each_other_out() {
    let rig = rig([
        ok(&[OWN, "vary: foo"], "own"),
        ok(&[FRESH, "vary: foo"], "all"),
    ]);
    rig.get(&["foo: 1"]).await.assert_body("own");
    rig.get(&["foo: 2"]).await.assert_body("all");
    rig.get(&["foo: 2"]).await.assert_body("all");
    rig.assert_asked(2);
}

#[tokio::test]
async fn who_goes_alone_asks_as_it_was_asked() {
    let rig = rig([
        ok(&[OWN, TAG], "own"),
        answer(304, &[FRESH, TAG], ""),
        ok(&[FRESH, TAG], "all"),
    ]);
    let had = ["if-none-match: \"a\""];
    rig.get(&[]).await;
    rig.get(&had).await.assert_status(304).assert_body("");
    assert_eq!(rig.origin.last("if-none-match").unwrap(), "\"a\"");
    // What a condition let through is whole, and passed on as it is.
    let res = rig.get(&had).await;
    res.assert_status(200)
        .assert_body("all")
        .assert_header("cache-status", "gopuram; fwd=miss; stored");
    rig.get(&[]).await.assert_body("all");
    rig.assert_asked(3);
}

#[tokio::test]
async fn a_whole_answer_to_who_wanted_a_part_is_for_all() {
    let rig = rig([ok(&[FRESH], "0123456789")]);
    let range = ["range: bytes=1-2"];
    let res = rig.get(&range).await;
    res.assert_status(200).assert_body("0123456789");
    assert_eq!(rig.origin.last("range").unwrap(), "bytes=1-2");
    rig.get(&range).await.assert_status(206).assert_body("12");
    rig.assert_asked(1);
}

#[tokio::test]
async fn an_error_and_a_part_leave_nothing() {
    let rig = rig([
        ok(&[OWN], "own"),
        answer(206, &[FRESH, "content-range: bytes 0-0/3"], "a"),
        answer(416, &[FRESH, "content-range: bytes */3"], ""),
        ok(&[FRESH], "abc"),
    ]);
    rig.get(&[]).await;
    let range = ["range: bytes=0-0"];
    rig.get(&range).await.assert_status(206);
    rig.get(&["range: bytes=9-"]).await.assert_status(416);
    rig.get(&[]).await.assert_body("abc");
    rig.ask(Method::HEAD, "/", &[]).await;
    rig.assert_asked(4);
}

#[tokio::test]
async fn what_was_stored_is_waited_for_again() {
    let (gate, calls, time) = (Arc::new(Semaphore::new(2)), Count::default(), clock());
    let (inner, count) = (Arc::clone(&gate), calls.clone());
    let app = service_fn(move |_: Request<Body>| {
        let line = if count.add() == 0 {
            "private"
        } else {
            "max-age=60"
        };
        let gate = Arc::clone(&inner);
        async move {
            gate.acquire().await.unwrap().forget();
            let res = Response::builder().header("cache-control", line);
            Ok::<_, Infallible>(res.body(Body::from("a")).unwrap())
        }
    });
    let cache = Cache::in_memory(1 << 20).pass(Duration::from_hours(1));
    let cache = cache.clock(time.clone());
    let client = Client::in_process(Stack::new().with(cache).app(app));
    client.get("/").await;
    client.get("/").await;
    time.advance(Duration::from_mins(1));
    let mut asked = JoinSet::new();
    for _ in 0..3 {
        asked.spawn(client.get("/").into_future());
    }
    settle().await;
    assert_eq!(calls.get(), 3);
    gate.add_permits(3);
    asked.join_all().await;
}

#[tokio::test]
async fn what_one_is_not_to_leave_it_does_not() {
    // 5.2.1.5
    let rig = rig_with(
        Cache::in_memory(1 << 20),
        [ok(&[OWN], "own"), ok(&[FRESH], "all")],
    );
    rig.get(&[]).await;
    rig.get(&["cache-control: no-store"]).await;
    rig.get(&[]).await;
    rig.assert_asked(3);
}
