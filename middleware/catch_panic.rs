//! A panic becomes 500 or an aborted stream.

/// A panic becomes 500 or an aborted stream.
#[derive(Clone, Debug)]
pub struct CatchPanic;
