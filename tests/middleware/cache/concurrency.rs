//! Many at once: one request is passed on, and nobody depends on another client.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use gopuram::middleware::Body;
use gopuram::middleware::cache::Cache;
use gopuram::testing::{Client, Received};
use gopuram::{Application, Stack};
use http::{HeaderValue, Request, Response};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tower::service_fn;

use super::support::{Count, clock, settle};

/// An application that answers when it is let, with these fields.
fn gated(
    gate: &Arc<Semaphore>,
    calls: &Count,
    fields: &'static [(&'static str, &'static str)],
) -> Client<impl Application> {
    let (gate, calls) = (Arc::clone(gate), calls.clone());
    let app = service_fn(move |req: Request<Body>| {
        calls.add();
        let gate = Arc::clone(&gate);
        async move {
            gate.acquire().await.unwrap().forget();
            let accepted = req.headers().get("x-kind").cloned();
            let body = accepted.map_or(String::from("body"), |kind| {
                kind.to_str().unwrap().to_owned()
            });
            let mut res = Response::new(Body::from(body));
            for (name, value) in fields {
                res.headers_mut()
                    .insert(*name, HeaderValue::from_static(value));
            }
            Ok::<_, Infallible>(res)
        }
    });
    let cache = Cache::in_memory(1 << 20).clock(clock());
    Client::in_process(Stack::new().with(cache).app(app))
}

const STORED: &[(&str, &str)] = &[("cache-control", "max-age=60")];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_misses_at_once_are_one_call() {
    let (gate, calls) = (Arc::new(Semaphore::new(0)), Count::default());
    let client = gated(&gate, &calls, STORED);
    let mut asked = JoinSet::new();
    for _ in 0..1000 {
        let client = client.clone();
        asked.spawn(async move { client.get("/").await });
    }
    settle().await;
    gate.add_permits(1000);
    let all = asked.join_all().await;
    assert_eq!(all.len(), 1000);
    for res in all {
        res.assert_status(200).assert_body("body");
    }
    assert_eq!(calls.get(), 1);
}

#[tokio::test]
async fn those_who_wait_say_so() {
    let (gate, calls) = (Arc::new(Semaphore::new(0)), Count::default());
    let client = gated(&gate, &calls, STORED);
    let ask = || client.get("/").into_future();
    let (first, second, ()) = tokio::join!(ask(), ask(), async {
        settle().await;
        gate.add_permits(1);
    });
    let status = |res: &Received| res.header("cache-status").unwrap();
    assert_eq!(status(&first), "gopuram; fwd=miss; stored");
    assert_eq!(status(&second), "gopuram; fwd=miss; collapsed");
    second.assert_header("age", "0");
}

#[tokio::test]
async fn if_it_is_not_to_be_stored_all_go_on_by_themselves_at_once() {
    let (gate, calls) = (Arc::new(Semaphore::new(0)), Count::default());
    let client = gated(&gate, &calls, &[("cache-control", "private")]);
    let mut asked = JoinSet::new();
    for _ in 0..100 {
        asked.spawn(client.get("/").into_future());
    }
    settle().await;
    assert_eq!(calls.get(), 1);
    gate.add_permits(1);
    settle().await;
    assert_eq!(calls.get(), 100, "none waits for another");
    gate.add_permits(99);
    while let Some(res) = asked.join_next().await {
        res.unwrap().assert_status(200);
    }
    // And for a while nobody waits in the first place.
    for _ in 0..10 {
        asked.spawn(client.get("/").into_future());
    }
    settle().await;
    assert_eq!(calls.get(), 110);
    gate.add_permits(10);
    asked.join_all().await;
}

#[tokio::test]
async fn who_asks_that_nothing_be_stored_asks_for_itself() {
    let (gate, calls) = (Arc::new(Semaphore::new(0)), Count::default());
    let client = gated(&gate, &calls, STORED);
    let mut asked = JoinSet::new();
    for _ in 0..3 {
        let own = client.get("/").header("cache-control", "no-store");
        asked.spawn(own.into_future());
    }
    settle().await;
    assert_eq!(calls.get(), 3, "nobody waits for another");
    gate.add_permits(3);
    asked.join_all().await;
    gate.add_permits(1);
    client.get("/").await;
    assert_eq!(calls.get(), 4);
}

#[tokio::test]
async fn an_application_that_is_always_authorized_serves_all_at_once() {
    let (gate, calls) = (Arc::new(Semaphore::new(0)), Count::default());
    let client = gated(&gate, &calls, STORED);
    let own = || client.get("/").header("authorization", "Basic YTpi");
    gate.add_permits(1);
    own().await;
    let mut asked = JoinSet::new();
    for _ in 0..3 {
        asked.spawn(own().into_future());
    }
    settle().await;
    assert_eq!(calls.get(), 4, "nobody waits for another");
    gate.add_permits(4);
    asked.join_all().await;
    // Others are not concerned.
    for _ in 0..2 {
        client.get("/").await;
    }
    assert_eq!(calls.get(), 5);
}

#[tokio::test]
async fn if_the_first_client_goes_the_others_get_what_it_asked_for() {
    let (gate, calls) = (Arc::new(Semaphore::new(0)), Count::default());
    let client = gated(&gate, &calls, STORED);
    let mut first = Box::pin(client.get("/").into_future());
    let mut cx = Context::from_waker(Waker::noop());
    assert!(first.as_mut().poll(&mut cx).is_pending());
    let second = tokio::spawn(client.get("/").into_future());
    settle().await;
    drop(first);
    gate.add_permits(1);
    second.await.unwrap().assert_body("body");
    assert_eq!(calls.get(), 1);
}

#[tokio::test]
async fn a_client_that_is_not_polled_holds_nobody_up() {
    let (gate, calls) = (Arc::new(Semaphore::new(0)), Count::default());
    let client = gated(&gate, &calls, STORED);
    let mut first = Box::pin(client.get("/").into_future());
    let mut cx = Context::from_waker(Waker::noop());
    assert!(first.as_mut().poll(&mut cx).is_pending());
    gate.add_permits(1);
    client.get("/").await.assert_body("body");
    first.await.assert_body("body");
    assert_eq!(calls.get(), 1);
}

#[tokio::test]
async fn variants_are_asked_for_once_each() {
    let (gate, calls) = (Arc::new(Semaphore::new(0)), Count::default());
    let fields = &[("cache-control", "max-age=60"), ("vary", "x-kind")];
    let client = gated(&gate, &calls, fields);
    let mut asked = JoinSet::new();
    for n in 0..90 {
        let kind = ["a", "b", "c"][n % 3];
        let answer = client.get("/").header("x-kind", kind).into_future();
        asked.spawn(async move { (kind, answer.await) });
    }
    gate.add_permits(100);
    for (kind, res) in asked.join_all().await {
        res.assert_body(kind);
    }
    assert_eq!(calls.get(), 3);
}

#[tokio::test]
async fn variants_of_which_it_is_known_are_asked_for_all_at_once() {
    let (gate, calls) = (Arc::new(Semaphore::new(0)), Count::default());
    let fields = &[("cache-control", "max-age=60"), ("vary", "x-kind")];
    let client = gated(&gate, &calls, fields);
    let mut asked = JoinSet::new();
    for n in 0..20 {
        let answer = client.get("/").header("x-kind", (n % 10).to_string());
        asked.spawn(answer.into_future());
    }
    settle().await;
    assert_eq!(calls.get(), 1, "nobody knows yet what it is");
    gate.add_permits(1);
    settle().await;
    assert_eq!(
        calls.get(),
        10,
        "the others wait for their own variant alone"
    );
    gate.add_permits(9);
    asked.join_all().await;
    assert_eq!(calls.get(), 10);
}

#[tokio::test]
async fn what_is_always_validated_is_validated_for_all_at_once() {
    for line in ["max-age=0", "no-cache"] {
        let (gate, calls) = (Arc::new(Semaphore::new(1)), Count::default());
        let fields = [("cache-control", line), ("etag", "\"a\"")];
        let client = gated(&gate, &calls, Box::leak(Box::new(fields)));
        client.get("/").await;
        let mut asked = JoinSet::new();
        for _ in 0..5 {
            asked.spawn(client.get("/").into_future());
        }
        settle().await;
        assert_eq!(calls.get(), 6, "{line}");
        gate.add_permits(5);
        asked.join_all().await;
    }
}

#[tokio::test]
async fn who_wants_to_be_sure_follows_nobody_who_asked_before() {
    // 5.2.1.4
    let (gate, calls) = (Arc::new(Semaphore::new(0)), Count::default());
    let client = gated(&gate, &calls, STORED);
    let mut asked = JoinSet::new();
    asked.spawn(client.get("/").into_future());
    settle().await;
    let sure = client.get("/").header("cache-control", "no-cache");
    asked.spawn(sure.into_future());
    settle().await;
    assert_eq!(calls.get(), 2);
    // Others may follow either.
    asked.spawn(client.get("/").into_future());
    settle().await;
    assert_eq!(calls.get(), 2);
    gate.add_permits(2);
    asked.join_all().await;
}

#[tokio::test]
async fn who_followed_one_that_failed_says_what_it_was_answered_in_place_of() {
    // RFC 9211, 2.3
    let (gate, calls) = (Arc::new(Semaphore::new(1)), Count::default());
    let (inner, count) = (Arc::clone(&gate), calls.clone());
    let app = service_fn(move |_: Request<Body>| {
        let is_first = count.add() == 0;
        let gate = Arc::clone(&inner);
        async move {
            gate.acquire().await.unwrap().forget();
            let line = "max-age=60, stale-if-error=60";
            let res = if is_first {
                Response::builder().header("cache-control", line)
            } else {
                Response::builder().status(503)
            };
            Ok::<_, Infallible>(res.body(Body::from("a")).unwrap())
        }
    });
    let time = clock();
    let cache = Cache::in_memory(1 << 20).clock(time.clone());
    let client = Client::in_process(Stack::new().with(cache).app(app));
    client.get("/").await;
    time.advance(Duration::from_mins(1));
    let ask = || client.get("/").into_future();
    let (first, second, ()) = tokio::join!(ask(), ask(), async {
        settle().await;
        gate.add_permits(1);
    });
    first.assert_status(200);
    first.assert_header("cache-status", "gopuram; fwd=stale; fwd-status=503");
    second.assert_status(200);
    let told = "gopuram; fwd=stale; fwd-status=503; collapsed";
    second.assert_header("cache-status", told);
    assert_eq!(calls.get(), 2);
}

#[tokio::test]
async fn a_head_does_not_bring_back_what_is_invalidated_meanwhile() {
    // 4.3.5, 4.4
    let (gate, calls) = (Arc::new(Semaphore::new(1)), Count::default());
    let client = gated(&gate, &calls, STORED);
    client.get("/").await;
    let head = client.head("/").header("cache-control", "no-cache");
    let head = tokio::spawn(head.into_future());
    settle().await;
    gate.add_permits(2);
    // Called later, answered first: permits are given in order, so both have one.
    client.post("/").await;
    head.await.unwrap();
    gate.add_permits(1);
    client.get("/").await;
    assert_eq!(calls.get(), 4);
}

#[tokio::test]
async fn what_was_invalidated_on_its_way_is_not_stored() {
    let (gate, calls) = (Arc::new(Semaphore::new(0)), Count::default());
    let client = gated(&gate, &calls, STORED);
    let old = tokio::spawn(client.get("/").into_future());
    settle().await;
    gate.add_permits(2);
    // Called later, answered first: permits are given in order, so both have one.
    client.post("/").await;
    old.await.unwrap();
    gate.add_permits(1);
    client.get("/").await;
    assert_eq!(calls.get(), 3);
}

#[tokio::test]
async fn what_is_older_than_a_response_that_is_no_more_is_not_stored() {
    let slow = Arc::new(Semaphore::new(0));
    let (gate, calls) = (Arc::clone(&slow), Count::default());
    let count = calls.clone();
    let app = service_fn(move |req: Request<Body>| {
        let call = count.add();
        let (gate, is_slow) = (Arc::clone(&gate), req.headers().contains_key("x-slow"));
        async move {
            if is_slow {
                gate.acquire().await.unwrap().forget();
            }
            let line = if call == 2 { "private" } else { "max-age=60" };
            let res = Response::builder().header("cache-control", line);
            Ok::<_, Infallible>(res.body(Body::from(call.to_string())).unwrap())
        }
    });
    let cache = Cache::in_memory(1 << 20).clock(clock());
    let client = Client::in_process(Stack::new().with(cache).app(app));
    client.get("/").await.assert_body("0");
    let anew = || client.get("/").header("cache-control", "no-cache");
    let older = tokio::spawn(anew().header("x-slow", "1").into_future());
    settle().await;
    anew().await.assert_body("2");
    slow.add_permits(1);
    older.await.unwrap().assert_body("1");
    client.get("/").await.assert_body("3");
}

#[tokio::test]
async fn a_panic_is_told_once_and_the_others_are_answered() {
    let calls = Count::default();
    let count = calls.clone();
    let app = service_fn(move |_: Request<Body>| {
        let first = count.add() == 0;
        async move {
            tokio::task::yield_now().await;
            assert!(!first, "meant");
            Ok::<_, Infallible>(Response::new(Body::from("body")))
        }
    });
    let cache = Cache::in_memory(1 << 20).clock(clock());
    let client = Client::in_process(Stack::new().with(cache).app(app));
    let mut asked = JoinSet::new();
    for _ in 0..10 {
        asked.spawn(client.get("/").into_future());
    }
    let mut panics = 0;
    while let Some(joined) = asked.join_next().await {
        match joined {
            Ok(res) if res.status() == 500 => {}
            Ok(res) => drop(res.assert_body("body")),
            Err(_) => panics += 1,
        }
    }
    assert_eq!(panics, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_of_all_kinds_get_what_the_application_would_say() {
    let calls = Count::default();
    let count = calls.clone();
    let app = service_fn(move |req: Request<Body>| {
        count.add();
        async move {
            tokio::task::yield_now().await;
            let path = req.uri().path().to_owned();
            let mut res = Response::new(Body::from(path.repeat(10)));
            let line = if path.starts_with("/own") {
                "private"
            } else {
                "max-age=1"
            };
            let headers = res.headers_mut();
            headers.insert("cache-control", HeaderValue::from_static(line));
            headers.insert(
                "etag",
                HeaderValue::from_str(&format!("\"{path}\"")).unwrap(),
            );
            Ok::<_, Infallible>(res)
        }
    });
    let clock = clock();
    let cache = Cache::in_memory(1 << 20).clock(clock.clone());
    let client = Client::in_process(Stack::new().with(cache).app(app));
    let mut asked = JoinSet::new();
    for n in 0..2000_usize {
        let client = client.clone();
        let clock = clock.clone();
        asked.spawn(async move {
            let path = [format!("/all{}", n % 5), format!("/own{}", n % 3)][n % 2].clone();
            let body = path.repeat(10);
            match n % 7 {
                0 => {
                    let tag = format!("\"{path}\"");
                    let res = client.get(&path).header("if-none-match", tag).await;
                    // What is not stored goes by the application, which does not look.
                    let status = if path.starts_with("/all") {
                        304
                    } else {
                        res.status().as_u16()
                    };
                    res.assert_status(status);
                }
                1 => drop(client.head(&path).await.assert_status(200)),
                2 => drop(client.post(&path).await.assert_status(200)),
                3 => drop(client.get(&path).send().await),
                4 => {
                    let no = client.get(&path).header("cache-control", "no-cache");
                    no.await.assert_status(200).assert_body(&body);
                }
                5 => {
                    clock.advance(Duration::from_secs(1));
                    client.get(&path).await.assert_body(&body);
                }
                _ => drop(client.get(&path).await.assert_body(&body)),
            }
        });
    }
    let all = asked.join_all();
    let all = tokio::time::timeout(Duration::from_mins(1), all).await;
    assert_eq!(all.expect("nobody hangs").len(), 2000);
    assert!(calls.get() < 2000);
}
