//! What the target of a request says: which host, and what of the path is a prefix.

pub(crate) mod encoding;
pub(crate) mod host;
pub(crate) mod prefix;
