//! `If-Match`, `If-None-Match` and the dates: 304 and 412.

/// `If-Match`, `If-None-Match` and the dates: 304 and 412.
#[derive(Clone, Debug)]
pub struct Conditional;
