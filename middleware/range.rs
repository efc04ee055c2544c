//! Single, multiple and suffix ranges: 206 and 416.

/// Single, multiple and suffix ranges: 206 and 416.
#[derive(Clone, Debug)]
pub struct Range;
