//! A preset of protective response fields.

/// A preset of protective response fields.
#[derive(Clone, Debug)]
pub struct SecurityHeaders;
