//! Deadlines on heads and bodies.

/// Deadlines on heads and bodies.
#[derive(Clone, Debug)]
pub struct Timeout;
