//! What is kept in memory, and what happens while files change.

use std::fs::{self, File};
use std::future::{IntoFuture as _, poll_fn};
use std::io::Write as _;
use std::pin::pin;
use std::time::Duration;

use gopuram::middleware::static_files::{HotCache, Sibling};
use gopuram::middleware::{Body, StaticFiles};
use gopuram::testing::Client;
use http::{Request, Response};
use http_body::Body as _;
use tower_service::Service;

use super::{Dir, long_ago};

fn later(seconds: u64) -> std::time::SystemTime {
    long_ago() + Duration::from_secs(seconds)
}

/// Looks at the files for every request.
fn watchful(dir: &Dir) -> Client<StaticFiles> {
    let hot = HotCache::default().check_every(Duration::ZERO);
    Client::new(dir.files().hot_cache(hot))
}

/// Never looks again.
fn trusting(dir: &Dir) -> Client<StaticFiles> {
    let hot = HotCache::default().check_every(Duration::MAX);
    Client::new(dir.files().hot_cache(hot))
}

#[tokio::test]
async fn what_is_kept_is_answered_without_the_disk() {
    let dir = Dir::new();
    dir.file("a.txt", "a")
        .file("sub/index.html", "sub")
        .file("b.bin", vec![3; 300_000]);
    let client = trusting(&dir);
    client.get("/a.txt").await.assert_body("a");
    client.get("/b.bin").await.assert_body(vec![3; 300_000]);
    client.get("/sub/").await.assert_body("sub");
    fs::remove_file(dir.path("a.txt")).unwrap();
    fs::remove_file(dir.path("b.bin")).unwrap();
    fs::remove_dir_all(dir.path("sub")).unwrap();
    client.get("/b.bin").await.assert_body(vec![3; 300_000]);
    client
        .get("/a.txt")
        .await
        .assert_status(200)
        .assert_body("a");
    client.get("/sub/").await.assert_body("sub");
}

#[tokio::test]
async fn a_change_is_seen_when_the_file_is_looked_at_again() {
    let dir = Dir::new();
    dir.file("a.txt", "first");
    let client = watchful(&dir);
    let first = client.get("/a.txt").await;
    first.assert_body("first");
    let tag = first.header("etag").unwrap();

    // Another file with the same name, the same length and the same time.
    dir.replace("a.txt", "other", long_ago());
    let res = client.get("/a.txt").header("if-none-match", &tag).await;
    res.assert_status(200).assert_body("other");

    // The same file, written in place, with the same length.
    dir.dated("a.txt", "third", later(1));
    client.get("/a.txt").await.assert_body("third");
    let res = client
        .get("/a.txt")
        .header("if-range", &tag)
        .header("range", "bytes=0-0")
        .await;
    res.assert_status(200).assert_body("third");

    dir.dated("a.txt", "cut", later(2));
    client
        .get("/a.txt")
        .await
        .assert_header("content-length", "3")
        .assert_body("cut");

    fs::remove_file(dir.path("a.txt")).unwrap();
    client.get("/a.txt").await.assert_status(404);
    dir.file("a.txt", "back");
    client.get("/a.txt").await.assert_body("back");
}

#[tokio::test]
async fn a_file_whose_time_was_set_back_is_seen_to_have_changed() {
    let dir = Dir::new();
    dir.file("a.txt", "first");
    let client = watchful(&dir);
    client.get("/a.txt").await.assert_body("first");
    // Same inode, length and time of modification; what changed is that it changed.
    dir.file("a.txt", "other");
    client.get("/a.txt").await.assert_body("other");
}

#[tokio::test]
async fn a_file_written_just_now_is_not_kept() {
    let dir = Dir::new();
    let soon = std::time::SystemTime::now() + Duration::from_hours(1);
    dir.dated("a.txt", "first", soon);
    let client = trusting(&dir);
    client.get("/a.txt").await.assert_body("first");
    dir.dated("a.txt", "other", soon);
    client.get("/a.txt").await.assert_body("other");
}

#[tokio::test]
async fn siblings_come_and_go() {
    let dir = Dir::new();
    dir.file("a.txt", "plain");
    let hot = HotCache::default().check_every(Duration::ZERO);
    let client = Client::new(dir.files().hot_cache(hot).precompressed(Sibling::ALL));
    let get = async || {
        client
            .get("/a.txt")
            .header("accept-encoding", "gzip")
            .await
            .text()
    };
    assert_eq!(get().await, "plain");
    dir.file("a.txt.gz", "coded");
    assert_eq!(get().await, "coded");
    dir.dated("a.txt", "newer", later(1));
    assert_eq!(get().await, "newer");
    dir.dated("a.txt.gz", "again", later(1));
    assert_eq!(get().await, "again");
    fs::remove_file(dir.path("a.txt.gz")).unwrap();
    assert_eq!(get().await, "newer");
}

#[tokio::test]
async fn settings_do_not_see_what_was_kept_before_them() {
    let dir = Dir::new();
    dir.file("a.txt", "a");
    let files = dir.files();
    let res = Client::new(files.clone()).get("/a.txt").await;
    res.assert_no_header("cache-control");
    let rule = http::HeaderValue::from_static("no-store");
    let res = Client::new(files.cache_control("*", rule))
        .get("/a.txt")
        .await;
    res.assert_header("cache-control", "no-store");
}

#[tokio::test]
async fn a_memory_that_is_full_still_answers() {
    let dir = Dir::new();
    for n in 0..200 {
        dir.file(&format!("{n}.txt"), format!("{n:04}").repeat(250));
    }
    let hot = HotCache::memory(64 << 10).check_every(Duration::MAX);
    let client = Client::new(dir.files().hot_cache(hot));
    for _round in 0..3 {
        for n in 0..200 {
            let res = client.get(&format!("/{n}.txt")).await;
            res.assert_status(200)
                .assert_body(format!("{n:04}").repeat(250));
        }
    }
}

/// The response to a `GET`, its body not yet read.
async fn begin(files: &mut StaticFiles, path: &str) -> Response<Body> {
    let Ok(res) = files.call(Request::get(path).body(()).unwrap()).await;
    assert_eq!(res.status(), 200);
    res
}

/// What comes of a body until it ends or breaks off.
async fn read(body: Body) -> (Vec<u8>, Result<(), String>) {
    let mut body = pin!(body);
    let mut bytes = Vec::new();
    loop {
        match poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
            Some(Ok(frame)) => bytes.extend_from_slice(&frame.into_data().unwrap()),
            Some(Err(error)) => {
                let source = std::error::Error::source(&error).unwrap().to_string();
                return (bytes, Err(source));
            }
            None => return (bytes, Ok(())),
        }
    }
}

/// More than is kept in memory.
const LARGE: usize = 1_200_000;

#[tokio::test]
async fn a_file_that_shrinks_breaks_the_body_off() {
    let dir = Dir::new();
    dir.file("a.bin", vec![1; LARGE]);
    let mut files = dir.files();
    let mut body = begin(&mut files, "/a.bin").await.into_body();
    let first = poll_fn(|cx| std::pin::Pin::new(&mut body).poll_frame(cx)).await;
    let first = first.unwrap().unwrap().into_data().unwrap().len();
    let file = File::options().write(true).open(dir.path("a.bin")).unwrap();
    file.set_len(500_000).unwrap();
    let (rest, end) = read(body).await;
    assert!(first + rest.len() <= 500_000, "nothing is made up");
    end.unwrap_err();
}

#[tokio::test]
async fn a_file_that_is_rewritten_breaks_the_body_off() {
    let dir = Dir::new();
    dir.file("a.bin", vec![1; LARGE]);
    let mut files = dir.files();
    let body = begin(&mut files, "/a.bin").await.into_body();
    dir.dated("a.bin", vec![2; LARGE], later(1));
    let (bytes, end) = read(body).await;
    assert!(!bytes.contains(&2), "two contents under one tag");
    assert_eq!(end.unwrap_err(), "the file changed while it was sent");
}

#[tokio::test]
async fn a_file_that_is_replaced_is_sent_as_it_was() {
    let dir = Dir::new();
    dir.file("a.bin", vec![1; LARGE]);
    let mut files = dir.files();
    let res = begin(&mut files, "/a.bin").await;
    let before = res.headers()["etag"].clone();
    dir.replace("a.bin", vec![2; LARGE], long_ago());
    let (bytes, end) = read(res.into_body()).await;
    end.unwrap();
    assert_eq!(bytes, vec![1; LARGE]);
    let res = begin(&mut files, "/a.bin").await;
    assert_ne!(res.headers()["etag"], before);
    assert_eq!(read(res.into_body()).await.0, vec![2; LARGE]);
}

fn append(dir: &Dir, name: &str) {
    let mut log = File::options().append(true).open(dir.path(name)).unwrap();
    log.write_all(&[2; 1000]).unwrap();
}

#[tokio::test]
async fn a_file_that_is_rewritten_to_a_longer_one_breaks_the_body_off() {
    let dir = Dir::new();
    dir.file("a.bin", vec![1; LARGE])
        .file("b.bin", vec![1; LARGE]);
    let mut files = dir.files();
    let a = begin(&mut files, "/a.bin").await.into_body();
    dir.dated("a.bin", vec![2; LARGE + 1000], later(1));
    let (bytes, end) = read(a).await;
    assert!(!bytes.contains(&2), "two contents under one tag");
    assert_eq!(end.unwrap_err(), "the file changed while it was sent");
    // Nobody can tell from outside that only its end is new.
    let b = begin(&mut files, "/b.bin").await.into_body();
    append(&dir, "b.bin");
    read(b).await.1.unwrap_err();
}

#[tokio::test]
async fn a_log_that_is_being_written_is_sent_as_long_as_it_was() {
    let dir = Dir::new();
    let soon = std::time::SystemTime::now() + Duration::from_hours(1);
    dir.dated("a.log", vec![1; LARGE], soon);
    let mut files = dir.files();
    let res = begin(&mut files, "/a.log").await;
    assert!(res.headers()["etag"].to_str().unwrap().starts_with("W/"));
    append(&dir, "a.log");
    let (bytes, end) = read(res.into_body()).await;
    end.unwrap();
    assert_eq!(bytes, vec![1; LARGE]);
}

/// Whatever a reader sees while a file is replaced all the time, it is one of the versions, and the
/// one that its tag was given to.
#[test]
fn content_and_tag_belong_together_while_files_are_replaced() {
    let dir = Dir::new();
    let version = |n: u64| format!("{n:08}").repeat(500);
    dir.dated("a.txt", version(0), later(0));
    let client = watchful(&dir);
    let mut tags = std::collections::HashMap::new();
    for n in 1..100 {
        let (tag, content) = std::thread::scope(|scope| {
            let write = scope.spawn(|| dir.replace("a.txt", version(n), later(n)));
            let read = scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap();
                let res = runtime.block_on(client.get("/a.txt").into_future());
                res.assert_status(200);
                (res.header("etag").unwrap(), res.text())
            });
            write.join().unwrap();
            read.join().unwrap()
        });
        let known = tags.entry(tag).or_insert_with(|| content.clone());
        assert_eq!(*known, content);
    }
    assert!(tags.len() > 1);
}
