//! Private parsers, one grammar a file.

pub(crate) mod accept;
#[cfg(any(feature = "br", feature = "files", feature = "gzip", feature = "zstd"))]
pub(crate) mod accept_encoding;
#[cfg(any(feature = "cache", feature = "digest"))]
pub(crate) mod base64;
#[cfg(feature = "dates")]
pub(crate) mod byte_range;
#[cfg(feature = "cache")]
pub(crate) mod cache_control;
pub(crate) mod change;
#[cfg(feature = "dates")]
pub(crate) mod content_range;
#[cfg(feature = "dates")]
pub(crate) mod date;
#[cfg(any(feature = "br", feature = "digest", feature = "gzip", feature = "zstd"))]
pub(crate) mod digests;
#[cfg(feature = "dates")]
pub(crate) mod entity_tag;
pub(crate) mod forwarded;
pub(crate) mod host_port;
pub(crate) mod list;
pub(crate) mod media_type;
pub(crate) mod send_file;
#[cfg(any(feature = "cache", feature = "digest"))]
pub(crate) mod structured;
#[cfg(any(feature = "br", feature = "dates", feature = "gzip", feature = "zstd"))]
pub(crate) mod tags;
