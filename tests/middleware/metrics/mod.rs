//! `metrics` on the wire.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "these are tests")]

mod counted;
mod page;
mod processes;
mod text;

use gopuram::middleware::{Metrics, Router};
use gopuram::testing::{Client, Served};
use gopuram::{Body, Stack};
use http::{Request, StatusCode};

use text::Samples;

/// A few routes, counted by `metrics`.
fn routes(metrics: &Metrics) -> Client<impl Served> {
    let router = Router::new()
        .get("/users/{id}", async |_| "a user")
        .post("/users/{id}", async |req: Request<Body>| {
            let body = req.into_body().into_bytes(1 << 20).await;
            body.map(|body| body.len().to_string())
        })
        .get("/fails", async |_| StatusCode::BAD_GATEWAY)
        .mount("/blog", Router::new().get("/{post}", async |_| "a post"));
    Client::new(Stack::new().with(metrics.clone()).app(router))
}

/// What is on the page now.
async fn samples(metrics: &Metrics) -> Samples {
    let page = Client::new(metrics.page());
    let res = page.get("/").await;
    res.assert_status(200);
    text::prometheus(&res.text())
}
