//! Private parsers, one grammar a file.

#[cfg(feature = "files")]
pub(crate) mod accept;
#[cfg(any(feature = "br", feature = "files", feature = "gzip", feature = "zstd"))]
pub(crate) mod accept_encoding;
#[cfg(feature = "dates")]
pub(crate) mod byte_range;
#[cfg(feature = "cache")]
pub(crate) mod cache_control;
#[cfg(feature = "dates")]
pub(crate) mod content_range;
#[cfg(feature = "dates")]
pub(crate) mod date;
#[cfg(feature = "dates")]
pub(crate) mod entity_tag;
#[cfg(any(feature = "br", feature = "dates", feature = "gzip", feature = "zstd"))]
pub(crate) mod list;
#[cfg(any(feature = "br", feature = "dates", feature = "gzip", feature = "zstd"))]
pub(crate) mod tags;
