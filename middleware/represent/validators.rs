//! The validators of a representation: RFC 9110, section 8.8.

use std::time::SystemTime;

use http::HeaderMap;
use http::header::{CONTENT_ENCODING, ETAG, LAST_MODIFIED};

use crate::header::date;
use crate::header::entity_tag::{EntityTag, single};

/// The validators of a representation (RFC 9110, section 8.8): what tells one from another.
///
/// ```
/// use std::time::SystemTime;
/// use gopuram_middleware::conditional::{EntityTag, Validators};
///
/// let validators = Validators::default()
///     .etag(EntityTag::strong("v17").unwrap())
///     .modified(SystemTime::UNIX_EPOCH);
/// let mut headers = http::HeaderMap::new();
/// validators.write(&mut headers);
/// assert_eq!(headers["etag"], "\"v17\"");
/// assert_eq!(headers["last-modified"], "Thu, 01 Jan 1970 00:00:00 GMT");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Validators {
    /// The entity tag, if it has one.
    pub etag: Option<EntityTag>,
    /// When it was last modified, if that is known. Parts of a second do not count, since
    /// `Last-Modified` cannot say them.
    pub modified: Option<SystemTime>,
}

impl Validators {
    /// With this entity tag.
    #[must_use]
    pub fn etag(mut self, etag: EntityTag) -> Self {
        self.etag = Some(etag);
        self
    }

    /// Last modified at this time.
    #[must_use]
    pub const fn modified(mut self, time: SystemTime) -> Self {
        self.modified = Some(time);
        self
    }

    /// Those that a response carries in `ETag` and `Last-Modified`.
    ///
    /// A field that is there twice, or that is not what it should be, is none.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        Self {
            etag: EntityTag::of(headers),
            modified: single(headers, &LAST_MODIFIED).and_then(date::parse),
        }
    }

    /// Without the date, if `headers` say that the representation is coded: for ranges.
    ///
    /// The date is mostly that of what was coded, the same for all codings, and the piece that a client
    /// holds may be of another one. The tag tells them apart (sections 8.8.2.2 and 8.8.3.3).
    pub(crate) fn telling_codings_apart(mut self, headers: &HeaderMap) -> Self {
        if headers.contains_key(CONTENT_ENCODING) {
            self.modified = None;
        }
        self
    }

    /// Sets `ETag` and `Last-Modified`, and leaves alone the field of one that is not known.
    ///
    /// A time before 1970 or after 9999 is not one that a field can say.
    pub fn write(&self, headers: &mut HeaderMap) {
        if let Some(etag) = &self.etag {
            headers.insert(ETAG, etag.as_header().clone());
        }
        if let Some(date) = self.modified.and_then(date::format) {
            headers.insert(LAST_MODIFIED, date);
        }
    }

    /// The second of the last modification.
    pub(super) fn second(&self) -> Option<u64> {
        self.modified.and_then(date::seconds)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::HeaderValue;

    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let validators = Validators::default()
            .etag(EntityTag::weak("a").unwrap())
            .modified(SystemTime::UNIX_EPOCH + Duration::from_secs(5));
        let mut headers = HeaderMap::new();
        validators.write(&mut headers);
        assert_eq!(Validators::of(&headers), validators);
    }

    #[test]
    fn nothing_known_writes_nothing() {
        let mut headers = HeaderMap::new();
        Validators::default()
            .modified(SystemTime::UNIX_EPOCH - Duration::from_secs(1))
            .write(&mut headers);
        assert!(headers.is_empty());
    }

    #[test]
    fn a_field_that_is_wrong_or_there_twice_is_none() {
        let mut headers = HeaderMap::new();
        headers.insert(ETAG, HeaderValue::from_static("unquoted"));
        headers.insert(LAST_MODIFIED, HeaderValue::from_static("yesterday"));
        assert_eq!(Validators::of(&headers), Validators::default());
        headers.insert(ETAG, HeaderValue::from_static("\"a\""));
        headers.append(ETAG, HeaderValue::from_static("\"b\""));
        assert_eq!(Validators::of(&headers), Validators::default());
    }
}
