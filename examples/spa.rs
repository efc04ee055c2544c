//! An application of a single page, in the binary, beside its interface.
//!
//! Run: `cargo run --example spa`; then open <http://127.0.0.1:8000/towers/7>, and
//! `curl -i 127.0.0.1:8000/api/towers/7`, `curl -i 127.0.0.1:8000/api/none`.

use gopuram::middleware::attributes::Attributes;
use gopuram::middleware::static_files::Paths;
use gopuram::middleware::{Compress, Mount, Router, StaticFiles};
use gopuram::{Application, Body, Stack};
use http::{HeaderValue, Request};

const PAGE: &str = "<!doctype html><title>Towers</title><main></main>\
    <script type=module src=/assets/app.js></script>\n";
const SCRIPT: &str = "const res = await fetch('/api' + location.pathname);\n\
    document.querySelector('main').textContent = res.ok ? await res.text() : 'No such tower.';\n";

async fn tower(req: Request<Body>) -> String {
    let params = Attributes::of(&req).map(Attributes::params);
    let id = params.and_then(|params| params.decoded("id"));
    format!("Tower {}\n", id.unwrap_or_default())
}

pub(crate) fn app() -> Result<impl Application, Box<dyn std::error::Error + Send + Sync>> {
    let no_cache = HeaderValue::from_static("no-cache");
    let page = StaticFiles::embedded([("index.html", PAGE), ("assets/app.js", SCRIPT)])?
        // The page has no fingerprint in its name, so that it is asked for each time.
        .cache_control(Paths::all(), no_cache)
        // A view is what a browser navigates to; a script that is missing stays 404.
        .single_page("index.html");
    let api = Router::new().get("/towers/{id}", tower);
    // Under `/api` nothing is a view: what is not there is 404 there.
    let app = Mount::new().at("/api", api).otherwise(page);
    Ok(Stack::new().with(Compress::default()).app(app))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    Ok(gopuram::serve(app()?).bind("127.0.0.1:8000").await?)
}
