//! An application as a program that front servers start: by CGI, and by FastCGI on the standard input.

use std::fmt::Write as _;

use gopuram::Stack;
use gopuram::gateway::Serve;
use gopuram::middleware::Router;
use gopuram::middleware::access_log::{AccessLog, Log};
use gopuram::middleware::attributes::Attributes;
use gopuram::{Application, Body};
use http::{HeaderValue, Request, Response, StatusCode};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let addresses = std::env::var("GOPURAM_TEST_BIND").unwrap_or_default();
    let addresses = addresses.split_whitespace();
    if let Some(path) = std::env::var_os("GOPURAM_TEST_LOG") {
        let log = Log::file(path)?;
        let app = Stack::new().with(AccessLog::common(log.clone())).app(app());
        let serve = gopuram::serve(app)
            .hand_over()
            .on_reopen(move || log.reopen());
        return Ok(addresses.fold(serve, Serve::bind).await?);
    }
    Ok(gopuram::serve(app()).on_reopen(|| {}).await?)
}

fn app() -> impl Application {
    Router::new()
        .get("/large", async |_| "0123456789".repeat(100_000))
        .get("/redirect", redirect)
        .any("/mirror", mirror)
        .fallback(echo)
}

async fn redirect(_: Request<Body>) -> Response<Body> {
    let mut res = Response::new(Body::empty());
    *res.status_mut() = StatusCode::FOUND;
    let elsewhere = HeaderValue::from_static("/echo");
    res.headers_mut().insert("location", elsewhere);
    res
}

/// Gives a body back as it comes, and says who did.
async fn mirror(req: Request<Body>) -> Response<Body> {
    let mut res = Response::new(req.into_body());
    let pid = HeaderValue::from(std::process::id());
    res.headers_mut().insert("pid", pid);
    res
}

/// Says what was asked, a line a part.
async fn echo(req: Request<Body>) -> String {
    let attributes = Attributes::of(&req).cloned().unwrap_or_default();
    let client = attributes.client().map(|client| client.ip.to_string());
    let mut said = format!(
        "method {}\ntarget {}\nmount {}\nclient {}\nscheme {}\n",
        req.method(),
        req.uri()
            .path_and_query()
            .map_or("", |target| target.as_str()),
        attributes.mount().prefix(),
        client.unwrap_or_default(),
        attributes.scheme().as_str(),
    );
    for (name, value) in req.headers() {
        let value = String::from_utf8_lossy(value.as_bytes());
        writeln!(said, "{name}: {value}").ok();
    }
    let body = match req.into_body().into_bytes(10_000_000).await {
        Ok(body) => format!(
            "{} {}",
            body.len(),
            body.iter().map(|&b| u64::from(b)).sum::<u64>()
        ),
        Err(error) => error.to_string(),
    };
    said + "body " + &body
}
