//! Two access logs: one for people on standard output, one in JSON in a file.
//!
//! Run: `cargo run --example access_log`; then `curl '127.0.0.1:8000/hello/you?token=secret'`,
//! and look at `access.log`. After `mv access.log access.log.1`, `kill -HUP` begins a new one.

use gopuram::middleware::access_log::Log;
use gopuram::middleware::{AccessLog, RequestId, Router};
use gopuram::{Application, Stack};
use http::StatusCode;
use tokio::signal::unix::{SignalKind, signal};

type Error = Box<dyn std::error::Error + Send + Sync>;

pub(crate) fn app(people: Log, programs: Log) -> Result<impl Application, Error> {
    // Apache's directives, and some of ours: `%{route}x` is the pattern that matched.
    let short = AccessLog::format(r#"%h "%r" %>s %b %{ms}T ms %{route}x"#, people)?
        .redact_query(["token"])
        .skip(|entry| entry.path() == "/healthz" && entry.status().is_success());
    let json = AccessLog::json(programs)
        .redact_query(["token"])
        .mask_clients(24, 48);
    let routes = Router::new()
        .get("/hello/{name}", async |_| "hello\n")
        .get("/broken", async |_| StatusCode::INTERNAL_SERVER_ERROR)
        .get("/healthz", async |_| "ok\n");
    Ok(Stack::new()
        .with(RequestId::default())
        .with(short)
        .with(json)
        .app(routes))
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let file = Log::file("access.log")?;
    let mut hangups = signal(SignalKind::hangup())?;
    let reopened = file.clone();
    tokio::spawn(async move {
        while hangups.recv().await.is_some() {
            reopened.reopen();
        }
    });
    let app = app(Log::stdout(), file)?;
    Ok(gopuram::serve(app).bind("127.0.0.1:8000").await?)
}
