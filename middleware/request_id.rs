//! Takes or mints an id for every request.

/// Takes or mints an id for every request.
#[derive(Clone, Debug)]
pub struct RequestId;
