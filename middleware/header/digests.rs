//! The fields that say a digest of content or of a representation.

#[cfg(any(feature = "br", feature = "gzip", feature = "zstd"))]
use http::HeaderMap;
use http::HeaderName;

/// Of the content as it is sent (RFC 9530, section 2).
pub(crate) const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");

/// Of the whole representation (RFC 9530, section 3).
pub(crate) const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");

/// Removes all that become false when bytes are coded or decoded: RFC 9530, and what was there
/// before it.
#[cfg(any(feature = "br", feature = "gzip", feature = "zstd"))]
pub(crate) fn remove(headers: &mut HeaderMap) {
    for name in [
        CONTENT_DIGEST,
        HeaderName::from_static("content-md5"),
        HeaderName::from_static("digest"),
        REPR_DIGEST,
    ] {
        headers.remove(name);
    }
}
