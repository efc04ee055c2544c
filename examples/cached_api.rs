//! An API whose answers are kept: reads are answered from memory, writes make them go.
//!
//! Run: `cargo run --example cached_api`; then `curl -i 127.0.0.1:8000/films/7` twice, and look at
//! `Cache-Status` and `Age`; `curl -X PUT 127.0.0.1:8000/films/7 -d Sholay`, and look again.

use std::collections::BTreeMap;
use std::future::ready;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gopuram::middleware::attributes::Attributes;
use gopuram::middleware::cache::Handle;
use gopuram::middleware::{BodyLimit, Cache, Compress, Router};
use gopuram::{Application, Body, Stack};
use http::header::{CACHE_CONTROL, VARY};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::BodyExt as _;

type Films = Arc<Mutex<BTreeMap<String, String>>>;

/// The application, and what makes its cache forget.
pub(crate) fn app() -> (impl Application, Handle) {
    let films: Films = Arc::default();
    let stored = Arc::clone(&films);
    let routes = Router::new()
        .get("/films/{id}", move |req| ready(read(&req, &films)))
        .put("/films/{id}", move |req| write(req, Arc::clone(&stored)));
    // Fresh for a minute, then for another while it is validated, and for an hour if that fails.
    let cache = Cache::in_memory(64 << 20)
        .entry(256 << 10)
        .stale_if_error(Duration::from_hours(1));
    let handle = cache.handle();
    let app = Stack::new()
        .with(BodyLimit::new(1024))
        .with(cache)
        .with(Compress::default())
        .app(routes);
    (app, handle)
}

fn read(req: &Request<Body>, films: &Films) -> Response<Body> {
    let id = id(req);
    let films = films.lock().unwrap_or_else(PoisonError::into_inner);
    let film = films.get(&id).map_or("not yet named", String::as_str);
    let mut res = Response::new(Body::from(format!("{film}\n")));
    let said = HeaderValue::from_static("max-age=60, stale-while-revalidate=60");
    res.headers_mut().insert(CACHE_CONTROL, said);
    // What an answer depends on besides its address must be said.
    let vary = HeaderValue::from_static("accept-language");
    res.headers_mut().insert(VARY, vary);
    if let Ok(tag) = HeaderValue::try_from(format!("film-{id}")) {
        res.headers_mut().insert("surrogate-key", tag);
    }
    res
}

async fn write(req: Request<Body>, films: Films) -> StatusCode {
    let id = id(&req);
    let Ok(body) = req.into_body().collect().await else {
        return StatusCode::BAD_REQUEST;
    };
    let name = String::from_utf8_lossy(&body.to_bytes()).into_owned();
    let mut films = films.lock().unwrap_or_else(PoisonError::into_inner);
    films.insert(id, name);
    StatusCode::NO_CONTENT
}

fn id(req: &Request<Body>) -> String {
    let params = Attributes::of(req).map(Attributes::params);
    let id = params.and_then(|params| params.get("id"));
    id.unwrap_or_default().to_owned()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (app, _handle) = app();
    Ok(gopuram::serve(app).bind("127.0.0.1:8000").await?)
}
