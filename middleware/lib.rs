//! The middleware of Gopuram: `Request -> Response`, and layers around it.
//!
//! Every layer here drops into any tower stack: it works on any body and any
//! service, and its configuration *is* the [`tower_layer::Layer`].
//!
//! | layer | what it does | place | feature |
//! |---|---|---|---|
//! | [`AccessLog`] | one line per request when its body ends | observe | `log` |
//! | [`BodyLimit`] | 413 for request bodies that are too long | contain |  |
//! | [`Cascade`] | tries applications in turn until one has what is asked for | content |  |
//! | [`CatchPanic`] | a panic becomes 500 or an aborted stream | contain |  |
//! | [`Compress`] | gzip, brotli, zstd by negotiation | represent | `gzip`, `br`, `zstd` |
//! | [`Conditional`] | `If-Match`, `If-None-Match` and the dates: 304 and 412 | represent | `dates` |
//! | [`Cors`] | cross-origin rules of the Fetch standard | dress |  |
//! | [`Head`] | `HEAD` is `GET` with the body dropped | represent |  |
//! | [`Lint`] | checks both sides of the interface at run time | anywhere |  |
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

#[cfg(feature = "log")]
pub mod access_log;
pub mod attributes;
pub mod body;
pub mod body_limit;
pub mod cascade;
pub mod catch_panic;
#[cfg(any(feature = "br", feature = "gzip", feature = "zstd"))]
pub mod compress;
#[cfg(feature = "dates")]
pub mod conditional;
pub mod cors;
pub mod endpoint;
pub mod from_fn;
pub mod from_parts;
pub mod future;
pub mod head;
mod header;
pub mod lint;
pub mod mount;
pub mod normalize_path;
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
pub mod when;
pub mod wrap;

#[cfg(feature = "log")]
pub use access_log::AccessLog;
pub use body::Body;
pub use body_limit::BodyLimit;
pub use cascade::Cascade;
pub use catch_panic::CatchPanic;
#[cfg(any(feature = "br", feature = "gzip", feature = "zstd"))]
pub use compress::Compress;
#[cfg(feature = "dates")]
pub use conditional::Conditional;
pub use cors::Cors;
pub use from_fn::from_fn;
pub use from_parts::{on_request, on_response};
pub use head::Head;
pub use lint::Lint;
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
