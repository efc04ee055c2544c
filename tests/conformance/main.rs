//! The laws of layers, kept by every layer of the catalogue.
//!
//! Each row of the table puts a layer through all of [`laws`], with a lint on either side that
//! panics. A new layer is a new row, set as it is in most stacks.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "these are tests")]

mod laws;
mod probe;

use std::convert::Infallible;
use std::time::Duration;

use gopuram::Body;
use gopuram::middleware::digest::Algorithm;
use gopuram::middleware::from_fn::Next;
use gopuram::middleware::header_rules::responses;
use gopuram::middleware::lint::Lint;
use gopuram::middleware::{
    AccessLog, BodyLimit, Cache, Cascade, CatchPanic, Compress, Conditional, ContentLength,
    ContentRules, ContentType, Cors, Decompress, Digest, Etag, Forwarded, Head, HeaderRules,
    Health, Metrics, Mount, NormalizePath, Range, RequestId, Router, SecurityHeaders, SendFile,
    SetHeader, StaticFiles, Timeout, When, from_fn, on_request, on_response,
};
use gopuram::stack::{Optional, Stack};
use http::header::{SERVER, VIA};
use http::{HeaderValue, Request, request, response};
use tower_layer::{Identity, Layer};

const VALUE: HeaderValue = HeaderValue::from_static("gopuram");

macro_rules! conformance {
    ($($name:ident: $layer:expr;)*) => {
        $(mod $name {
            use super::*;
            conformance!(@laws $layer;
                an_error_of_the_application_passes
                readiness_is_the_application_s
                clones_are_ready_each_for_itself
                a_request_passes_with_its_body
                an_answer_that_is_not_understood_passes
                answers_without_content_are_left_alone
                lengths_and_ends_are_true
                a_broken_body_breaks_off
                a_stream_is_not_held_back
                a_dropped_future_is_dropped_inside
                a_dropped_body_is_dropped_inside
            );
        })*
    };
    (@laws $layer:expr; $($law:ident)*) => {
        $(#[tokio::test]
        async fn $law() {
            laws::$law(|inner: probe::Inner| Layer::layer(&$layer, inner)).await;
        })*
    };
}

conformance! {
    nothing: Identity::new();
    access_log: AccessLog::combined(std::io::sink());
    body_limit: BodyLimit::new(1 << 20);
    cache: Cache::default();
    cascade: Cascade::<probe::Failed>::fallible();
    cascade_of_others: Cascade::<probe::Failed>::fallible()
        .then(Router::<probe::Failed>::fallible())
        .then(Mount::<probe::Failed>::fallible());
    catch_panic: CatchPanic::default();
    compress: Compress::default();
    conditional: Conditional::default();
    content_length: ContentLength::default();
    content_rules: ContentRules::new().makes(["text/html"]).unwrap();
    content_type: ContentType::default();
    cors: Cors::any_origin();
    decompress: Decompress::default();
    digest: Digest::default();
    digest_always: Digest::always(Algorithm::Sha256);
    etag: Etag::default();
    forwarded: "127.0.0.1,unix".parse::<Forwarded>().unwrap();
    head: Head::default();
    header_rules: HeaderRules::new([responses().set(SERVER, "gopuram")]).unwrap();
    health: Health::new();
    lint: Lint::fail();
    lint_off: Lint::off();
    metrics: Metrics::new();
    metrics_at: Metrics::new().at("/metrics").route(|_| Some("/"));
    mount: Mount::<probe::Failed>::fallible();
    normalize_path: NormalizePath::trim();
    range: Range::new();
    request_id: RequestId::default();
    router: Router::<probe::Failed>::fallible();
    security_headers: SecurityHeaders::default();
    send_file: SendFile::x_accel_redirect("/srv", "/sent").unwrap();
    set_header: SetHeader::response(SERVER).value(VALUE);
    set_header_of_requests: SetHeader::request(VIA).append(VALUE);
    static_files: StaticFiles::new("../examples/site").unwrap();
    timeout_of_heads: Timeout::head(Duration::from_secs(30));
    timeout_of_bodies: Timeout::bodies()
        .request_idle(Duration::from_secs(30))
        .request_total(Duration::from_mins(1))
        .response_idle(Duration::from_secs(30))
        .response_total(Duration::from_mins(1));
    when_chosen: When::new(|_| true, SetHeader::response(SERVER).value(VALUE));
    when_not_chosen: When::new(|_| false, Compress::default());
}

// The three rungs of layers of one's own.
conformance! {
    a_closure_on_the_way_in: on_request(|head: &mut request::Parts| {
        head.headers.insert(VIA, VALUE);
    });
    a_closure_that_could_reply: on_request(|_: &mut request::Parts| Ok::<(), Infallible>(()));
    a_closure_on_the_way_out: on_response(|head: &mut response::Parts| {
        head.headers.insert(SERVER, VALUE);
    });
    an_async_function: from_fn(async |req: Request<Body>, next: Next| next.run(req).await);
}

// What composes layers.
conformance! {
    optional_on: Optional::new(true, SetHeader::response(SERVER).value(VALUE));
    optional_off: Optional::new(false, SetHeader::response(SERVER).value(VALUE));
    a_stack: Stack::new()
        .with(SetHeader::response(SERVER).value(VALUE))
        .when(true, SetHeader::request(VIA).append(VALUE))
        .layer(from_fn(async |req: Request<Body>, next: Next| next.run(req).await));
}
