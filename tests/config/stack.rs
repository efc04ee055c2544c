//! The layers of a file are a stack, as in code.

use std::convert::Infallible;
use std::fmt;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use gopuram::middleware::access_log::Log;
use gopuram::middleware::compress::{Brotli, Gzip};
use gopuram::middleware::{AccessLog, Compress, Forwarded, When, promise};
use gopuram::testing::app::fails;
use gopuram::{Body, Stack};
use http::{Request, Response};
use tower::ServiceExt;
use tower_service::Service;

use crate::support::{Directory, app, client};

#[test]
fn it_prints_the_tower_that_the_same_in_code_does() {
    let directory = Directory::new();
    let config = directory.config(
        r#"
        [[layer]]
        name = "access_log"
        format = "common"

        [[layer]]
        name = "compress"
        codings = ["br", "gzip"]

        [[layer]]
        name = "compress"
        when = { path = "/api/**" }
        "#,
    );
    let both = Compress::with((Brotli::default(), Gzip::default()));
    let stack = Stack::new()
        .with(AccessLog::common(Log::stdout()))
        .with(both)
        .with(When::new(
            |_: &http::request::Parts| true,
            Compress::default(),
        ));
    assert_eq!(config.stack().to_string(), stack.clone().to_string());
    let wrapped = config.stack().app(app());
    assert_eq!(wrapped.to_string(), stack.app(app()).to_string());
    assert_eq!(
        wrapped.to_string(),
        "  observe │ access_log  common\nrepresent │ compress    br gzip\n          │ when        compress gzip\n      app │ Router"
    );
}

#[test]
fn a_wrong_order_is_refused() {
    let text = "[[layer]]\nname = \"compress\"\n\n[[layer]]\nname = \"access_log\"\n";
    let directory = Directory::new();
    assert_eq!(
        directory.mistakes(text),
        [
            "site.toml:4:1: layer \"access_log\": it belongs outside `compress`, which is written before it: \
             `observe` is outside `represent`; move it up, or write `out_of_place = true` if the order is meant"
        ]
    );
    let meant = format!("{text}out_of_place = true\n");
    assert_eq!(directory.config(&meant).stack().len(), 2);
}

#[test]
fn the_order_within_the_representation_is_told() {
    let text = "[[layer]]\nname = \"compress\"\n\n[[layer]]\nname = \"cache\"\n";
    let told = Directory::new().mistakes(text);
    let order = "within `represent` the order is head, cache, digest, compress, decompress, \
                 send_file, range, conditional, content_type, etag;";
    assert!(told[0].contains(order), "{told:?}");
}

#[test]
fn what_is_out_of_place_does_not_change_the_order_of_the_others() {
    let names = |names: &[&str]| {
        let layer = |name: &&str| match name.strip_prefix('!') {
            Some(name) => format!("[[layer]]\nname = {name:?}\nout_of_place = true\n"),
            None => format!("[[layer]]\nname = {name:?}\n"),
        };
        let text: String = names.iter().map(layer).collect();
        let directory = Directory::new();
        gopuram::config::Config::parse(&text, directory.path()).is_ok()
    };
    assert!(names(&["!compress", "access_log", "compress"]));
    assert!(names(&[
        "access_log",
        "compress",
        "!access_log",
        "compress"
    ]));
    assert!(!names(&["compress", "!compress", "access_log"]));
}

#[tokio::test]
async fn a_layer_is_for_the_requests_that_it_is_said_to_be_for() {
    let directory = Directory::new();
    let client = client(
        &directory,
        r#"
        [[layer]]
        name = "compress"
        when = { path = ["/long", "/api/**"], method = "GET", host = "*.example.com" }
        "#,
    );
    let coded = async |host: &str| {
        let req = client.get("/long").header("host", host);
        let res = req.header("accept-encoding", "gzip").await;
        res.header("content-encoding")
    };
    assert_eq!(coded("www.example.com").await.as_deref(), Some("gzip"));
    assert_eq!(coded("example.org").await, None);
}

#[tokio::test]
async fn what_is_written_first_sees_the_request_first() {
    let directory = Directory::new();
    directory.write("one/a.txt", "one");
    directory.write("two/a.txt", "two");
    let client = client(
        &directory,
        r#"
        [[layer]]
        name = "static_files"
        root = "one"

        [[layer]]
        name = "static_files"
        root = "two"
        "#,
    );
    client.get("/a.txt").await.assert_body("one");
}

/// Counts its clones, and says that it is always ready, so that none is made for a request.
struct Counted(Arc<AtomicUsize>);

impl Clone for Counted {
    fn clone(&self) -> Self {
        self.0.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(&self.0))
    }
}

impl Service<Request<Body>> for Counted {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        promise::used(self);
        ready(Ok(Response::new(Body::from("counted"))))
    }
}

#[tokio::test]
async fn a_layer_of_the_program_takes_its_place_among_those_of_the_file() {
    let directory = Directory::new();
    let names = |text: &str| {
        let config = directory.config(text);
        let config = config.with(AccessLog::combined(Log::stderr()));
        let config = config.with(Forwarded::behind(1)).with(Compress::default());
        config.stack().names().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names(""), "forwarded access_log compress");
    let text = "[[layer]]\nname = 'lint'\n[[layer]]\nname = 'request_id'\n\
                [[layer]]\nname = 'metrics'\nat = '/m'\n[[layer]]\nname = 'head'\n[[layer]]\nname = 'range'\n";
    assert_eq!(
        names(text),
        "forwarded lint request_id access_log metrics head compress range"
    );
    let config = directory.config("").with(Forwarded::behind(1));
    let client = gopuram::testing::Client::new(config.stack().app(app()));
    client.get("/hello").await.assert_body("hello");
}

#[tokio::test]
async fn a_request_costs_no_clone() {
    let clones = Arc::<AtomicUsize>::default();
    let directory = Directory::new();
    let text = "[[layer]]\nname = \"request_id\"\n\n[[layer]]\nname = \"compress\"\n";
    let app = Counted(Arc::clone(&clones));
    let mut app = directory.config(text).stack().app(app).into_inner();
    let before = clones.load(Ordering::Relaxed);
    for _ in 0..3 {
        let req = Request::new(Body::empty());
        let ready: &mut gopuram::config::ErasedService =
            ServiceExt::<Request<Body>>::ready(&mut app).await.unwrap();
        // As a gateway calls it.
        promise::call(ready, req).await.unwrap();
    }
    assert_eq!(clones.load(Ordering::Relaxed), before);
}

#[tokio::test]
async fn an_error_of_the_application_is_the_one_that_it_was() {
    let directory = Directory::new();
    let config = directory.config("[[layer]]\nname = \"compress\"\n");
    let app = config.stack().app(fails(fmt::Error));
    let error = app.oneshot(Request::new(Body::empty())).await.unwrap_err();
    assert!(error.is::<fmt::Error>());
}
