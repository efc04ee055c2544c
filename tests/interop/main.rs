//! Gopuram among others: axum, tower, tower-http, hyper, nginx, Redis, and a browser.

#![expect(clippy::unwrap_used, reason = "these are tests")]

#[path = "../../examples/quickstart.rs"]
#[expect(dead_code, reason = "an example has a main of its own")]
mod quickstart;

mod around_axum;
mod axum_inside;
mod browser;
mod each_layer;
#[cfg(feature = "config")]
mod metrics_behind;
mod nginx;
mod prometheus;
mod proxies;
#[cfg(feature = "redis")]
mod redis;
mod streams;
mod support;
mod tower_http;
