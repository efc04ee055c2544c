//! Ours: hello, the production stack, and files.

use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use gopuram::gateway::Tls;
use gopuram::middleware::access_log::Log;
use gopuram::middleware::compress::Gzip;
use gopuram::middleware::{
    AccessLog, BodyLimit, CatchPanic, Compress, Cors, NormalizePath, RequestId, Router,
    SecurityHeaders, StaticFiles, Timeout,
};
use gopuram::{Application, Body, Stack};
use http::{HeaderName, Request, Response};
use http_body_util::BodyExt as _;

/// What everybody answers.
const HELLO: &str = "Hello, World!";

/// Hello by a router alone.
pub fn hello() -> Router {
    Router::new().get("/hello", async |_: Request<Body>| HELLO)
}

/// Hello by a router alone, whatever the path.
pub fn any() -> Router {
    Router::new().fallback(async |_: Request<Body>| HELLO)
}

/// Hello, an upload that is read to its end, and an answer of 4 MiB.
pub fn attacked() -> Router {
    let large = Bytes::from(vec![b'x'; 4 << 20]);
    hello()
        .post("/upload", async |req: Request<Body>| {
            drop(req.into_body().collect().await);
            HELLO
        })
        .get("/large", move |_: Request<Body>| {
            std::future::ready(Response::new(Body::from(large.clone())))
        })
}

/// Hello behind what a service on the open internet wears: the layers that axum's stack has.
///
/// # Errors
///
/// If there is no log to be opened.
pub fn app() -> io::Result<impl Application> {
    let log = Log::file(std::env::temp_dir().join("gopuram-bench.log"))?;
    Ok(Stack::new()
        .with(RequestId::default())
        .with(AccessLog::combined(log))
        .with(five_fields())
        .with(Cors::any_origin())
        .with(CatchPanic::default())
        .with(Timeout::head(Duration::from_secs(30)))
        .with(BodyLimit::new(2 << 20))
        .with(NormalizePath::trim().rewrite())
        .with(Compress::default())
        .app(hello()))
}

/// The five fields that axum's stack sets, the same.
pub fn five_fields() -> SecurityHeaders {
    SecurityHeaders::default()
        .always_https()
        .without(HeaderName::from_static("cross-origin-opener-policy"))
        .without(HeaderName::from_static("cross-origin-resource-policy"))
        .without(HeaderName::from_static("permissions-policy"))
}

/// The files of a directory.
///
/// # Errors
///
/// If there is no such directory.
pub fn files(root: &str) -> io::Result<StaticFiles> {
    StaticFiles::new(Path::new(root))
}

/// The files of a directory, coded with gzip at nginx's level; `kept` bytes of variants stay.
///
/// # Errors
///
/// If there is no such directory.
pub fn coded(root: &str, kept: usize) -> io::Result<impl Application> {
    let compress = Compress::with(Gzip::level(6));
    Ok(Stack::new().with(compress.keep(kept)).app(files(root)?))
}

/// Serves as a program would, with all limits and deadlines on.
///
/// # Errors
///
/// If the port cannot be listened on.
pub async fn serve(port: u16, app: impl Application) -> io::Result<()> {
    gopuram::serve(app)
        .bind((Ipv4Addr::LOCALHOST, port))
        .await
        .map_err(io::Error::other)
}

/// Serves over TLS with the certificate and the key that are in a directory.
///
/// # Errors
///
/// If they are not there or cannot be used, or the port cannot be listened on.
pub async fn serve_tls(port: u16, app: impl Application, dir: &str) -> io::Result<()> {
    let dir = Path::new(dir);
    let tls = Tls::pem_files(dir.join("cert.pem"), dir.join("key.pem"));
    gopuram::serve(app)
        .tls((Ipv4Addr::LOCALHOST, port), tls.map_err(io::Error::other)?)
        .await
        .map_err(io::Error::other)
}

/// Serves over HTTP, and over FastCGI and uwsgi on the ports named.
///
/// # Errors
///
/// If a port cannot be listened on.
pub async fn serve_behind(port: u16, ports: &[&str], app: impl Application) -> io::Result<()> {
    let mut serve = gopuram::serve(app).bind((Ipv4Addr::LOCALHOST, port));
    for (protocol, port) in ["fastcgi", "uwsgi"].iter().zip(ports) {
        serve = serve.bind(format!("{protocol}:127.0.0.1:{port}"));
    }
    serve.await.map_err(io::Error::other)
}
