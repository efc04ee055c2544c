//! `health` on the wire.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gopuram::middleware::attributes::{Draining, Drains};
use gopuram::middleware::{Body, Health};
use gopuram::testing::{Client, Served};
use http::{Method, Request, Response};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tower::service_fn;
use tower_layer::Layer as _;

fn app(health: &Health) -> Client<impl Served> {
    Client::new(health.layer(service_fn(async |req: Request<Body>| {
        let text = format!("inner {}", req.uri().path());
        Ok::<_, Infallible>(Response::new(Body::from(text)))
    })))
}

async fn passes() -> Result<(), &'static str> {
    Ok(())
}

async fn fails() -> io::Result<()> {
    Err(io::Error::other("10.0.0.7 refused \"ann\""))
}

#[tokio::test]
async fn both_paths_are_answered_and_others_pass() {
    let client = app(&Health::new());
    for path in ["/livez", "/readyz", "/readyz?x=1"] {
        let res = client.get(path).await;
        res.assert_status(200)
            .assert_header("content-type", "text/plain; charset=utf-8")
            .assert_header("cache-control", "no-store")
            .assert_body("ok\n");
    }
    for path in ["/", "/livez/", "/READYZ", "/healthz", "/%6civez"] {
        let res = client.get(path).await;
        res.assert_status(200).assert_body(format!("inner {path}"));
    }
    let client = app(&Health::new().live("/alive").ready(String::from("/ready")));
    client.get("/alive").await.assert_body("ok\n");
    client.get("/ready").await.assert_body("ok\n");
    client.get("/livez").await.assert_body("inner /livez");
}

#[tokio::test]
async fn other_methods_are_told_which_are_allowed() {
    let client = app(&Health::new());
    for path in ["/livez", "/readyz"] {
        let head = client.head(path).await;
        head.assert_status(200)
            .assert_header("content-length", "3")
            .assert_body("");
        let options = client.options(path).await;
        options
            .assert_status(204)
            .assert_header("allow", "GET, HEAD, OPTIONS");
        let post = client.post(path).await;
        post.assert_status(405)
            .assert_header("allow", "GET, HEAD, OPTIONS");
        let odd = Method::from_bytes(b"BREW").unwrap();
        client.request(odd, path).await.assert_status(405);
    }
}

#[tokio::test]
async fn a_check_that_fails_is_named_and_its_error_is_not_told() {
    let health = Health::new().check("disk", passes).check("database", fails);
    let client = app(&health);
    let res = client.get("/readyz").await;
    res.assert_status(503)
        .assert_header("cache-control", "no-store")
        .assert_body("[-]database failed\nfailed\n");
    let res = client.get("/readyz?verbose").await;
    res.assert_body("[+]disk ok\n[-]database failed\nfailed\n");
    let res = client.head("/readyz").await;
    res.assert_status(503).assert_header("content-length", "26");
    client.get("/livez?verbose").await.assert_body("ok\n");

    let client = app(&health.show_errors());
    let res = client.get("/readyz").await;
    res.assert_body("[-]database failed: 10.0.0.7 refused \"ann\"\nfailed\n");
}

#[tokio::test]
async fn who_would_rather_have_json_gets_it() {
    let health = Health::new().check("disk", passes).check("database", fails);
    let client = app(&health);
    let asked = client.get("/readyz").header("accept", "application/json");
    let res = asked.await;
    res.assert_status(503)
        .assert_header("content-type", "application/json")
        .assert_body(
            "{\"status\":\"failed\",\"checks\":[{\"name\":\"disk\",\"status\":\"ok\"},\
             {\"name\":\"database\",\"status\":\"failed\"}]}\n",
        );
    for accept in ["*/*", "text/html, */*;q=0.1", "application/json;q=0", "a b"] {
        let res = client.get("/livez").header("accept", accept).await;
        res.assert_body("ok\n");
    }
    let client = app(&Health::new().check("database", fails).show_errors());
    let asked = client.get("/readyz").header("accept", "application/*");
    let text = asked.await.text();
    assert!(
        text.contains(r#""reason":"10.0.0.7 refused \"ann\"""#),
        "{text}"
    );
    let asked = client.get("/livez").header("accept", "application/json");
    asked
        .await
        .assert_body("{\"status\":\"ok\",\"checks\":[]}\n");
}

#[tokio::test(start_paused = true)]
async fn a_check_has_a_deadline() {
    let health = Health::new()
        .check("slow", std::future::pending::<Result<(), Infallible>>)
        .check("slower", std::future::pending::<Result<(), Infallible>>)
        .deadline(Duration::from_secs(2));
    let client = app(&health);
    let start = tokio::time::Instant::now();
    let res = client.get("/readyz").await;
    res.assert_status(503).assert_body(
        "[-]slow failed: it took longer than 900ms\n[-]slower failed: it took longer than 2s\nfailed\n",
    );
    // They were run at once.
    assert_eq!(start.elapsed().as_secs(), 2);
}

#[tokio::test]
async fn a_check_that_panics_has_failed() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    let health = Health::new()
        .check("panics", || -> std::future::Ready<io::Result<()>> {
            panic!("on purpose")
        })
        .check("fails", fails)
        .report(move |failure| {
            let line = format!("{}: {failure} {}", failure.name(), failure.is_elapsed());
            tell.lock().unwrap().push(line);
        });
    let res = app(&health).get("/readyz").await;
    res.assert_status(503)
        .assert_body("[-]panics failed: it panicked\n[-]fails failed\nfailed\n");
    while told.lock().unwrap().len() < 2 {
        tokio::task::yield_now().await;
    }
    let said = told.lock().unwrap().join("\n");
    assert_eq!(
        said,
        "panics: it panicked false\nfails: 10.0.0.7 refused \"ann\" false"
    );
}

/// A check that waits to be let go, and how often it was begun.
fn counted() -> (Health, Arc<AtomicUsize>, Arc<Notify>) {
    let (begun, go) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let (count, wait) = (Arc::clone(&begun), Arc::clone(&go));
    let health = Health::new().check("counted", move || {
        count.fetch_add(1, Ordering::SeqCst);
        let wait = Arc::clone(&wait);
        async move {
            wait.notified().await;
            passes().await
        }
    });
    (health, begun, go)
}

#[tokio::test(start_paused = true)]
async fn one_run_is_for_all_who_ask_and_for_a_second_after() {
    let (health, begun, go) = counted();
    let client = app(&health);
    let asked = (0..20).map(|_| {
        let client = client.clone();
        tokio::spawn(async move { client.get("/readyz").await.text() })
    });
    let asked: Vec<_> = asked.collect();
    while begun.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    go.notify_one();
    for one in asked {
        assert_eq!(one.await.unwrap(), "ok\n");
    }
    client.get("/readyz").await.assert_body("ok\n");
    assert_eq!(begun.load(Ordering::SeqCst), 1);
    tokio::time::advance(Duration::from_millis(1001)).await;
    go.notify_one();
    client.get("/readyz").await.assert_body("ok\n");
    assert_eq!(begun.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn who_leaves_does_not_have_it_begun_again() {
    let (health, begun, go) = counted();
    let client = app(&health);
    for _ in 0..20 {
        let mut asked = Box::pin(client.get("/readyz").into_future());
        tokio::select! {
            biased;
            _ = &mut asked => panic!("nobody let it go"),
            () = tokio::task::yield_now() => {}
        }
    }
    go.notify_one();
    client.get("/readyz").await.assert_body("ok\n");
    assert_eq!(begun.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_check_that_blocks_is_given_up_and_not_begun_again() {
    let (begun, done) = (
        Arc::new(AtomicUsize::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let (count, is_done) = (Arc::clone(&begun), Arc::clone(&done));
    let health = Health::new()
        .check("blocks", move || {
            count.fetch_add(1, Ordering::SeqCst);
            // As the runtime wants to be told: else it may be the thread that looks at the clock for all.
            tokio::task::block_in_place(|| {
                while !is_done.load(Ordering::SeqCst) {
                    std::thread::yield_now();
                }
            });
            passes()
        })
        .deadline(Duration::from_millis(50))
        .keep(Duration::ZERO);
    let client = app(&health);
    let res = client.get("/readyz").await;
    res.assert_body("[-]blocks failed: it took longer than 50ms\nfailed\n");
    let res = client.get("/readyz").await;
    res.assert_body("[-]blocks failed: it has not ended since it was run before\nfailed\n");
    assert_eq!(begun.load(Ordering::SeqCst), 1);
    done.store(true, Ordering::SeqCst);
}

/// A server that drains when it is told to.
#[derive(Default)]
struct Switch(AtomicBool);

impl Drains for Switch {
    fn has_begun(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    fn begins(self: Arc<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn another_server_can_say_that_it_drains() {
    let switch = Arc::new(Switch::default());
    let (health, begun, _go) = counted();
    let client = app(&health.draining(Draining::by(Arc::<Switch>::clone(&switch))));
    switch.0.store(true, Ordering::SeqCst);
    let res = client.get("/readyz?verbose").await;
    res.assert_status(503).assert_body("draining\n");
    client.get("/livez").await.assert_status(200);
    assert_eq!(begun.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_gateway_that_drains_is_not_ready_at_once() {
    let health = Health::new()
        .check("disk", passes)
        .keep(Duration::from_mins(1));
    let app = health.layer(service_fn(async |_: Request<Body>| {
        Ok::<_, Infallible>(Response::new(Body::empty()))
    }));
    let server = gopuram::serve(app).bind("127.0.0.1:0").listen().await;
    let server = server.unwrap();
    let (address, handle) = (server.socket().unwrap(), server.handle());
    let running = tokio::spawn(server.run());
    let mut client = TcpStream::connect(address).await.unwrap();
    let get = b"GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n";
    client.write_all(get).await.unwrap();
    let mut seen = Vec::new();
    while !seen.ends_with(b"\r\nok\n") {
        assert_ne!(client.read_buf(&mut seen).await.unwrap(), 0);
    }
    assert!(seen.starts_with(b"HTTP/1.1 200"));
    // Its head has begun, so that the connection is not idle.
    let (first, rest) = get.split_at(10);
    client.write_all(first).await.unwrap();
    handle.stop();
    client.write_all(rest).await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.ends_with("\r\n\r\ndraining\n"), "{answer}");
    running.await.unwrap().unwrap();
}

#[test]
fn a_runtime_that_has_ended_keeps_nobody_waiting() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let handle = runtime.handle().clone();
    drop(runtime);
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let client = Client::in_process(Health::new().check("database", passes).layer(service_fn(
            async |_: Request<Body>| Ok::<_, Infallible>(Response::new(Body::empty())),
        )));
        for _ in 0..2 {
            let res = handle.block_on(client.get("/readyz").call()).unwrap();
            tell.send(res.status().as_u16()).unwrap();
        }
    });
    for _ in 0..2 {
        assert_eq!(told.recv_timeout(Duration::from_secs(30)), Ok(503));
    }
}
