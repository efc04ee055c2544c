//! A store that takes its time, and clients that do not.

use std::convert::Infallible;
use std::task::{Context, Waker};

use std::sync::Arc;

use super::support::{Count, Slow, clock, settle};
use gopuram::middleware::Body;
use gopuram::middleware::cache::{Cache, Entry, Key, Memory, Promise, Purge, Store, StoreError};
use gopuram::testing::Client;
use gopuram::testing::body::Script;
use gopuram::{Application, Stack};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::Body as _;
use tokio::sync::Semaphore;
use tower::limit::ConcurrencyLimitLayer;
use tower::{Layer as _, service_fn};

/// A client of a cache around an application that answers with this body.
fn around(store: &Slow, entry: u64, body: fn() -> Body) -> (Client<impl Application>, Count) {
    let calls = Count::default();
    let count = calls.clone();
    let app = service_fn(move |req: Request<Body>| {
        count.add();
        let mut res = Response::new(body());
        let length = res.body().size_hint().exact().unwrap_or(LONG);
        let other = req.headers().get("x-length").cloned();
        if req.method() == http::Method::HEAD {
            *res.body_mut() = Body::empty();
        }
        let headers = res.headers_mut();
        headers.insert("cache-control", HeaderValue::from_static("max-age=60"));
        headers.insert("content-length", other.unwrap_or(length.into()));
        async move { Ok::<_, Infallible>(res) }
    });
    let cache = Cache::in_store(store.clone()).entry(entry).clock(clock());
    (Client::in_process(Stack::new().with(cache).app(app)), calls)
}

fn short() -> Body {
    Body::from("body")
}

#[tokio::test]
async fn an_invalidation_is_waited_for_and_not_cut_by_a_client_that_goes() {
    let store = Slow::new();
    store.puts.add_permits(9);
    let (client, calls) = around(&store, 1 << 10, short);
    client.get("/").await;
    settle().await;
    let mut goes = Box::pin(client.post("/").into_future());
    let mut cx = Context::from_waker(Waker::noop());
    assert!(goes.as_mut().poll(&mut cx).is_pending());
    drop(goes);
    store.removes.add_permits(1);
    settle().await;
    client.get("/").await;
    assert_eq!(calls.get(), 3, "it was invalidated");
    settle().await;
    let stays = tokio::spawn(client.post("/").into_future());
    settle().await;
    assert!(!stays.is_finished());
    store.removes.add_permits(1);
    stays.await.unwrap();
    client.get("/").await;
    assert_eq!(calls.get(), 5);
}

#[tokio::test]
async fn a_head_that_tells_another_length_makes_go_what_is_stored_though_its_client_goes() {
    let store = Slow::new();
    store.puts.add_permits(9);
    let (client, calls) = around(&store, 1 << 10, short);
    client.get("/").await;
    settle().await;
    let other = client.head("/").header("cache-control", "no-cache");
    let other = other.header("x-length", "5");
    let mut goes = Box::pin(other.into_future());
    let mut cx = Context::from_waker(Waker::noop());
    assert!(goes.as_mut().poll(&mut cx).is_pending());
    drop(goes);
    store.removes.add_permits(1);
    settle().await;
    client.get("/").await;
    assert_eq!(calls.get(), 3);
}

#[tokio::test]
async fn what_is_stored_only_after_it_was_invalidated_goes_again() {
    let store = Slow::new();
    store.removes.add_permits(9);
    let (client, calls) = around(&store, 1 << 10, short);
    client.get("/").await;
    client.post("/").await;
    store.puts.add_permits(9);
    settle().await;
    client.get("/").await;
    assert_eq!(calls.get(), 3);
}

#[tokio::test]
async fn while_it_is_being_stored_others_get_it_from_who_asked() {
    for body in [short as fn() -> Body, long] {
        let store = Slow::new();
        let (client, calls) = around(&store, 64 << 20, body);
        client.get("/").await;
        settle().await;
        client.get("/").await;
        assert_eq!(calls.get(), 1);
    }
}

const LONG: u64 = 40 << 20;

fn long() -> Body {
    let zeros = vec![b'0'; usize::try_from(LONG).unwrap()];
    Body::new(Script::new().data(zeros).pause().end())
}

fn long_at_once() -> Body {
    Body::from(vec![b'0'; usize::try_from(LONG).unwrap()])
}

#[tokio::test]
async fn what_is_being_stored_takes_the_room_of_what_is_on_its_way() {
    // 64 MiB around a store: there is room for one.
    for body in [long as fn() -> Body, long_at_once] {
        let store = Slow::new();
        let (client, _) = around(&store, 64 << 20, body);
        let res = client.get("/1").await;
        res.assert_header("cache-status", "gopuram; fwd=miss; stored");
        settle().await;
        let res = client.get("/2").await;
        res.assert_header("cache-status", "gopuram; fwd=miss");
        store.puts.add_permits(9);
        settle().await;
        let res = client.get("/3").await;
        res.assert_header("cache-status", "gopuram; fwd=miss; stored");
    }
}

/// A store that finds at once and takes its time to say so.
#[derive(Clone, Debug)]
struct Late {
    memory: Arc<Memory>,
    gets: Arc<Semaphore>,
}

impl Late {
    fn new() -> Self {
        Self {
            memory: Arc::new(Memory::new(1 << 20)),
            gets: Arc::new(Semaphore::new(0)),
        }
    }
}

impl Store for Late {
    fn get(&self, key: &Key, fields: &HeaderMap) -> Promise<Option<Entry>> {
        let (found, gets) = (self.memory.get(key, fields), Arc::clone(&self.gets));
        Promise::later(async move {
            gets.acquire().await.unwrap().forget();
            found.get().await
        })
    }

    fn put(&self, key: &Key, entry: Entry) -> Promise<()> {
        self.memory.put(key, entry)
    }

    fn remove(&self, url: &str) -> Promise<()> {
        self.memory.remove(url)
    }

    fn purge(&self, what: Purge) -> Promise<Result<u64, StoreError>> {
        self.memory.purge(what)
    }
}

fn tagged(req: &Request<Body>) -> Response<Body> {
    let is_head = *req.method() == http::Method::HEAD;
    let body = if is_head { Body::empty() } else { short() };
    let res = Response::builder().header("cache-control", "max-age=60");
    res.header("etag", "\"a\"").body(body).unwrap()
}

#[tokio::test]
async fn a_head_does_not_bring_back_what_was_invalidated_while_the_store_was_asked() {
    let (store, calls) = (Late::new(), Count::default());
    let count = calls.clone();
    let app = service_fn(move |req: Request<Body>| {
        count.add();
        let res = tagged(&req);
        async move { Ok::<_, Infallible>(res) }
    });
    let cache = Cache::in_store(store.clone()).clock(clock());
    let client = Client::in_process(Stack::new().with(cache).app(app));
    store.gets.add_permits(2);
    client.get("/").await;
    let head = client.head("/").header("cache-control", "no-cache");
    let head = tokio::spawn(head.into_future());
    settle().await;
    client.post("/").await;
    store.gets.add_permits(9);
    head.await.unwrap();
    assert_eq!(calls.get(), 3);
    client.get("/").await;
    assert_eq!(calls.get(), 4);
}

#[tokio::test]
async fn who_waits_for_the_store_holds_no_permit() {
    let store = Late::new();
    let app = service_fn(|req: Request<Body>| {
        let res = tagged(&req);
        async move { Ok::<_, Infallible>(res) }
    });
    let limited = ConcurrencyLimitLayer::new(1).layer(app);
    let cache = Cache::in_store(store.clone()).clock(clock());
    let client = Client::in_process(Stack::new().with(cache).app(limited));
    let waits = tokio::spawn(client.get("/").into_future());
    settle().await;
    let other = tokio::spawn(client.post("/other").into_future());
    settle().await;
    assert!(other.is_finished() && !waits.is_finished());
    store.gets.add_permits(9);
    waits.await.unwrap().assert_body("body");
}

#[tokio::test]
async fn fields_take_room_though_there_is_no_body() {
    // 64 MiB around a store: there is room for 64 of these and not for more.
    let store = Slow::new();
    let value = HeaderValue::try_from("a".repeat(1 << 20)).unwrap();
    let app = service_fn(move |_: Request<Body>| {
        let res = Response::builder().header("cache-control", "max-age=60");
        let res = res.header("x", value.clone()).body(Body::empty()).unwrap();
        async move { Ok::<_, Infallible>(res) }
    });
    let cache = Cache::in_store(store.clone()).clock(clock());
    let client = Client::in_process(Stack::new().with(cache).app(app));
    let mut stored = 0;
    for n in 0..80 {
        let res = client.get(&format!("/{n}")).await;
        let told = res.header("cache-status").unwrap();
        stored += usize::from(told.ends_with("; stored"));
    }
    assert_eq!(stored, 63);
}
