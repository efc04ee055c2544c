//! Cross-origin rules of the Fetch standard.

/// Cross-origin rules of the Fetch standard.
#[derive(Clone, Debug)]
pub struct Cors;
