//! Gzip, brotli, zstd by negotiation.

/// Gzip, brotli, zstd by negotiation.
#[derive(Clone, Debug)]
pub struct Compress;
