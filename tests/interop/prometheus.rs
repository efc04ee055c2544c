//! What is on the page of `metrics`, read by Prometheus's own tools, and `metrics` around axum.

use std::io::Write as _;
use std::process::{Command, Stdio};

use axum::extract::MatchedPath;
use axum::routing::get;
use gopuram::Stack;
use gopuram::middleware::{Metrics, Router};
use gopuram::testing::Client;
use http::StatusCode;

use super::support::{file_of_part, part};

/// A page with routes of all kinds, in the format that `accept` asks for.
async fn page(accept: &str) -> String {
    let metrics = Metrics::new();
    let router = Router::new()
        .get("/users/{id}", async |_| "a user")
        .get("/fails", async |_| StatusCode::BAD_GATEWAY)
        .get("/caf\u{e9}\"\\{x}", async |_| "escaped");
    let client = Client::new(Stack::new().with(metrics.clone()).app(router));
    for path in [
        "/users/7",
        "/users/8",
        "/none",
        "/fails",
        "/caf%C3%A9%22%5Cx",
    ] {
        client.get(path).await;
    }
    client.post("/users/7").await.assert_status(405);
    let page = Client::new(metrics.page());
    page.get("/").header("accept", accept).await.text()
}

/// Has a program read `text`; what it says.
pub(crate) fn reads(mut program: Command, text: &str) -> String {
    let piped = program.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut running = piped.stderr(Stdio::piped()).spawn().unwrap();
    running
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let output = running.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "{said}\n{text}");
    said
}

#[tokio::test]
async fn promtool_finds_nothing_to_say() {
    if !part("promtool") {
        return;
    }
    assert_eq!(reads(promtool(), &page("text/plain").await), "");
}

pub(crate) fn promtool() -> Command {
    let mut promtool = Command::new("promtool");
    promtool.args(["check", "metrics"]);
    promtool
}

#[tokio::test]
async fn the_parsers_of_prometheus_s_python_client_read_both_formats() {
    if !file_of_part("/usr/lib/python3/dist-packages/prometheus_client/parser.py") {
        return;
    }
    for (module, accept) in [
        ("prometheus_client.parser", "text/plain"),
        (
            "prometheus_client.openmetrics.parser",
            "application/openmetrics-text",
        ),
    ] {
        let program = format!(
            "import sys\n\
             from {module} import text_fd_to_metric_families\n\
             for family in text_fd_to_metric_families(sys.stdin):\n\
             \x20   for sample in family.samples:\n\
             \x20       if sample.name.endswith('requests_total'):\n\
             \x20           print(sample.labels.get('http_route'), int(sample.value))\n"
        );
        let mut python = Command::new("/usr/bin/python3");
        python
            .args(["-c", &program])
            .env("PYTHONIOENCODING", "utf-8");
        let said = reads(python, &page(accept).await);
        assert!(said.contains("/users/{id} 2\n"), "{said}");
        assert!(said.contains("/caf\u{e9}\"\\{x} 1\n"), "{said}");
    }
}

#[tokio::test]
async fn routes_of_axum_are_told_by_a_function() {
    let metrics =
        Metrics::new().route(|extensions| extensions.get::<MatchedPath>().map(MatchedPath::as_str));
    let router = axum::Router::new()
        .route("/users/{id}", get(async || "a user"))
        .layer(metrics.clone())
        .route_service("/metrics", metrics.page());
    let client = Client::new(router);
    for path in ["/users/7", "/users/8", "/none"] {
        client.get(path).await;
    }
    let text = client.get("/metrics").await.text();
    for line in [
        "http_server_requests_total{http_request_method=\"GET\",http_route=\"/users/{id}\",http_response_status_code=\"200\"} 2\n",
        "http_server_requests_total{http_request_method=\"GET\",http_response_status_code=\"404\"} 1\n",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
}
