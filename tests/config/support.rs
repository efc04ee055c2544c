//! A directory of its own for each test, and what is read there.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use gopuram::Body;
use gopuram::config::{Config, ErasedService};
use gopuram::middleware::Router;
use gopuram::stack::App;
use gopuram::testing::Client;

/// A directory that is gone when this is.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("gopuram-config-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file, and the directories that it is in.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn text(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap()
    }

    /// What a text says that stands in a file here.
    pub(crate) fn config(&self, text: &str) -> Config {
        let file = self.write("site.toml", text);
        Config::read(file).unwrap_or_else(|error| panic!("{error}"))
    }

    /// What is wrong with a text that stands in a file here, without the directory.
    pub(crate) fn mistakes(&self, text: &str) -> Vec<String> {
        let file = self.write("site.toml", text);
        let error = Config::read(file).unwrap_err().to_string();
        let directory = format!("{}/", self.0.display());
        let lines = error.lines().map(|line| line.replace(&directory, ""));
        lines.collect()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// What every request is answered with that no layer answers: compressible, and long enough.
pub(crate) fn long() -> String {
    "all work and no play ".repeat(100)
}

/// An application that answers `GET /hello`, and `/long`, and takes `POST /echo`.
pub(crate) fn app() -> Router {
    Router::new()
        .get("/hello", async |_| "hello")
        .get("/long", async |_| long())
        .get("/bare", async |_| http::Response::new(Body::from("bare")))
        .get("/fresh", async |_| {
            let res = http::Response::builder().header("cache-control", "max-age=60");
            res.body(Body::from("fresh")).unwrap()
        })
        .get("/never", async |_| std::future::pending::<&str>().await)
        .post("/echo", async |req: http::Request<Body>| {
            req.into_body().into_bytes(1 << 20).await
        })
}

/// A client of that application, with the layers that a text says around it.
pub(crate) fn client(directory: &Directory, text: &str) -> Client<App<ErasedService>> {
    Client::new(directory.config(text).stack().app(app()))
}
