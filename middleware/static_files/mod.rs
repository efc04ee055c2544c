//! A directory as an application or a layer.

/// A directory as an application or a layer.
#[derive(Clone, Debug)]
pub struct StaticFiles;
