//! A site as it is put on the open internet: cached by name, sent coded, safe to embed nowhere.
//!
//! Run: `cargo run --example static_site`; then open <http://127.0.0.1:8000>, and
//! `curl -i 127.0.0.1:8000/tower.png`, `curl -i 127.0.0.1:8000/visitors.txt`.

use std::path::Path;

use gopuram::middleware::static_files::{Paths, Sibling};
use gopuram::middleware::{Compress, NormalizePath, SecurityHeaders, StaticFiles};
use gopuram::{Application, Stack};
use http::HeaderValue;

/// A name with a fingerprint never means another content; of a few others a day may pass.
const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const A_DAY: HeaderValue = HeaderValue::from_static("public, max-age=86400");
const ASK: HeaderValue = HeaderValue::from_static("no-cache");

pub(crate) fn app(site: &Path) -> std::io::Result<impl Application> {
    let files = StaticFiles::new(site)?
        // What the build has coded goes out as it is; `Compress` codes what it has not.
        .precompressed(Sibling::ALL)
        .cache_control(Paths::fingerprinted(), FOREVER)
        .cache_control("*.png", A_DAY)
        .cache_control("*.svg", A_DAY)
        // All else is kept too, but asked for each time: 304 if it is the same.
        .cache_control(Paths::all(), ASK)
        .not_found_page("404.html")
        // Copies on several machines have the same tags.
        .shared_validators();
    Ok(Stack::new()
        .with(SecurityHeaders::default())
        .with(NormalizePath::merge())
        .with(Compress::default())
        .app(files))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let site = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/site");
    Ok(gopuram::serve(app(&site)?).bind("127.0.0.1:8000").await?)
}
