//! What stands for Zstandard where it was not built in.

use super::Problem;
use crate::middleware::Compress;

/// Says what it needs.
pub(super) fn offer(_: Compress, _: Option<u32>) -> Result<Compress, Problem> {
    Err(Problem::of(
        "codings",
        "`zstd` is not in this build; it needs the feature `zstd`",
    ))
}
