//! A cache whose responses are in a real Redis, shared by two servers.

use std::convert::Infallible;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gopuram::middleware::Cache;
use gopuram::middleware::cache::Handle;
use gopuram::redis::Redis;
use gopuram::testing::{Client, Received};
use gopuram::{Application, Body, Stack};
use http::{HeaderValue, Request, Response};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tower::service_fn;

use super::support::part;

const REDIS: &str = "redis-server";

/// A Redis of its own that keeps nothing, ended when it is dropped.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    async fn start(port: Option<u16>) -> Self {
        let port = port.unwrap_or_else(|| {
            let free = TcpListener::bind("127.0.0.1:0").unwrap();
            free.local_addr().unwrap().port()
        });
        let child = Command::new(REDIS)
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .args(["--port", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { child, port };
        let address = ("127.0.0.1", port);
        let connected = tokio::time::timeout(Duration::from_secs(20), async {
            while TcpStream::connect(address).await.is_err() {
                tokio::task::yield_now().await;
            }
        });
        connected.await.unwrap();
        server
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// What it answers to one command, written as for a terminal.
    async fn say(&self, command: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let line = format!("{command}\r\nQUIT\r\n");
        stream.write_all(line.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// The number that it answers.
    async fn count(&self, command: &str) -> usize {
        let answer = self.say(command).await;
        let number = answer
            .strip_prefix(':')
            .and_then(|rest| rest.lines().next());
        number
            .unwrap_or_else(|| panic!("{command}: {answer}"))
            .parse()
            .unwrap()
    }

    /// How often it has read from connections so far.
    async fn reads(&self) -> usize {
        let stats = self.say("INFO stats").await;
        let mut lines = stats.lines();
        let reads = lines.find_map(|line| line.strip_prefix("total_reads_processed:"));
        reads.unwrap().parse().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// One of several servers that share what is in Redis.
struct Machine<A> {
    client: Client<A>,
    handle: Handle,
    calls: Arc<AtomicUsize>,
}

/// Answers `GET /NAME` with a body of which `x-kind` is a part.
fn machine(url: &str) -> Machine<impl Application> {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let app = service_fn(move |req: Request<Body>| {
        count.fetch_add(1, Ordering::SeqCst);
        let kind = req.headers().get("x-kind").cloned();
        let kind = kind.unwrap_or_else(|| HeaderValue::from_static("none"));
        let path = req.uri().path();
        let mut res = Response::new(Body::from(format!("{path} {}", kind.to_str().unwrap())));
        let headers = res.headers_mut();
        headers.insert("cache-control", HeaderValue::from_static("max-age=600"));
        headers.insert("vary", HeaderValue::from_static("x-kind"));
        headers.insert("etag", HeaderValue::from_static("\"a\""));
        headers.insert(
            "surrogate-key",
            HeaderValue::try_from(path.trim_start_matches('/')).unwrap(),
        );
        async move { Ok::<_, Infallible>(res) }
    });
    let redis = Redis::open(url).unwrap();
    let cache = Cache::in_store(redis.cache("test:"));
    let handle = cache.handle();
    Machine {
        client: Client::new(Stack::new().with(cache).app(app)),
        handle,
        calls,
    }
}

impl<A: Application> Machine<A> {
    async fn get(&self, path: &str, kind: &str) -> Received {
        self.client.get(path).header("x-kind", kind).await
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// Asks until it is answered from the store, since to store goes on after the answer.
    async fn stored(&self, path: &str, kind: &str) -> Received {
        let hit = async {
            loop {
                let res = self.get(path, kind).await;
                if res.header("cache-status").unwrap().contains("; hit;") {
                    return res;
                }
                tokio::task::yield_now().await;
            }
        };
        let hit = tokio::time::timeout(Duration::from_secs(20), hit);
        hit.await.unwrap()
    }
}

#[tokio::test]
async fn what_one_machine_stores_others_answer_with() {
    if !part(REDIS) {
        return;
    }
    let redis = Server::start(None).await;
    let (one, two) = (machine(&redis.url()), machine(&redis.url()));
    for kind in ["a", "b"] {
        one.get("/page", kind).await;
        one.stored("/page", kind).await;
    }
    for kind in ["a", "b"] {
        let res = two.get("/page", kind).await;
        res.assert_status(200)
            .assert_body(format!("/page {kind}"))
            .assert_header("surrogate-key", "page");
        let had = two.client.get("/page").header("x-kind", kind);
        had.header("if-none-match", "\"a\"")
            .await
            .assert_status(304);
    }
    assert_eq!(two.calls(), 0);
    two.get("/page", "c").await;
    assert_eq!(two.calls(), 1);
}

#[tokio::test]
async fn what_one_machine_invalidates_is_gone_for_all() {
    if !part(REDIS) {
        return;
    }
    let redis = Server::start(None).await;
    let (one, two) = (machine(&redis.url()), machine(&redis.url()));
    let fill = async || {
        for path in ["/page", "/pages", "/pa*e", "/other"] {
            for kind in ["a", "b"] {
                one.stored(path, kind).await;
            }
        }
    };
    fill().await;
    one.client.post("/page").await;
    let before = two.calls();
    two.get("/page", "a").await;
    two.get("/pages", "a").await;
    assert_eq!(two.calls(), before + 1);
    fill().await;
    let purge = two.handle.purge_tag("page").await;
    assert_eq!(purge.unwrap(), 2);
    fill().await;
    let purge = two.handle.purge_prefix("http://localhost/pa*").await;
    assert_eq!(purge.unwrap(), 2, "a star is a star");
    fill().await;
    let purge = two.handle.purge_url("http://localhost/page").await;
    assert_eq!(purge.unwrap(), 2);
    fill().await;
    assert_eq!(two.handle.purge_all().await.unwrap(), 8);
    assert_eq!(two.handle.purge_all().await.unwrap(), 0);
}

#[tokio::test]
async fn without_redis_the_application_answers_and_with_it_again_it_is_used() {
    if !part(REDIS) {
        return;
    }
    let redis = Server::start(None).await;
    let (url, port) = (redis.url(), redis.port);
    let one = machine(&url);
    one.stored("/page", "a").await;
    drop(redis);
    let before = one.calls();
    for _ in 0..3 {
        let res = one.get("/page", "a").await;
        res.assert_status(200).assert_body("/page a");
    }
    // As long as a response waits to be kept, others get it from who asked.
    assert!(one.calls() > before);
    assert!(one.handle.purge_all().await.is_err());
    let redis = Server::start(Some(port)).await;
    one.stored("/page", "a").await;
    drop(redis);
}

const PAGE: &str = "test:u:http://localhost/page";

#[tokio::test]
async fn what_an_invalidation_would_not_find_is_not_there() {
    if !part(REDIS) {
        return;
    }
    let redis = Server::start(None).await;
    let one = machine(&redis.url());
    for kind in ["a", "b"] {
        one.stored("/page", kind).await;
    }
    // As `maxmemory` would have it.
    assert_eq!(redis.count(&format!("DEL {PAGE}")).await, 1);
    one.client.post("/page").await;
    let before = one.calls();
    one.get("/page", "a").await;
    assert_eq!(one.calls(), before + 1);
    // And what was not found then does not come back with what is stored later.
    one.stored("/page", "a").await;
    let before = one.calls();
    one.get("/page", "b").await;
    assert_eq!(one.calls(), before + 1);
}

#[tokio::test]
async fn what_a_purge_by_tag_would_not_find_is_not_there() {
    if !part(REDIS) {
        return;
    }
    let redis = Server::start(None).await;
    let one = machine(&redis.url());
    for kind in ["a", "b"] {
        one.stored("/page", kind).await;
    }
    assert_eq!(redis.count("DEL test:t:page").await, 1);
    assert_eq!(one.handle.purge_tag("page").await.unwrap(), 0);
    for kind in ["a", "b"] {
        let before = one.calls();
        one.get("/page", kind).await;
        assert_eq!(one.calls(), before + 1, "{kind}");
        one.stored("/page", "a").await;
    }
}

#[tokio::test]
async fn variants_of_a_uri_are_bounded_and_what_is_too_old_makes_room() {
    if !part(REDIS) {
        return;
    }
    let redis = Server::start(None).await;
    let one = machine(&redis.url());
    for n in 0..40 {
        one.stored("/page", &n.to_string()).await;
    }
    let index = "test:i:http://localhost/page";
    assert_eq!(redis.count(&format!("HLEN {index}")).await, 32);
    // The index, the keys of the URI, the tag, and the responses.
    assert_eq!(redis.count("DBSIZE").await, 3 + 32);
    let before = one.calls();
    one.get("/page", "39").await;
    assert_eq!(one.calls(), before);
    one.get("/page", "0").await;
    assert_eq!(one.calls(), before + 1);
    for past in ["1", "1 2"] {
        let old = format!("HSET {index} old \"{past}\"");
        assert_eq!(redis.count(&old).await, 1);
        one.stored("/page", past).await;
        assert_eq!(redis.count(&format!("HEXISTS {index} old")).await, 0);
    }
}

#[tokio::test]
async fn many_are_forgotten_in_few_round_trips() {
    if !part(REDIS) {
        return;
    }
    let redis = Server::start(None).await;
    let one = machine(&redis.url());
    for n in 0..300 {
        one.get(&format!("/{n}"), "a").await;
    }
    for n in 0..300 {
        one.stored(&format!("/{n}"), "a").await;
    }
    let before = redis.reads().await;
    let gone = one.handle.purge_prefix("http://localhost/").await;
    assert_eq!(gone.unwrap(), 300);
    let reads = redis.reads().await - before;
    assert!(reads < 60, "{reads}");
    assert_eq!(
        redis.count("DBSIZE").await,
        300,
        "the tags remain, and find nothing"
    );
}

#[tokio::test]
async fn what_lists_responses_goes_with_the_longest_of_them() {
    if !part(REDIS) {
        return;
    }
    let redis = Server::start(None).await;
    let one = machine(&redis.url());
    for list in [PAGE, "test:t:page"] {
        assert_eq!(redis.count(&format!("ZADD {list} 1 past")).await, 1);
    }
    one.stored("/page", "a").await;
    for list in [PAGE, "test:t:page"] {
        assert_eq!(redis.count(&format!("ZCARD {list}")).await, 1, "{list}");
        // Ten minutes of use, and an hour in which it can be validated.
        let left = redis.count(&format!("TTL {list}")).await;
        assert!((1..=600 + 3600).contains(&left), "{list} {left}");
        assert_eq!(redis.count(&format!("EXPIRE {list} 9000")).await, 1);
    }
    one.stored("/page", "b").await;
    for list in [PAGE, "test:t:page"] {
        let left = redis.count(&format!("TTL {list}")).await;
        assert!(left > 600 + 3600, "not less than what it lists");
    }
}

#[tokio::test(start_paused = true)]
async fn who_does_not_answer_is_left_alone_for_a_while() {
    // Takes connections, and says nothing.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let tries = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&tries);
    tokio::spawn(async move {
        let mut open = Vec::new();
        loop {
            open.push(silent.accept().await.unwrap());
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    let one = machine(&format!("redis://127.0.0.1:{port}/"));
    let ask = async |from: usize| {
        let begun = tokio::time::Instant::now();
        for n in from..from + 50 {
            one.get(&format!("/{n}"), "a").await.assert_status(200);
        }
        let waited = begun.elapsed();
        // What was to be kept fails, too.
        tokio::time::sleep(Duration::from_secs(10)).await;
        (waited, tries.load(Ordering::SeqCst))
    };
    let few = Duration::from_secs(12);
    let (waited, before) = ask(0).await;
    assert!(waited < few, "{waited:?}, not a second and more for each");
    assert!(before < 20, "{before}");
    // It is tried again, by few.
    let (waited, after) = ask(50).await;
    assert!(waited < few, "{waited:?}");
    assert!((before + 1..before + 10).contains(&after), "{after}");
    assert_eq!(one.calls(), 100);
}
