//! Where representations come from, and the codings that clients ask for.

use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use gopuram::Body;
use gopuram::middleware::StaticFiles;
use gopuram::middleware::static_files::{Asset, HotCache, Sibling};
use gopuram::testing::app::{self, Answer};
use gopuram::testing::body;
use http::{Request, Response};

/// `Last-Modified` of everything that has one: long ago, so that it is strong (section 8.8.2.2).
pub(crate) const MODIFIED: &str = "Mon, 01 Jan 2024 00:00:00 GMT";

/// A second before it.
pub(crate) const BEFORE: &str = "Sun, 31 Dec 2023 23:59:59 GMT";

/// A day after it.
pub(crate) const AFTER: &str = "Tue, 02 Jan 2024 00:00:00 GMT";

/// What is asked for.
pub(crate) const PATH: &str = "/text.txt";

/// What kind of thing answers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Source {
    /// As `Dynamic`, from a cache.
    Cached,
    /// A small body with a tag and a date, made by an application.
    Dynamic,
    /// A file, on disk, in memory or in the binary, coded on the fly.
    File,
    /// A file with a sibling for each coding.
    Sibling,
    /// A body of no known length, without validators.
    Stream,
}

/// What a client accepts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Coding {
    Brotli,
    Gzip,
    Identity,
    Zstd,
}

impl Coding {
    pub(crate) const ALL: [Self; 4] = [Self::Identity, Self::Gzip, Self::Brotli, Self::Zstd];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
            Self::Identity => "identity",
            Self::Zstd => "zstd",
        }
    }
}

/// A text that every coding makes shorter, by half or so.
pub(crate) fn text() -> Bytes {
    let lines: Vec<_> = (0_u32..400)
        .map(|n| format!("line {n}: {}", n * 7919 % 10_007))
        .collect();
    lines.join("\n").into()
}

pub(crate) fn dynamic() -> Answer<impl Fn(Request<Body>) -> Response<Body> + Clone> {
    app::answer(|_| {
        Response::builder()
            .header("content-type", "text/plain; charset=utf-8")
            .header("cache-control", "max-age=60")
            .header("etag", "\"dynamic\"")
            .header("last-modified", MODIFIED)
            .body(Body::from(text()))
            .unwrap()
    })
}

pub(crate) fn untagged() -> Answer<impl Fn(Request<Body>) -> Response<Body> + Clone> {
    app::answer(|_| {
        Response::builder()
            .header("content-type", "text/plain; charset=utf-8")
            .header("cache-control", "max-age=60")
            .header("last-modified", MODIFIED)
            .body(Body::from(text()))
            .unwrap()
    })
}

pub(crate) fn stream() -> Answer<impl Fn(Request<Body>) -> Response<body::Script> + Clone> {
    app::answer(|_| {
        let all = text();
        let middle = all.len() / 2;
        let frames = body::Script::new()
            .data(all.slice(..middle))
            .pause()
            .data(all.slice(middle..))
            .end();
        Response::builder()
            .header("content-type", "text/plain; charset=utf-8")
            .header("cache-control", "max-age=60")
            .body(frames)
            .unwrap()
    })
}

pub(crate) fn file(dir: &Dir) -> StaticFiles {
    hot_file(dir).hot_cache(HotCache::off())
}

pub(crate) fn hot_file(dir: &Dir) -> StaticFiles {
    dir.write("text.txt", &text());
    dressed(StaticFiles::new(&dir.0).unwrap())
}

pub(crate) fn sibling(dir: &Dir) -> StaticFiles {
    // What is in them is never decoded here, so it need not be in these codings.
    for (n, extension) in ["br", "gz", "zst"].into_iter().enumerate() {
        let content: Vec<u8> = (0..2000)
            .map(|i| b'a' + u8::try_from((i + n) % 26).unwrap())
            .collect();
        dir.write(&format!("text.txt.{extension}"), &content);
    }
    hot_file(dir).precompressed(Sibling::ALL)
}

pub(crate) fn embedded(_: &Dir) -> StaticFiles {
    let asset = Asset::new("text.txt", text()).modified(long_ago());
    dressed(StaticFiles::embedded([asset]).unwrap())
}

fn dressed(files: StaticFiles) -> StaticFiles {
    let minute = http::HeaderValue::from_static("max-age=60");
    files.cache_control(gopuram::middleware::static_files::Paths::all(), minute)
}

fn long_ago() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_hours(473_352)
}

/// A directory that is gone when the test is over.
pub(crate) struct Dir(PathBuf);

impl Dir {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("gopuram-matrix-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, content: &[u8]) {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        let file = File::options().write(true).open(&path).unwrap();
        file.set_modified(long_ago()).unwrap();
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}
