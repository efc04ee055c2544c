//! Routes, parameters, groups with layers of their own, mounts and hosts.
//!
//! Run: `cargo run --example routing`; then
//! `curl -i 127.0.0.1:8000/users/7`, `curl -i 127.0.0.1:8000/files/`,
//! `curl -i -X DELETE -H 'authorization: Basic YTpi' 127.0.0.1:8000/users/7`,
//! `curl -i -H 'host: api.example.com' 127.0.0.1:8000/`.

use std::path::Path;
use std::time::Duration;

use gopuram::middleware::attributes::Attributes;
use gopuram::middleware::{
    BodyLimit, Compress, NormalizePath, RequestId, Router, StaticFiles, Timeout, on_request,
};
use gopuram::{Application, Body, Stack};
use http::header::AUTHORIZATION;
use http::{Request, StatusCode, request};

async fn user(req: Request<Body>) -> Result<String, StatusCode> {
    match parameter(&req, "id").as_str() {
        "7" => Ok("the seventh\n".into()),
        _ => Err(StatusCode::NOT_FOUND),
    }
}

async fn removed(req: Request<Body>) -> (StatusCode, String) {
    let id = parameter(&req, "id");
    (StatusCode::ACCEPTED, format!("{id} will be gone\n"))
}

fn parameter(req: &Request<Body>, name: &str) -> String {
    let params = Attributes::of(req).map(Attributes::params);
    let value = params.and_then(|params| params.decoded(name));
    value.unwrap_or_default().into_owned()
}

/// Stands for what checks a password.
fn someone(head: &mut request::Parts) -> Result<(), StatusCode> {
    let known = head.headers.contains_key(AUTHORIZATION);
    known.then_some(()).ok_or(StatusCode::FORBIDDEN)
}

pub(crate) fn app(files: &Path) -> std::io::Result<impl Application> {
    let files = StaticFiles::new(files)?.index(&[]).listing();
    // A group is wrapped in one layer, or in a stack of them.
    let guarded = Stack::new()
        .with(Timeout::head(Duration::from_secs(5)))
        .with(BodyLimit::new(64 << 10))
        .layer(on_request(someone));
    let routes = Router::new()
        .get("/", async |_| "for people\n")
        .get("/users/{id}", user)
        .group(guarded, |group| group.delete("/users/{id}", removed))
        .mount("/files", files)
        .host("api.example.com", |api| {
            api.get("/", async |_| "for programs\n")
        })
        .fallback(async |_| (StatusCode::NOT_FOUND, "no such page\n"));
    Ok(Stack::new()
        .with(RequestId::default())
        .with(NormalizePath::merge())
        .with(Compress::default())
        .app(routes))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/site");
    Ok(gopuram::serve(app(&files)?).bind("127.0.0.1:8000").await?)
}
