//! An application as a CGI script: the web server starts it for each request, and it needs no address.
//!
//! Run: copy it to `/usr/lib/cgi-bin/app` of an Apache with `mod_cgid`; then: `curl http://localhost/cgi-bin/app/`.
//! By hand: `cargo build --example cgi_script`, then
//! `GATEWAY_INTERFACE=CGI/1.1 REQUEST_METHOD=GET REQUEST_URI=/ target/debug/examples/cgi_script`.

use gopuram::middleware::{Router, SecurityHeaders};
use gopuram::{Application, Body, Stack};
use http::{Request, StatusCode};

async fn greet(req: Request<Body>) -> Result<String, StatusCode> {
    let name = req.into_body().into_bytes(100).await;
    let name = name.map_err(|_| StatusCode::PAYLOAD_TOO_LARGE)?;
    Ok(format!("Hello, {}!\n", String::from_utf8_lossy(&name)))
}

pub(crate) fn app() -> impl Application {
    Stack::new().with(SecurityHeaders::default()).app(
        Router::new()
            .get("/", async |_| "Hello!\n")
            .post("/", greet),
    )
}

// One request is not worth a thread for each processor.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), gopuram::Error> {
    // Nothing is to be printed but by the answer: the standard output is the server's.
    gopuram::serve(app()).await
}
