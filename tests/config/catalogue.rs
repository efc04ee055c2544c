//! All of the catalogue can be said in files, or there is a reason.

use std::collections::BTreeSet;

use gopuram::Stack;
use gopuram::config::{explain, names};
use gopuram::middleware::access_log::Log;
use gopuram::middleware::compress::{Brotli, Gzip};
use gopuram::middleware::header_rules::responses;
use gopuram::middleware::{
    AccessLog, BodyLimit, Cache, CatchPanic, Compress, Conditional, ContentLength, ContentRules,
    ContentType, Cors, Decompress, Digest, Etag, Head, HeaderRules, Health, Lint, Metrics,
    NormalizePath, Range, RequestId, SecurityHeaders, SendFile, SetHeader, StaticFiles, Timeout,
};
use http::HeaderValue;
use http::header::{SERVER, VARY};

use crate::support::{Directory, app};

/// The layers that no file has, and why.
const NOT: &[(&str, &str)] = &[
    ("cascade", "it is made of applications"),
    (
        "mount",
        "it is made of applications; `static_files` has a prefix of its own",
    ),
    ("router", "it is made of functions"),
    ("when", "it is a key of every layer"),
];

/// The names of the catalogue's index.
fn catalogue() -> BTreeSet<String> {
    let index = include_str!("../../middleware/lib.rs");
    let rows = index
        .lines()
        .filter_map(|line| line.strip_prefix("//! | [`"));
    let types = rows.filter_map(|row| row.split('`').next());
    let name = |word: &str| {
        let mut name = String::new();
        for c in word.chars() {
            if c.is_uppercase() && !name.is_empty() {
                name.push('_');
            }
            name.extend(c.to_lowercase());
        }
        name
    };
    types.map(name).collect()
}

#[test]
fn every_layer_has_a_name_in_files_or_a_reason() {
    let not = NOT.iter().map(|(name, _)| (*name).to_owned());
    let said: BTreeSet<_> = names().map(str::to_owned).chain(not).collect();
    assert_eq!(said, catalogue());
    assert!(names().is_sorted());
    assert!(NOT.iter().all(|(_, why)| !why.is_empty()));
}

#[test]
fn every_layer_is_explained() {
    for name in names() {
        let text = explain(name).unwrap().to_string();
        assert!(text.starts_with(&format!("{name}: ")), "{text}");
        assert!(
            text.contains("in place `") && !text.contains("``"),
            "{text}"
        );
    }
}

/// Every layer, as it may be written, in order.
const ALL: &str = r#"
    [[layer]]
    name = "lint"
    called = "outermost"
    except = ["M5"]

    [[layer]]
    name = "request_id"
    header = "x-id"
    max_len = 64
    trust = ["10.0.0.0/8", "::1"]

    [[layer]]
    name = "access_log"
    to = "stderr"

    [[layer]]
    name = "metrics"
    at = "/metrics"
    allow = ["10.0.0.0/8", "::/0"]
    routes = 16

    [[layer]]
    name = "security_headers"
    fields = { x-frame-options = "SAMEORIGIN" }
    without = "permissions-policy"

    [[layer]]
    name = "cors"
    origins = ["https://example.org", "http://localhost:*"]
    credentials = true
    methods = "*"
    headers = ["x-a", "x-b"]
    expose = "x-c"
    max_age = "10m"

    [[layer]]
    name = "health"
    ready = "/ready"

    [[layer]]
    name = "catch_panic"
    log = true

    [[layer]]
    name = "timeout"
    head = "5s"
    gateway_timeout = true
    retry_after = 10
    request_idle = "10s"
    response_total = "1h"

    [[layer]]
    name = "body_limit"
    limit = "2MiB"
    at = { "/upload" = "off" }

    [[layer]]
    name = "normalize_path"
    trailing = "trim"
    rewrite = true

    [[layer]]
    name = "content_rules"
    takes = ["application/json", "text/*"]
    codings = "gzip"
    charsets = "utf-8"
    makes = "text/html"

    [[layer]]
    name = "head"

    [[layer]]
    name = "cache"
    memory = "8MiB"
    cookies = "strip"
    heuristic = 0
    targeted = "cdn-cache-control"

    [[layer]]
    name = "digest"
    always = "sha-256"
    max_size = "off"

    [[layer]]
    name = "compress"
    codings = ["br", "gzip"]
    levels = { gzip = 1 }
    media_types = "font/*"
    keep = "1MiB"

    [[layer]]
    name = "decompress"
    limit = "4MiB"
    ratio = 100

    [[layer]]
    name = "send_file"
    by = "x-sendfile"
    directories = { public = "/srv/public" }

    [[layer]]
    name = "range"
    limit = 10
    skip = "off"

    [[layer]]
    name = "conditional"

    [[layer]]
    name = "etag"
    max_size = "1KiB"
    weak = true

    [[layer]]
    name = "content_type"
    media_type = "text/plain"
    extensions = { json = "application/json" }
    charset = "utf-8"

    [[layer]]
    name = "set_header"
    header = "server"
    value = "gopuram"

    [[layer]]
    name = "header_rules"
    rules = [{ path = "/a/**", status = ["2xx", "404", "500-599"], media_type = "text/*", append = { vary = "origin" } }]

    [[layer]]
    name = "content_length"

    [[layer]]
    name = "static_files"
    root = "public"
    precompressed = ["br", "gzip"]
    dotfiles = "refuse"
    symlinks = false
    memory = { size = 0 }
"#;

#[test]
fn all_of_them_are_the_tower_of_the_same_in_code() {
    let directory = Directory::new();
    directory.write("public/a.txt", "a");
    let config = directory.config(ALL);
    assert_eq!(config.stack().len(), names().count());
    let public = directory.path().join("public");
    let cors = Cors::origins(["https://example.org", "http://localhost:*"]).unwrap();
    let metrics = Metrics::for_routes(16).allow("10.0.0.0/8,::/0").unwrap();
    let texts = ContentType::or("text/plain").unwrap();
    let rule = responses().append(VARY, "origin");
    let stack = Stack::new()
        .with(Lint::warn(|_| {}).named("outermost"))
        .with(request_id())
        .with(AccessLog::combined(Log::stderr()))
        .with(metrics.at("/metrics"))
        .with(SecurityHeaders::default().without(SecurityHeaders::PERMISSIONS_POLICY))
        .with(cors.credentials())
        .with(Health::new().ready("/ready"))
        .with(CatchPanic::default())
        .with(timeout())
        .with(BodyLimit::new(2 << 20).at("/upload", u64::MAX))
        .with(NormalizePath::trim().rewrite())
        .with(content_rules())
        .with(Head::default())
        .with(Cache::in_memory(8 << 20))
        .with(Digest::always(
            gopuram::middleware::digest::Algorithm::Sha256,
        ))
        .with(Compress::with((Brotli::default(), Gzip::level(1))))
        .with(Decompress::default().limit(4 << 20).ratio(100))
        .with(SendFile::x_sendfile(&public, "/srv/public").unwrap())
        .with(Range::new().limit(10).skip(u64::MAX))
        .with(Conditional::default())
        .with(Etag::new().max_size(1024).weak())
        .with(texts.charset("utf-8").unwrap())
        .with(SetHeader::response(SERVER).value(HeaderValue::from_static("gopuram")))
        .with(HeaderRules::new([rule]).unwrap())
        .with(ContentLength::default())
        .with(StaticFiles::new(&public).unwrap());
    assert_eq!(config.stack().to_string(), stack.to_string());
    // All of them together can be served.
    drop(config.serve(app()));
}

fn request_id() -> RequestId {
    let id = RequestId::default().header("x-id".parse().unwrap());
    id.trust_inbound_if(|_| false)
}

fn timeout() -> Timeout {
    use std::time::Duration;

    Timeout::head(Duration::from_secs(5))
        .gateway_timeout()
        .request_idle(Duration::from_secs(10))
        .response_total(Duration::from_hours(1))
}

fn content_rules() -> ContentRules {
    let rules = ContentRules::new().takes(["application/json", "text/*"]);
    let rules = rules.and_then(|rules| rules.codings(["gzip"]));
    let rules = rules.and_then(|rules| rules.charsets(["utf-8"]));
    rules.and_then(|rules| rules.makes(["text/html"])).unwrap()
}

#[test]
fn addresses_are_told_alike_wherever_they_are() {
    let forms = include_str!("../../src/gateway/address/forms.md");
    assert!(
        explain("listen")
            .unwrap()
            .to_string()
            .contains("unix:@name")
    );
    for page in [
        include_str!("../../python/docs/addresses.md"),
        include_str!("../../src/config/reference.md"),
    ] {
        assert!(
            page.contains(forms),
            "it is not as in src/gateway/address/forms.md:\n{page}"
        );
    }
}
