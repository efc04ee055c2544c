//! `send_file` on the wire.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::convert::Infallible;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use gopuram::Stack;
use gopuram::middleware::body::{FileRegion, Read, ReadAt};
use gopuram::middleware::digest::Algorithm;
use gopuram::middleware::static_files::HotCache;
use gopuram::middleware::{Body, Compress, Digest, Head, Mount, Range, SendFile, StaticFiles};
use gopuram::testing::{Client, app};
use http::{Request, Response};
use tower_layer::Layer;

/// Files in a directory of their own, removed when it is dropped.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        let name = format!("gopuram-send-file-{}-{name}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        fs::create_dir_all(dir.join("sub")).unwrap();
        let dir = Self(dir);
        for name in ["film.webm", "sub/a b.txt"] {
            fs::write(dir.0.join(name), "0123456789").unwrap();
        }
        dir
    }

    /// The files, none of them from memory.
    fn files(&self) -> StaticFiles {
        StaticFiles::new(&self.0)
            .unwrap()
            .hot_cache(HotCache::off())
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

#[tokio::test]
async fn what_is_not_here_has_no_digest() {
    let dir = Dir::new("digest");
    let layer = SendFile::x_sendfile(&dir.0, "/sent").unwrap();
    let stack = Stack::new()
        .with(Digest::always(Algorithm::Sha256))
        .with(layer);
    let res = Client::new(stack.app(dir.files())).get("/film.webm").await;
    assert!(res.header("x-sendfile").is_some());
    res.assert_no_header("repr-digest")
        .assert_no_header("content-digest");
}

#[tokio::test]
async fn a_file_is_named_in_place_of_being_sent() {
    let dir = Dir::new("named");
    let layer = SendFile::x_accel_redirect(&dir.0, "/sent/").unwrap();
    let client = Client::new(Stack::new().with(layer).app(dir.files()));
    let res = client.get("/film.webm").await;
    res.assert_status(200)
        .assert_header("x-accel-redirect", "/sent/film.webm")
        .assert_header("content-type", "video/webm")
        .assert_header("accept-ranges", "bytes")
        .assert_body("");
    assert!(res.header("etag").is_some());
    let res = client.get("/sub/a%20b.txt").await;
    res.assert_header("x-accel-redirect", "/sent/sub/a%20b.txt");
    let layer = SendFile::x_sendfile(&dir.0, "/srv/in container").unwrap();
    let client = Client::new(layer.layer(dir.files()));
    let res = client.get("/sub/a%20b.txt").await;
    res.assert_header("x-sendfile", "/srv/in container/sub/a b.txt")
        .assert_body("");
}

#[tokio::test]
async fn what_is_not_a_whole_file_is_sent_from_here() {
    let dir = Dir::new("parts");
    let layer = SendFile::x_accel_redirect(&dir.0, "/sent").unwrap();
    let client = Client::new(layer.layer(dir.files()));
    let res = client.get("/film.webm").header("range", "bytes=2-4").await;
    res.assert_status(206)
        .assert_no_header("x-accel-redirect")
        .assert_body("234");
    let tag = client.get("/film.webm").await.header("etag").unwrap();
    let res = client.get("/film.webm").header("if-none-match", tag).await;
    res.assert_status(304).assert_no_header("x-accel-redirect");
    client.get("/none").await.assert_status(404);
    // From memory, and a file that does not stand in a directory that is mapped.
    let elsewhere = SendFile::x_accel_redirect(dir.0.join("sub"), "/sent").unwrap();
    let files = StaticFiles::embedded([("a.txt", &b"text"[..])]).unwrap();
    let mount = Mount::new().at("/memory", files).at("/files", dir.files());
    let client = Client::new(elsewhere.layer(mount));
    for (target, text) in [
        ("/memory/a.txt", "text"),
        ("/files/film.webm", "0123456789"),
    ] {
        let res = client.get(target).await;
        res.assert_no_header("x-accel-redirect").assert_body(text);
    }
}

#[tokio::test]
async fn a_coded_sibling_is_sent_from_here() {
    let dir = Dir::new("coded");
    fs::write(dir.0.join("film.webm.gz"), "coded").unwrap();
    let files = dir
        .files()
        .precompressed(&[gopuram::middleware::static_files::Sibling::Gzip]);
    let layer = SendFile::x_accel_redirect(&dir.0, "/sent").unwrap();
    let client = Client::new(layer.layer(files));
    let res = client
        .get("/film.webm")
        .header("accept-encoding", "gzip")
        .await;
    res.assert_header("content-encoding", "gzip")
        .assert_no_header("x-accel-redirect")
        .assert_body("coded");
    let res = client.get("/film.webm").await;
    res.assert_header("x-accel-redirect", "/sent/film.webm");
}

/// A file by hand, which may be longer than what is sent of it.
struct Open(File, Option<PathBuf>);

impl ReadAt for Open {
    fn read_at(self: Arc<Self>, offset: u64, len: usize) -> Read {
        let bytes = b"0123456789".iter().skip(usize::try_from(offset).unwrap());
        Read::Now(Ok(bytes.take(len).copied().collect::<Bytes>()))
    }

    fn file(&self) -> Option<&File> {
        Some(&self.0)
    }

    fn path(&self) -> Option<&Path> {
        self.1.as_deref()
    }
}

#[tokio::test]
async fn a_region_by_hand_is_named_if_it_says_its_path_and_is_whole() {
    let dir = Dir::new("by-hand");
    let path = dir.0.join("film.webm");
    for (path, offset, len, named) in [
        (Some(path.clone()), 0, 10, true),
        (Some(path.clone()), 0, 9, false),
        (Some(path.clone()), 1, 9, false),
        (Some(dir.0.join("sub/../film.webm")), 0, 10, false),
        (None, 0, 10, false),
    ] {
        let file = dir.0.join("film.webm");
        let app = app::answer(move |_| {
            let open = Open(File::open(&file).unwrap(), path.clone());
            Response::new(Body::file(FileRegion::new(Arc::new(open), offset, len)))
        });
        let layer = SendFile::x_sendfile(&dir.0, "/srv").unwrap();
        let res = Client::new(layer.layer(app)).get("/").await;
        let name = res.header("x-sendfile");
        assert_eq!(name.as_deref(), named.then_some("/srv/film.webm"));
        assert_eq!(res.bytes().is_empty(), named);
    }
}

#[tokio::test]
async fn a_client_chooses_nothing() {
    let dir = Dir::new("client");
    let layer = SendFile::x_accel_redirect(&dir.0, "/sent").unwrap();
    let client = Client::new(layer.layer(dir.files()));
    let res = client
        .get("/film.webm")
        .header("x-sendfile-type", "x-sendfile")
        .header("x-accel-mapping", "/=/etc/")
        .header("x-accel-redirect", "/etc/passwd")
        .await;
    res.assert_header("x-accel-redirect", "/sent/film.webm")
        .assert_no_header("x-sendfile");
}

#[tokio::test]
async fn a_field_of_the_application_does_not_reach_the_front() {
    let app = tower::service_fn(async |_: Request<Body>| {
        let res = Response::builder()
            .header("x-accel-redirect", "/sent/secret")
            .header("X-Sendfile", "/etc/passwd")
            .body(Body::from("from upstream"));
        Ok::<_, Infallible>(res.unwrap())
    });
    let layer = SendFile::x_accel_redirect("/srv", "/sent").unwrap();
    let res = Client::new(layer.layer(app)).get("/").await;
    res.assert_no_header("x-accel-redirect")
        .assert_no_header("x-sendfile")
        .assert_body("from upstream");
}

#[tokio::test]
async fn the_longer_of_two_directories_counts_and_head_is_as_get() {
    let dir = Dir::new("two");
    let layer = SendFile::x_accel_redirect(&dir.0, "/all")
        .and_then(|layer| layer.and(dir.0.join("sub"), "/below"))
        .unwrap();
    let stack = Stack::new()
        .with(Head::default())
        .with(Compress::default())
        .with(layer)
        .with(Range::default())
        .app(dir.files());
    assert!(stack.to_string().contains("x-accel-redirect"));
    let client = Client::new(stack);
    let res = client
        .get("/sub/a%20b.txt")
        .header("accept-encoding", "gzip");
    res.await
        .assert_header("x-accel-redirect", "/below/a%20b.txt")
        .assert_no_header("content-encoding");
    let res = client.head("/film.webm").await;
    res.assert_header("x-accel-redirect", "/all/film.webm")
        .assert_body("");
}
