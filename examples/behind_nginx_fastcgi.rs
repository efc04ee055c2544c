//! An application behind nginx, by FastCGI: nginx faces the clients, this one answers.
//!
//! Run: `cargo run --example behind_nginx_fastcgi`, with `examples/fronts/nginx_fastcgi.conf` in nginx's own configuration; then:
//! `curl http://127.0.0.1:8080/`.

use gopuram::middleware::attributes::Attributes;
use gopuram::middleware::{Compress, RequestId, Router};
use gopuram::{Application, Body, Stack};
use http::Request;

/// Who the client is and how it speaks is what nginx says, and only those on this machine may connect to say so.
async fn whoami(req: Request<Body>) -> String {
    let attributes = Attributes::of(&req);
    let client = attributes.and_then(Attributes::client);
    let scheme = attributes.map(Attributes::scheme).unwrap_or_default();
    match client {
        Some(client) => format!("{} by {}\n", client.ip, scheme.as_str()),
        None => "somebody on this machine\n".to_owned(),
    }
}

pub(crate) fn app() -> impl Application {
    Stack::new()
        .with(RequestId::default())
        .with(Compress::default())
        .app(Router::new().get("/", whoami))
}

#[tokio::main]
async fn main() -> Result<(), gopuram::Error> {
    gopuram::serve(app())
        // Better still is a socket file that nginx alone may open: `fastcgi:unix:/run/app.sock?mode=660&group=www-data`.
        .bind("fastcgi:127.0.0.1:9001")
        .await
}
