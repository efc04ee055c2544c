//! One application at many gateways at once: HTTP for clients, and three protocols for the servers in front of it.
//!
//! Run: `cargo run --example many_gateways`; then: `curl http://127.0.0.1:9000/`, or, with any of the configurations in
//! `examples/fronts`, `curl http://127.0.0.1:8080/`. All of them share the count.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gopuram::middleware::access_log::Log;
use gopuram::middleware::{AccessLog, CatchPanic, Router};
use gopuram::{Application, Stack};

pub(crate) fn app(log: Log) -> impl Application {
    let count = Arc::new(AtomicU64::new(0));
    let visit = move |_| {
        let visits = count.fetch_add(1, Ordering::Relaxed) + 1;
        std::future::ready(format!("{visits} visits\n"))
    };
    Stack::new()
        .with(AccessLog::combined(log))
        .with(CatchPanic::default())
        .app(Router::new().get("/", visit))
}

#[tokio::main]
async fn main() -> Result<(), gopuram::Error> {
    gopuram::serve(app(Log::stdout()))
        .bind("127.0.0.1:9000")
        .bind("fastcgi:127.0.0.1:9001")
        .bind("scgi:127.0.0.1:9002")
        .bind("uwsgi:127.0.0.1:9003")
        .await
}
