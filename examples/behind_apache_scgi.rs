//! An application behind Apache, by SCGI, which Apache has mounted under a prefix.
//!
//! Run: `cargo run --example behind_apache_scgi`, with `examples/fronts/apache_scgi.conf` in Apache's own configuration; then:
//! `curl http://127.0.0.1:8080/api/notes/7`.

use gopuram::middleware::Router;
use gopuram::middleware::attributes::{Attributes, Params};
use gopuram::{Application, Body};
use http::Request;

/// Routes are those behind the prefix, and the prefix is in the attributes, to make links of.
async fn note(req: Request<Body>) -> String {
    let number = Params::of(&req).get("n").unwrap_or_default();
    let prefix = Attributes::of(&req).map_or("", |attributes| attributes.mount().prefix());
    format!("this is {prefix}/notes/{number}\n")
}

pub(crate) fn app() -> impl Application {
    Router::new().get("/notes/{n}", note)
}

#[tokio::main]
async fn main() -> Result<(), gopuram::Error> {
    // Only from this machine: `fronts=10.0.0.0/8` would let others connect.
    gopuram::serve(app())
        .bind("scgi:127.0.0.1:9002?script_name=/api")
        .await
}
