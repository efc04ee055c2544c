//! What is refused, and how.

use std::fs;
use std::future::IntoFuture as _;
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use gopuram::middleware::StaticFiles;
use gopuram::middleware::static_files::{Dotfiles, HotCache};
use gopuram::testing::Client;
use http::Method;
use proptest::prelude::*;

use super::Dir;

/// A directory with a secret beside its root.
fn with_secret() -> (Dir, Client<StaticFiles>) {
    let dir = Dir::new();
    dir.file("root/a.txt", "a")
        .file("root/sub/b.txt", "b")
        .file("secret.txt", "secret");
    let files = StaticFiles::new(dir.path("root")).unwrap();
    (dir, Client::new(files))
}

#[track_caller]
fn refused(status: u16) -> impl Fn(&gopuram::testing::Received) {
    move |res| {
        res.assert_status(status)
            .assert_body("")
            .assert_no_header("etag");
    }
}

#[tokio::test]
async fn paths_that_climb_are_not_found() {
    let (_dir, client) = with_secret();
    for path in [
        "/../secret.txt",
        "/sub/../../secret.txt",
        "/%2e%2e/secret.txt",
        "/.%2e/secret.txt",
        "/..%2fsecret.txt",
        "/%2e%2e%2fsecret.txt",
        "/sub%2Fb.txt",
        "/..%5csecret.txt",
        "/sub/./b.txt",
        "/sub//b.txt",
        "//a.txt",
        "/%252e%252e/secret.txt",
        "/a.txt/",
        "/a.txt/b",
    ] {
        refused(404)(&client.get(path).await);
    }
}

#[tokio::test]
async fn malformed_encodings_and_nul_are_bad_requests() {
    let (_dir, client) = with_secret();
    for path in ["/%", "/%4", "/%zz", "/a.txt%", "/a.txt%00", "/%00"] {
        refused(400)(&client.get(path).await);
    }
}

#[tokio::test]
async fn names_are_bytes_and_decoded_once() {
    let dir = Dir::new();
    dir.file("100%.txt", "percent").file("a b?#é", "odd");
    let name = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"\xff\xfe");
    fs::write(dir.0.join(name), "bytes").unwrap();
    let client = dir.client();
    for _cold_then_hot in 0..2 {
        client.get("/100%25.txt").await.assert_body("percent");
        client.get("/a%20b%3f%23%c3%A9").await.assert_body("odd");
        client.get("/%FF%fe").await.assert_body("bytes");
        refused(400)(&client.get("/100%.txt").await);
        refused(404)(&client.get("/100%2525.txt").await);
    }
}

#[tokio::test]
async fn one_file_has_one_place_in_memory_however_it_is_encoded() {
    let dir = Dir::new();
    dir.file("a.txt", "a");
    let client = dir.client();
    client.get("/%61.txt").await.assert_body("a");
    client.get("/a.txt").await.assert_body("a");
    client.get("/a%2etxt").await.assert_body("a");
}

#[tokio::test]
async fn dotfiles_are_hidden_and_well_known_is_not() {
    let dir = Dir::new();
    dir.file(".env", "secret")
        .file(".git/config", "secret")
        .file("sub/.htaccess", "secret")
        .file("sub/.well-known/x", "secret")
        .file(".well-known/security.txt", "known");
    let client = dir.client();
    for path in [
        "/.env",
        "/.git/config",
        "/.git/",
        "/sub/.htaccess",
        "/sub/.well-known/x",
        "/%2eenv",
    ] {
        refused(404)(&client.get(path).await);
    }
    client
        .get("/.well-known/security.txt")
        .await
        .assert_body("known");
    let all = Client::new(dir.files().dotfiles(Dotfiles::Serve));
    all.get("/.env").await.assert_body("secret");
    let none = Client::new(dir.files().dotfiles(Dotfiles::Refuse));
    refused(404)(&none.get("/.well-known/security.txt").await);
}

#[tokio::test]
async fn links_lead_to_what_is_beneath_the_root_and_nowhere_else() {
    let (dir, client) = with_secret();
    dir.link("root/in", "sub/b.txt")
        .link("root/in-dir", "sub")
        .link("root/sub/up", "../a.txt")
        .link("root/out", "../secret.txt")
        .link("root/out-dir", "..")
        .link("root/absolute", dir.path("secret.txt"))
        .link("root/null", "/dev/null")
        .link("root/self", "/proc/self/environ")
        .link("root/loop", "loop")
        .link("root/dangling", "nothing");
    client.get("/in").await.assert_body("b");
    client.get("/in-dir/b.txt").await.assert_body("b");
    client.get("/sub/up").await.assert_body("a");
    for path in [
        "/out",
        "/out-dir/secret.txt",
        "/absolute",
        "/null",
        "/self",
        "/loop",
        "/dangling",
    ] {
        refused(404)(&client.get(path).await);
    }
    let files = StaticFiles::new(dir.path("root")).unwrap();
    let strict = Client::new(files.symlinks_refused());
    strict.get("/sub/b.txt").await.assert_body("b");
    for path in ["/in", "/in-dir/b.txt", "/sub/up"] {
        refused(404)(&strict.get(path).await);
    }
}

#[tokio::test]
async fn what_is_no_regular_file_is_not_found() {
    let dir = Dir::new();
    let made = Command::new("mkfifo")
        .arg(dir.path("fifo"))
        .status()
        .unwrap();
    assert!(made.success());
    let _socket = UnixListener::bind(dir.path("socket")).unwrap();
    let client = dir.client();
    // A FIFO with nobody at its other end would hold who opens it for ever.
    refused(404)(&client.get("/fifo").await);
    refused(404)(&client.get("/socket").await);
}

/// What leads out of the root is put in the place of what does not, and back, all the time.
#[test]
fn swapping_links_meanwhile_opens_no_way_out() {
    let (dir, _) = with_secret();
    dir.file("root/sub/secret.txt", "harmless");
    let files = StaticFiles::new(dir.path("root")).unwrap();
    let client = Client::new(files.hot_cache(HotCache::off()));
    let swap = |target: &str| {
        dir.link("root/next", target);
        fs::rename(dir.path("root/next"), dir.path("root/here")).unwrap();
    };
    swap("sub");
    let over = AtomicBool::new(false);
    let found = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                for target in ["..", "sub", "../root/sub", "sub/../.."] {
                    swap(target);
                }
            }
        });
        let reader = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            let found = (0..2000).filter(|_| {
                let res = runtime.block_on(client.get("/here/secret.txt").into_future());
                let is_found = res.status() == 200;
                assert_eq!(res.text(), if is_found { "harmless" } else { "" });
                assert!(
                    is_found || matches!(res.status().as_u16(), 404 | 503),
                    "{res:?}"
                );
                is_found
            });
            found.count()
        });
        let found = reader.join();
        over.store(true, Ordering::Relaxed);
        found.unwrap()
    });
    assert!(found > 0);
}

#[tokio::test]
async fn names_that_are_too_long_are_not_found() {
    let (_dir, client) = with_secret();
    let long = "x".repeat(300);
    refused(404)(&client.get(&format!("/{long}")).await);
    let deep = "/x".repeat(5000);
    refused(404)(&client.get(&deep).await);
}

#[tokio::test]
async fn other_methods_are_told_which_are_allowed() {
    let (_dir, client) = with_secret();
    for method in [
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::PATCH,
        Method::TRACE,
    ] {
        let res = client.request(method, "/a.txt").await;
        res.assert_status(405)
            .assert_header("allow", "GET, HEAD, OPTIONS")
            .assert_body("");
    }
    let res = client.request(Method::OPTIONS, "/a.txt").await;
    res.assert_status(204)
        .assert_header("allow", "GET, HEAD, OPTIONS")
        .assert_no_header("content-length")
        .assert_body("");
    let res = client.request(Method::OPTIONS, "*").await;
    res.assert_status(204);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is asked, what is beside the root is never answered.
    #[test]
    fn no_path_leads_out_of_the_root(
        pieces in proptest::collection::vec(
            prop_oneof![
                Just("/"), Just(".."), Just("%2e%2e"), Just("%2f"), Just("%5c"), Just("."),
                Just("secret.txt"), Just("sub"), Just("out"), Just("%00"), Just("%252e"), Just("%"),
            ],
            0..10,
        ),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (dir, client) = with_secret();
            dir.link("root/out", "..");
            let path = format!("/{}", pieces.concat());
            let res = client.get(&path).await;
            assert!(!res.text().contains("secret"), "{path}: {res:?}");
            assert!(matches!(res.status().as_u16(), 301 | 400 | 404), "{path}: {res:?}");
        });
    }
}
