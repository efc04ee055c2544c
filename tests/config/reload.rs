//! What is served by a file that is read again.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use gopuram::config::{Config, Latest, Running};
use gopuram::gateway::Server;
use gopuram::testing::Client;
use tokio::net::UnixStream;
use tokio::time::timeout;
use tower::ServiceExt as _;

use crate::support::{Directory, app};
use crate::tls::{certificate, hello, hello_over_tls};

#[tokio::test]
async fn a_file_that_is_read_again_is_for_new_connections() {
    let directory = Directory::new();
    let config = directory.config("");
    let running = Running::around(config, app());
    let mut open = running.app();
    open.ready().await.unwrap();
    let stamped = "[[layer]]\nname = \"set_header\"\nheader = \"x-version\"\nvalue = \"2\"\n";
    directory.write("site.toml", stamped);
    running.reload().unwrap();
    let version = async |app: Latest| {
        let res = Client::in_process(app).get("/hello").await;
        res.header("x-version")
    };
    assert_eq!(version(running.app()).await.as_deref(), Some("2"));
    directory.write("site.toml", "listen = 1");
    let wrong = running.reload().unwrap_err();
    assert!(wrong.contains("`listen` takes an address"), "{wrong}");
    assert_eq!(version(running.app()).await.as_deref(), Some("2"));
    // One that was asked before has the layers of before, and so has its clone: a server puts one in the place of what
    // is not ready, or has panicked.
    assert_eq!(version(open.clone()).await, None);
    assert_eq!(version(open).await, None);
}

#[tokio::test]
async fn a_cache_keeps_what_it_has_while_the_file_is_read_again() {
    let status = async |config: &Config| {
        let client = Client::new(config.stack().app(app()));
        let res = client.get("/fresh").await;
        res.header("cache-status").unwrap_or_default()
    };
    let directory = Directory::new();
    let cache = "[[layer]]\nname = \"cache\"\nmemory = \"1MiB\"\n";
    let before = directory.config(cache);
    assert!(status(&before).await.contains("fwd=miss"));
    directory.write(
        "site.toml",
        format!("{cache}[[layer]]\nname = \"head\"\nout_of_place = true\n"),
    );
    let again = before.again().unwrap();
    assert!(status(&again).await.contains("hit"));
    // One more of the same is another.
    directory.write("site.toml", cache.repeat(2));
    let twice = again.again().unwrap();
    assert!(status(&twice).await.contains("hit"));
    directory.write("site.toml", cache.replace("1MiB", "2MiB"));
    let other = twice.again().unwrap();
    assert!(status(&other).await.contains("fwd=miss"));
}

#[tokio::test]
async fn what_is_replaced_is_gone_with_its_last_connection() {
    let directory = Directory::new();
    let config = directory.config("listen = \"unix:a.sock\"\n[workers]\ncount = 2\n");
    let generations = Arc::new(Mutex::new(Vec::<Weak<()>>::new()));
    let made = Arc::clone(&generations);
    let running = Running::new(config, move |config| {
        let generation = Arc::new(());
        made.lock().unwrap().push(Arc::downgrade(&generation));
        let router = app().get("/held", move |_| {
            let count = Arc::strong_count(&generation).to_string();
            async { count }
        });
        Ok(config.stack().app(router))
    });
    let running = running.unwrap();
    let server = running.serve().listen().await.unwrap();
    let handle = server.handle();
    let serving = tokio::spawn(server.run());
    let connect = async || {
        let path = directory.path().join("a.sock");
        UnixStream::connect(path).await.unwrap()
    };
    assert_eq!(hello(connect().await).await, "hello");
    running.reload().unwrap();
    assert_eq!(hello(connect().await).await, "hello");
    let is_there = |number: usize| {
        let generations = generations.lock().unwrap();
        generations[number].strong_count() > 0
    };
    // Connections end soon after their last byte.
    let gone = async {
        while is_there(0) {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(20), gone).await.unwrap();
    assert!(is_there(1));
    handle.stop();
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn logs_are_set_by_a_file_that_takes_effect() {
    let directory = Directory::new();
    let log = "[[layer]]\nname = \"access_log\"\nfile = \"a.log\"\n";
    let path = format!("{log}format = \"%U\"\n");
    let json = format!("{log}json = {{ path = \"%U\" }}\ncapacity = 1\n");
    let config = directory.config(&path);
    let refuses = Arc::new(AtomicUsize::new(0));
    let asked = Arc::clone(&refuses);
    let running = Running::new(config, move |config| {
        let built = config.stack().app(app());
        match asked.load(Ordering::Relaxed) {
            0 => Ok(built),
            _ => Err("not this one".to_owned()),
        }
    });
    let running = running.unwrap();
    let logged = async || {
        Client::in_process(running.app()).get("/hello").await;
        running.flush().unwrap();
        let text = directory.text("a.log");
        text.lines().last().unwrap_or_default().to_owned()
    };
    assert_eq!(logged().await, "/hello");
    // A line for which there is no room is dropped, which is said in the language of the log.
    directory.write("site.toml", format!("{json}[limits]\nhead = \"much\"\n"));
    running.reload().unwrap_err();
    assert_eq!(logged().await, "/hello");
    directory.write("site.toml", &json);
    refuses.store(1, Ordering::Relaxed);
    running.reload().unwrap_err();
    assert_eq!(logged().await, "/hello");
    directory.write("site.toml", format!("{path}capacity = 1\n"));
    refuses.store(0, Ordering::Relaxed);
    running.reload().unwrap();
    directory.write("site.toml", &json);
    refuses.store(1, Ordering::Relaxed);
    running.reload().unwrap_err();
    assert_eq!(logged().await, "# 1 lines dropped");
    refuses.store(0, Ordering::Relaxed);
    running.reload().unwrap();
    assert_eq!(logged().await, "{\"dropped\":1}");
    directory.write("site.toml", format!("{path}capacity = 1\n"));
    running.reload().unwrap();
    assert_eq!(logged().await, "# 1 lines dropped");
    // What is not said any more is as by default.
    directory.write("site.toml", &path);
    running.reload().unwrap();
    assert_eq!(logged().await, "/hello");
}

#[tokio::test]
async fn logs_are_set_by_the_file_that_opens_them() {
    let directory = Directory::new();
    let log = "[[layer]]\nname = \"access_log\"\nfile = \"a.log\"\nformat = \"%U\"\ncapacity = 1\n";
    directory.config(log);
    let checked = Config::check(directory.path().join("site.toml")).unwrap();
    let opened = checked.again().unwrap();
    Client::new(opened.stack().app(app())).get("/hello").await;
    opened.flush().unwrap();
    assert_eq!(directory.text("a.log"), "# 1 lines dropped\n");
}

const TLS: &str = r#"
    listen = { address = "127.0.0.1:0", tls = true }

    [tls]
    certificate = "site.pem"
    key = "site.key"
"#;

#[tokio::test]
async fn certificates_may_be_moved_while_they_are_served() {
    let directory = Directory::new();
    certificate(&directory);
    let running = Running::around(directory.config(TLS), app());
    let server: Server<Latest> = running.serve().listen().await.unwrap();
    let address = server.socket().unwrap();
    let handle = server.handle();
    let serving = tokio::spawn(server.run());
    let connector = certificate(&directory);
    for name in ["pem", "key"] {
        let from = directory.path().join(format!("site.{name}"));
        fs::rename(from, directory.path().join(format!("new.{name}"))).unwrap();
    }
    running.reload().unwrap_err();
    directory.write("site.toml", TLS.replace("site.", "new."));
    running.reload().unwrap();
    assert_eq!(hello_over_tls(&connector, address).await, "hello");
    // Those are read again from then on.
    let connector = certificate(&directory);
    for name in ["pem", "key"] {
        let from = directory.path().join(format!("site.{name}"));
        fs::rename(from, directory.path().join(format!("new.{name}"))).unwrap();
    }
    running.reload().unwrap();
    assert_eq!(hello_over_tls(&connector, address).await, "hello");
    // Without TLS in the file the address keeps what it has: that is for a server that is started anew.
    directory.write("site.toml", "listen = \"127.0.0.1:0\"\n");
    fs::remove_file(directory.path().join("new.pem")).unwrap();
    running.reload().unwrap();
    assert_eq!(hello_over_tls(&connector, address).await, "hello");
    handle.stop();
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn who_has_set_tls_otherwise_keeps_it() {
    let directory = Directory::new();
    let connector = certificate(&directory);
    let path = |name: &str| directory.path().join(name);
    let tls = gopuram::gateway::Tls::pem_files(path("site.pem"), path("site.key")).unwrap();
    let config = directory.config("listen = \"127.0.0.1:0\"\n").secured(tls);
    let running = Running::around(config, app());
    let server = running.serve().listen().await.unwrap();
    let address = server.socket().unwrap();
    let handle = server.handle();
    let serving = tokio::spawn(server.run());
    fs::rename(path("site.pem"), path("mine.pem")).unwrap();
    fs::rename(path("site.key"), path("mine.key")).unwrap();
    certificate(&directory);
    fs::rename(path("site.pem"), path("other.pem")).unwrap();
    fs::rename(path("site.key"), path("other.key")).unwrap();
    fs::rename(path("mine.pem"), path("site.pem")).unwrap();
    fs::rename(path("mine.key"), path("site.key")).unwrap();
    directory.write("site.toml", TLS.replace("site.", "other."));
    running.reload().unwrap();
    assert_eq!(hello_over_tls(&connector, address).await, "hello");
    handle.stop();
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn logs_that_are_reopened_during_a_reload_are_those_too_that_it_opens() {
    let directory = Directory::new();
    let log = "[[layer]]\nname = \"access_log\"\nformat = \"%U\"\nfile = ";
    let config = directory.config(&format!("{log}\"a.log\"\n"));
    let (begun, begins) = mpsc::channel();
    let (goes_on, go_on) = mpsc::channel::<()>();
    let mut first = true;
    let running = Running::new(config, move |config| {
        if !std::mem::take(&mut first) {
            begun.send(()).unwrap();
            go_on.recv().ok();
        }
        Ok(config.stack().app(app()))
    });
    let running = running.unwrap();
    directory.write("site.toml", format!("{log}\"b.log\"\n"));
    let again = running.clone();
    let reloading = thread::spawn(move || again.reload());
    begins.recv().unwrap();
    let path = |name: &str| directory.path().join(name);
    fs::rename(path("b.log"), path("old.log")).unwrap();
    running.reopen();
    drop(goes_on);
    reloading.join().unwrap().unwrap();
    Client::in_process(running.app()).get("/hello").await;
    running.flush().unwrap();
    assert_eq!(directory.text("b.log"), "/hello\n");
    assert_eq!(directory.text("old.log"), "");
}

/// Set for the process that serves by a file that it never has read again: its directory.
const STUCK: &str = "GOPURAM_TEST_STUCK";

/// A process that is gone when this is, however a test ends.
struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Serves where the second reading takes for ever.
#[tokio::main(flavor = "current_thread")]
async fn serve_stuck(directory: PathBuf) {
    let config = Config::read(directory.join("site.toml")).unwrap();
    let mut first = true;
    let running = Running::new(config, move |config| {
        if !std::mem::take(&mut first) {
            fs::write(directory.join("begun"), "").unwrap();
            loop {
                thread::park();
            }
        }
        Ok(config.stack().app(app()))
    });
    running.unwrap().serve().await.unwrap();
}

#[test]
fn a_reload_that_takes_its_time_holds_nobody_up() {
    if let Some(directory) = std::env::var_os(STUCK) {
        // No runtime waits for it either.
        return serve_stuck(directory.into());
    }
    let directory = Directory::new();
    directory.write("site.toml", "listen = \"unix:a.sock\"\n");
    let server = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "reload::a_reload_that_takes_its_time_holds_nobody_up",
        ])
        .env(STUCK, directory.path())
        .stdout(Stdio::null())
        .spawn();
    let mut server = Served(server.unwrap());
    let begun = Instant::now();
    let until = |is_so: &mut dyn FnMut() -> bool| {
        while !is_so() {
            assert!(begun.elapsed() < Duration::from_secs(30));
            thread::yield_now();
        }
    };
    let path = |name: &str| directory.path().join(name);
    let process = server.0.id().to_string();
    let signal = |name: &str| {
        let mut kill = Command::new("kill");
        let kill = kill.args(["-s", name, &process]).status();
        assert!(kill.unwrap().success());
    };
    let answers = || {
        let Ok(mut client) = net::UnixStream::connect(path("a.sock")) else {
            return false;
        };
        let ask = b"GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        client.write_all(ask).unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        answer.ends_with("hello")
    };
    until(&mut || answers());
    signal("HUP");
    until(&mut || path("begun").exists());
    signal("USR1");
    assert!(answers());
    signal("TERM");
    let mut ended = None;
    until(&mut || {
        ended = server.0.try_wait().unwrap();
        ended.is_some()
    });
    assert!(ended.unwrap().success());
}
