//! `static_files` on the wire.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod codings;
mod content;
mod directories;
mod forms;
mod hot;
mod races;
mod refusals;
mod validators;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use gopuram::middleware::StaticFiles;
use gopuram::testing::Client;

/// `Last-Modified` of every file that is not made to differ.
const DATE: &str = "Mon, 01 Jan 2024 00:00:00 GMT";

/// Long ago, so that validators are strong.
fn long_ago() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_hours(473_352)
}

/// A directory of its own for each test, gone when the test is over.
struct Dir(PathBuf);

impl Dir {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("gopuram-static-files-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file in place, and the directories to it; it was written long ago.
    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        self.dated(name, content, long_ago())
    }

    fn dated(&self, name: &str, content: impl AsRef<[u8]>, at: SystemTime) -> &Self {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        let file = File::options().write(true).open(&path).unwrap();
        file.set_modified(at).unwrap();
        self
    }

    /// Puts another file in the place of one, as deployments should.
    fn replace(&self, name: &str, content: impl AsRef<[u8]>, at: SystemTime) {
        self.dated("replacement", content, at);
        fs::rename(self.path("replacement"), self.path(name)).unwrap();
    }

    fn link(&self, name: &str, target: impl AsRef<Path>) -> &Self {
        std::os::unix::fs::symlink(target, self.path(name)).unwrap();
        self
    }

    fn files(&self) -> StaticFiles {
        StaticFiles::new(&self.0).unwrap()
    }

    fn client(&self) -> Client<StaticFiles> {
        Client::new(self.files())
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

#[tokio::test]
async fn a_file_is_answered_with_all_that_is_known_of_it() {
    let dir = Dir::new();
    dir.file("css/site.css", "body{}");
    for _cold_then_hot in 0..2 {
        let res = dir.client().get("/css/site.css?v=1").await;
        res.assert_status(200)
            .assert_header("content-type", "text/css; charset=utf-8")
            .assert_header("content-length", "6")
            .assert_header("accept-ranges", "bytes")
            .assert_header("last-modified", DATE)
            .assert_no_header("vary")
            .assert_no_header("cache-control")
            .assert_body("body{}");
        let etag = res.header("etag").unwrap();
        assert!(etag.starts_with('"') && etag.ends_with('"'), "{etag}");
    }
}

#[test]
fn a_root_that_is_none_is_named_in_the_error() {
    let error = StaticFiles::new("/no/such/directory").unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    assert!(error.to_string().contains("/no/such/directory"), "{error}");
    let dir = Dir::new();
    dir.file("a", "");
    StaticFiles::new(dir.path("a")).unwrap_err();
}

#[test]
fn a_stack_prints_where_the_files_are() {
    let dir = Dir::new();
    let stack = gopuram::Stack::new().with(dir.files()).to_string();
    assert!(stack.contains("static_files"), "{stack}");
    assert!(stack.contains(&*dir.0.to_string_lossy()), "{stack}");
}
