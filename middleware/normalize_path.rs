//! Trailing and double slashes.

/// Trailing and double slashes.
#[derive(Clone, Debug)]
pub struct NormalizePath;
