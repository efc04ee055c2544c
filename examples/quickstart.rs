//! A production stack around a site and a few routes.
//!
//! Run: `cargo run --release --example quickstart`; then open <http://127.0.0.1:8000>, or
//! `curl -i --compressed 127.0.0.1:8000/hello/you`. Another address: `... quickstart 0.0.0.0:80`.

use std::fmt::Display;
use std::path::Path;
use std::time::Duration;

use gopuram::middleware::access_log::Log;
use gopuram::middleware::attributes::Attributes;
use gopuram::middleware::static_files::Sibling;
use gopuram::middleware::{
    AccessLog, BodyLimit, CatchPanic, Compress, Cors, NormalizePath, RequestId, Router,
    SecurityHeaders, StaticFiles, Timeout,
};
use gopuram::{Application, Body, Stack};
use http::header::CONTENT_TYPE;
use http::{Request, Response};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// The site's files, a few routes, and what a service on the open internet wears.
pub(crate) fn app(site: &Path, log: Log) -> Result<impl Application + Display, Error> {
    let site = StaticFiles::new(site)?
        .precompressed(Sibling::ALL)
        .not_found_page("404.html");
    let routes = Router::new()
        .get("/hello/{name}", hello)
        .get("/status", status)
        .post("/echo", async |req: Request<Body>| req.into_body())
        .mount("/", site);
    Ok(Stack::new()
        .with(RequestId::default())
        .with(AccessLog::combined(log))
        .with(SecurityHeaders::default())
        .with(Cors::any_origin())
        .with(CatchPanic::default())
        .with(Timeout::head(Duration::from_secs(30)))
        .with(BodyLimit::new(1 << 20))
        .with(NormalizePath::merge())
        .with(Compress::default())
        .app(routes))
}

async fn hello(req: Request<Body>) -> String {
    let params = Attributes::of(&req).map(Attributes::params);
    let name = params.and_then(|params| params.decoded("name"));
    format!("Hello, {}!\n", name.unwrap_or_default())
}

async fn status(req: Request<Body>) -> Response<Body> {
    let id = Attributes::of(&req).and_then(Attributes::request_id);
    let id = id.map_or("", |id| id.as_str());
    let mut res = Response::new(Body::from(format!(
        "{{\"serving\":true,\"request\":\"{id}\"}}\n"
    )));
    let json = http::HeaderValue::from_static("application/json");
    res.headers_mut().insert(CONTENT_TYPE, json);
    res
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "it says what is served, and where")]
async fn main() -> Result<(), Error> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:8000".into());
    let site = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/site");
    let app = app(&site, Log::stdout())?;
    println!("{app}\n");
    let server = gopuram::serve(app).bind(address.as_str()).listen().await?;
    for address in server.addresses() {
        println!("serving on http://{address}");
    }
    Ok(server.run().await?)
}
