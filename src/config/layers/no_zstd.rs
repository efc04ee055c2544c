//! What stands for Zstandard where it was not built in.

use super::Problem;
use crate::middleware::{Compress, Decompress};

/// What is told.
const WHY: &str = "`zstd` is not in this build; it needs the feature `zstd`";

/// Says what it needs.
pub(super) fn offer(_: Compress, _: Option<u32>) -> Result<Compress, Problem> {
    Err(Problem::of("codings", WHY))
}

/// Says what it needs.
pub(super) fn decode(_: Decompress) -> Result<Decompress, Problem> {
    Err(Problem::of("codings", WHY))
}
