//! `HEAD` is `GET` with the body dropped.

/// `HEAD` is `GET` with the body dropped.
#[derive(Clone, Debug)]
pub struct Head;
