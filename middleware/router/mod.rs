//! Patterns, methods, hosts and mounts.

/// Patterns, methods, hosts and mounts.
#[derive(Clone, Debug)]
pub struct Router;
