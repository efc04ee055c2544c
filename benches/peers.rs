//! The peers: bare hyper, axum, and axum with tower-http's layers for a production stack.

use std::convert::Infallible;
use std::fs::File;
use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use http::header::{self, HeaderName};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::cors::CorsLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::normalize_path::{NormalizePath, NormalizePathLayer};
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::{DefaultMakeSpan, DefaultOnResponse, TraceLayer};
use tower_layer::Layer;
use tracing::Level;

/// What everybody answers.
const HELLO: &str = "Hello, World!";

/// Hello by hyper alone: HTTP/1.1 with its own builder, nothing else asked for.
///
/// # Errors
///
/// If the port cannot be listened on.
pub async fn hyper(port: u16) -> io::Result<()> {
    accept(port, |io| {
        http1::Builder::new().serve_connection(io, service_fn(hello))
    })
    .await
}

/// Hello by hyper alone: HTTP/2 with prior knowledge.
///
/// # Errors
///
/// If the port cannot be listened on.
pub async fn hyper_h2(port: u16) -> io::Result<()> {
    accept(port, |io| {
        http2::Builder::new(TokioExecutor::new()).serve_connection(io, service_fn(hello))
    })
    .await
}

async fn accept<F>(port: u16, serve: impl Fn(TokioIo<TcpStream>) -> F) -> io::Result<()>
where
    F: Future<Output = hyper::Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let connection = serve(TokioIo::new(stream));
        tokio::spawn(async move {
            // A connection that fails is over; there is nobody to tell.
            drop(connection.await);
        });
    }
}

async fn hello(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut res = Response::new(Full::new(Bytes::from_static(HELLO.as_bytes())));
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    res.headers_mut().insert(header::CONTENT_TYPE, text);
    Ok(res)
}

/// Serves an axum router as axum does.
///
/// # Errors
///
/// If the port cannot be listened on.
pub async fn axum<S>(port: u16, app: S) -> io::Result<()>
where
    S: tower_service::Service<
            axum::extract::Request,
            Response = axum::response::Response,
            Error = Infallible,
        > + Clone
        + Send
        + 'static,
    S::Future: Send,
{
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
        // Without it the kernel waits for more; the others set it too.
        drop(stream.set_nodelay(true));
    });
    axum::serve(listener, axum::ServiceExt::into_make_service(app)).await
}

/// Hello by axum.
pub fn axum_hello() -> Router {
    Router::new().route("/hello", get(async || HELLO))
}

/// Hello by axum behind tower-http's layers, in one `ServiceBuilder`: the best that
/// axum's documentation recommends.
pub fn axum_production() -> NormalizePath<Router> {
    log_to_file();
    let header = |name: HeaderName, value: &'static str| {
        SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
    };
    let id = HeaderName::from_static("x-request-id");
    let layers = ServiceBuilder::new()
        .layer(SetRequestIdLayer::new(id.clone(), MakeRequestUuid))
        .layer(
            // A line that says what was asked for needs the span; its level hides it by default.
            TraceLayer::new_for_http()
                .make_span_with(DefaultMakeSpan::new().level(Level::INFO))
                .on_response(DefaultOnResponse::new().level(Level::INFO)),
        )
        .layer(PropagateRequestIdLayer::new(id))
        .layer(header(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(header(header::X_FRAME_OPTIONS, "DENY"))
        .layer(header(
            header::REFERRER_POLICY,
            "strict-origin-when-cross-origin",
        ))
        .layer(header(
            header::CONTENT_SECURITY_POLICY,
            "default-src 'self'",
        ))
        .layer(header(
            header::STRICT_TRANSPORT_SECURITY,
            "max-age=31536000",
        ))
        .layer(CorsLayer::permissive())
        .layer(CatchPanicLayer::new())
        .layer(TimeoutLayer::with_status_code(
            StatusCode::SERVICE_UNAVAILABLE,
            Duration::from_secs(30),
        ))
        .layer(RequestBodyLimitLayer::new(2 << 20))
        .layer(CompressionLayer::new());
    // The path must be right before the router sees it, so this one goes around it.
    NormalizePathLayer::trim_trailing_slash().layer(axum_hello().layer(layers))
}

/// Spans and events to a file by a thread of their own.
fn log_to_file() {
    let path = std::env::temp_dir().join("gopuram-bench-axum.log");
    let Ok(file) = File::create(path) else { return };
    let (writer, guard) = tracing_appender::non_blocking(file);
    // It writes until the process ends.
    Box::leak(Box::new(guard));
    tracing_subscriber::fmt()
        .with_writer(writer)
        .with_ansi(false)
        .init();
}
