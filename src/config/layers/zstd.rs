//! Zstandard, where it was built in.

use super::Problem;
use crate::middleware::compress::Zstd;
use crate::middleware::{Compress, Decompress, decompress};

/// Offers it as well.
#[expect(
    clippy::unnecessary_wraps,
    reason = "without the feature there is none"
)]
pub(super) fn offer(layer: Compress, level: Option<u32>) -> Result<Compress, Problem> {
    Ok(layer.and(level.map_or_else(Zstd::default, Zstd::level)))
}

/// Decodes it as well.
#[expect(
    clippy::unnecessary_wraps,
    reason = "without the feature there is none"
)]
pub(super) fn decode(layer: Decompress) -> Result<Decompress, Problem> {
    Ok(layer.and(decompress::Zstd))
}
