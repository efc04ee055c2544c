//! The middleware of Gopuram: `Request -> Response`, and layers around it.
//!
//! Every layer here drops into any tower stack: it works on any service and on bodies of any type (of `Bytes`, where
//! it looks into them), and its configuration *is* the [`tower_layer::Layer`].
//!
//! | layer | what it does | place | feature |
//! |---|---|---|---|
//! | [`AccessLog`] | one line per request when its body ends | observe | `log` |
//! | [`BodyLimit`] | 413 for request bodies that are too long | contain |  |
//! | [`Cache`] | a shared cache by RFC 9111, with one request for many at once | represent | `cache` |
//! | [`Cascade`] | tries applications in turn until one has what is asked for | content |  |
//! | [`CatchPanic`] | a panic becomes 500 or an aborted stream | contain |  |
//! | [`Compress`] | gzip, brotli, zstd by negotiation | represent | `gzip`, `br`, `zstd` |
//! | [`Conditional`] | `If-Match`, `If-None-Match` and the dates: 304 and 412 | represent | `dates` |
//! | [`ContentLength`] | the length of answers that know it | anywhere |  |
//! | [`ContentRules`] | 415 and 406 for content that is not taken or made | guard |  |
//! | [`ContentType`] | the media type of answers that do not say it, the charset of texts | represent |  |
//! | [`Cors`] | cross-origin rules of the Fetch standard | dress |  |
//! | [`Decompress`] | decodes request bodies within limits | represent | `gzip`, `br`, `zstd` |
//! | [`Digest`] | digests of answers as asked for, and of uploads verified | represent | `digest` |
//! | [`Etag`] | an entity tag for answers that are there as a whole | represent | `etag` |
//! | [`Forwarded`] | who asks, how and for which host, as proxies that are trusted say it | identify |  |
//! | [`Head`] | `HEAD` is `GET` with the body dropped | represent |  |
//! | [`HeaderRules`] | sets, appends to, defaults or removes fields by path, status or media type | anywhere |  |
//! | [`Health`] | `/livez` and `/readyz`: does it work, and may it take requests | contain | `health` |
//! | [`Lint`] | checks both sides of the interface at run time | anywhere |  |
//! | [`Metrics`] | requests, latencies and sizes for Prometheus | observe |  |
//! | [`Mount`] | applications by prefix and by host | content |  |
//! | [`NormalizePath`] | trailing and double slashes | direct |  |
//! | [`Range`] | single, multiple and suffix ranges: 206 and 416 | represent | `dates` |
//! | [`RequestId`] | takes or mints an id for every request | identify | `uuid` |
//! | [`Router`] | patterns, methods, hosts and mounts | content | `router` |
//! | [`SecurityHeaders`] | a preset of protective response fields | dress |  |
//! | [`SendFile`] | `X-Accel-Redirect` and `X-Sendfile`: the front server sends files | represent |  |
//! | [`SetHeader`] | sets, appends to, defaults or removes one field | anywhere |  |
//! | [`StaticFiles`] | a directory as an application or a layer | content | `files` |
//! | [`Timeout`] | deadlines on heads and bodies | contain | `timer` |
//! | [`When`] | a layer for the requests that a predicate chooses | its layer's |  |
//!
//! Beside them stand what they share: the one [`Body`], the request's [`attributes`], the
//! [places](place) of layers in a stack, the [promise] to be ready, and three ways to write a layer: [two
//! halves](wrap), [closures](mod@from_parts), or one [async function](mod@from_fn).

//!
//! # Under another server
//!
//! A gateway of Gopuram says who the client is; under another server a layer of yours does, outside of those that
//! want to know. Under axum, whose `ConnectInfo` has the address:
//!
//! ```
//! use gopuram_middleware::attributes::{Attributes, ClientAddr};
//! # use std::net::SocketAddr;
//! # #[derive(Clone)] struct ConnectInfo<T>(T); // axum::extract::ConnectInfo
//! use gopuram_middleware::on_request;
//! use http::request;
//!
//! let knows_the_client = on_request(|head: &mut request::Parts| {
//!     if let Some(ConnectInfo(peer)) = head.extensions.get::<ConnectInfo<SocketAddr>>().cloned() {
//!         let attributes = head.extensions.get_or_insert_default::<Attributes>();
//!         attributes.set_client(ClientAddr::from(peer));
//!     }
//! });
//! # let _ = knows_the_client;
//! ```

#[cfg(feature = "log")]
pub mod access_log;
pub mod attributes;
pub mod body;
pub mod body_limit;
#[cfg(feature = "cache")]
pub mod cache;
pub mod cascade;
pub mod catch_panic;
#[cfg(any(feature = "br", feature = "gzip", feature = "zstd"))]
pub mod compress;
#[cfg(feature = "dates")]
pub mod conditional;
pub mod content_length;
pub mod content_rules;
pub mod content_type;
pub mod cors;
#[cfg(any(feature = "br", feature = "gzip", feature = "zstd"))]
pub mod decompress;
#[cfg(feature = "digest")]
pub mod digest;
pub mod endpoint;
#[cfg(feature = "etag")]
pub mod etag;
pub mod forwarded;
pub mod from_fn;
pub mod from_parts;
pub mod future;
#[cfg(all(
    any(fuzzing, test),
    feature = "cache",
    feature = "digest",
    feature = "files",
    feature = "log",
    feature = "router"
))]
#[doc(hidden)]
pub mod fuzzing;
pub mod head;
mod header;
pub mod header_rules;
#[cfg(feature = "health")]
pub mod health;
pub mod lint;
pub mod metrics;
pub mod mount;
pub mod networks;
pub mod normalize_path;
pub mod outcome;
mod pattern;
pub mod place;
pub mod promise;
#[cfg(feature = "dates")]
pub mod range;
#[cfg(feature = "dates")]
mod represent;
pub mod request_id;
pub mod response;
#[cfg(feature = "router")]
pub mod router;
pub mod security_headers;
pub mod send_file;
pub mod set_header;
#[cfg(feature = "files")]
pub mod static_files;
mod target;
#[cfg(feature = "timer")]
pub mod timeout;
mod verdict;
pub mod when;
pub mod wrap;

#[cfg(feature = "log")]
pub use access_log::AccessLog;
pub use body::Body;
pub use body_limit::BodyLimit;
#[cfg(feature = "cache")]
pub use cache::Cache;
pub use cascade::Cascade;
pub use catch_panic::CatchPanic;
#[cfg(any(feature = "br", feature = "gzip", feature = "zstd"))]
pub use compress::Compress;
#[cfg(feature = "dates")]
pub use conditional::Conditional;
pub use content_length::ContentLength;
pub use content_rules::ContentRules;
pub use content_type::ContentType;
pub use cors::Cors;
#[cfg(any(feature = "br", feature = "gzip", feature = "zstd"))]
pub use decompress::Decompress;
#[cfg(feature = "digest")]
pub use digest::Digest;
#[cfg(feature = "etag")]
pub use etag::Etag;
pub use forwarded::Forwarded;
pub use from_fn::from_fn;
pub use from_parts::{on_request, on_response};
pub use head::Head;
pub use header_rules::HeaderRules;
#[cfg(feature = "health")]
pub use health::Health;
pub use lint::Lint;
pub use metrics::Metrics;
pub use mount::Mount;
pub use normalize_path::NormalizePath;
#[cfg(feature = "dates")]
pub use range::Range;
pub use request_id::RequestId;
pub use response::IntoResponse;
#[cfg(feature = "router")]
pub use router::Router;
pub use security_headers::SecurityHeaders;
pub use send_file::SendFile;
pub use set_header::SetHeader;
#[cfg(feature = "files")]
pub use static_files::StaticFiles;
#[cfg(feature = "timer")]
pub use timeout::Timeout;
pub use when::When;
