//! 413 for request bodies that are too long.

/// 413 for request bodies that are too long.
#[derive(Clone, Debug)]
pub struct BodyLimit;
