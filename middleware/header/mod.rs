//! Private parsers, one grammar a file.

#[cfg(feature = "files")]
pub(crate) mod accept;
pub(crate) mod accept_encoding;
#[cfg(feature = "dates")]
pub(crate) mod byte_range;
#[cfg(feature = "dates")]
pub(crate) mod content_range;
#[cfg(feature = "dates")]
pub(crate) mod date;
#[cfg(feature = "dates")]
pub(crate) mod entity_tag;
#[cfg(feature = "dates")]
pub(crate) mod list;
