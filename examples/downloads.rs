//! Downloads that can be resumed: files as they are, and what is made on request.
//!
//! Run: `cargo run --example downloads`; then
//! `curl -OJ 127.0.0.1:8000/files/film.webm`, and after Ctrl-C `curl -OJ -C - ...` goes on;
//! `curl -i -H 'range: bytes=-20' 127.0.0.1:8000/report.csv`.

use std::path::Path;

use gopuram::middleware::static_files::Paths;
use gopuram::middleware::{Conditional, Head, Range, Router, StaticFiles};
use gopuram::{Application, Body, Stack};
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, ETAG};
use http::{Request, Response};

/// Changes whenever the content does: what was begun is never ended with another.
const VERSION: &str = "\"report-1\"";

/// Says what it is, and leaves the parts of it to the layers.
async fn report(_: Request<Body>) -> Result<Response<Body>, http::StatusCode> {
    let mut rows = String::from("tower,tiers\n");
    rows.extend((1..=10_000).map(|tower| format!("{tower},{}\n", 3 + tower % 11)));
    Response::builder()
        .header(CONTENT_TYPE, "text/csv; charset=utf-8")
        .header(
            CONTENT_DISPOSITION,
            "attachment; filename=\"report.csv\"; filename*=UTF-8''Bericht%20%C3%BCber%20T%C3%BCrme.csv",
        )
        .header(ETAG, VERSION)
        .body(Body::from(rows))
        .map_err(|_| http::StatusCode::INTERNAL_SERVER_ERROR)
}

pub(crate) fn app(files: &Path) -> std::io::Result<impl Application> {
    // Files see to their own ranges, conditions and names.
    let files = StaticFiles::new(files)?.attachment(Paths::all());
    let routes = Router::new()
        .get("/report.csv", report)
        .mount("/files", files);
    // No `Compress`: coded on the way, a part of a download would be a part of another thing.
    Ok(Stack::new()
        .with(Head::default())
        .with(Range::default())
        .with(Conditional::default())
        .app(routes))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/site");
    Ok(gopuram::serve(app(&files)?).bind("127.0.0.1:8000").await?)
}
