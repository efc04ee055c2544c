//! What a 304 does not say of the answer that it stands for.

use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};

/// What the 200 would have been in whose stead a 304 is sent: an extension of the response.
///
/// A 304 has the fields that the 200 would have had (RFC 9110, section 15.4.5), its tag among them,
/// but not those of its content. If the request has `Accept-Encoding`, whoever answers says here what a
/// layer further out needs to tell whether it would have coded that content, and under which tag.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Unmodified {
    /// Its `Content-Type`.
    pub media_type: Option<HeaderValue>,
    /// Whether it had a `Content-Encoding`.
    pub coded: bool,
    /// How long its content was, if that was known.
    pub length: Option<u64>,
}

impl Unmodified {
    /// What a 200 with these fields is, and content of that length.
    pub fn new(headers: &HeaderMap, length: Option<u64>) -> Self {
        Self {
            media_type: headers.get(CONTENT_TYPE).cloned(),
            coded: headers.contains_key(CONTENT_ENCODING),
            length,
        }
    }
}
