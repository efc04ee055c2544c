//! One line per request when its body ends.

/// One line per request when its body ends.
#[derive(Clone, Debug)]
pub struct AccessLog;
