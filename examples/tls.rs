//! HTTPS, with certificates that are read again at `SIGHUP`.
//!
//! A pair to try it with: `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30
//! -subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout key.pem -out cert.pem`.
//!
//! Run: `cargo run --features tls --example tls cert.pem key.pem`; then
//! `curl -i --cacert cert.pem https://localhost:8443/`, and `curl -i http://localhost:8443/`.

use std::convert::Infallible;

use gopuram::gateway::Tls;
use gopuram::middleware::SecurityHeaders;
use gopuram::middleware::attributes::Attributes;
use gopuram::{Application, Body, Stack};
use http::{Request, Response};

/// Tells how it was asked.
pub(crate) fn app() -> impl Application {
    Stack::new()
        .with(SecurityHeaders::default())
        .app(tower::service_fn(async |req: Request<Body>| {
            let connection = Attributes::of(&req).and_then(Attributes::connection);
            let tls = connection.and_then(|connection| connection.tls.as_deref());
            let told = tls.map_or_else(
                || "in the clear\n".to_owned(),
                |tls| format!("{} with {}\n", tls.version.as_str(), tls.cipher),
            );
            Ok::<_, Infallible>(Response::new(Body::from(told)))
        }))
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "it says where it serves")]
async fn main() -> Result<(), gopuram::Error> {
    let mut args = std::env::args().skip(1);
    let chain = args.next().unwrap_or("cert.pem".into());
    let key = args.next().unwrap_or("key.pem".into());
    let tls = Tls::pem_files(chain, key)?;
    let certificates = tls.clone();
    println!("serving on https://localhost:8443");
    gopuram::serve(app())
        .bind("127.0.0.1:8000")
        .tls("0.0.0.0:8443", tls)
        .on_reload(move || {
            // What is wrong is logged, and the old ones stay.
            certificates.reload().ok();
            std::future::ready(())
        })
        .await
}
