//! Routes, parameters, groups with layers of their own, mounts and hosts.
//!
//! Run: `cargo run --example routing`; then
//! `curl -i 127.0.0.1:8000/users/7`, `curl -i 127.0.0.1:8000/files/`, `curl -id milk 127.0.0.1:8000/notes`,
//! `curl -i -X DELETE -H 'authorization: Basic YTpi' 127.0.0.1:8000/users/7`,
//! `curl -i -H 'host: api.example.com' 127.0.0.1:8000/`.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use gopuram::middleware::attributes::Params;
use gopuram::middleware::body::ReadError;
use gopuram::middleware::{
    BodyLimit, Compress, NormalizePath, RequestId, Router, StaticFiles, Timeout, on_request,
};
use gopuram::{Application, Body, Stack};
use http::header::AUTHORIZATION;
use http::{Request, StatusCode, request};

async fn user(req: Request<Body>) -> Result<String, StatusCode> {
    match Params::of(&req).get("id") {
        Some("7") => Ok("the seventh\n".into()),
        _ => Err(StatusCode::NOT_FOUND),
    }
}

async fn removed(req: Request<Body>) -> (StatusCode, String) {
    let id = Params::of(&req).decoded("id").unwrap_or_default();
    (StatusCode::ACCEPTED, format!("{id} will be gone\n"))
}

/// What comes is read as a whole, within a limit; what is shared is captured by the route's closure.
async fn note(req: Request<Body>, notes: Arc<Mutex<Vec<Bytes>>>) -> Result<String, ReadError> {
    let text = req.into_body().into_bytes(1024).await?;
    let mut notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
    notes.push(text);
    Ok(format!("{} notes\n", notes.len()))
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
    let notes = Arc::default();
    let routes = Router::new()
        .get("/", async |_| "for people\n")
        .post("/notes", move |req| note(req, Arc::clone(&notes)))
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
