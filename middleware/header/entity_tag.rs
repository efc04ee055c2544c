//! Entity tags and what they are compared by: RFC 9110, section 8.8.3.
//!
//! The grammar of their lists is in [`tags`](super::tags).

use std::error::Error;
use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::list::trim;
use super::tags::{Tag, tags};

/// An entity tag: the validator that an `ETag` field carries (RFC 9110, section 8.8.3).
///
/// ```
/// use gopuram_middleware::conditional::EntityTag;
///
/// let tag = EntityTag::weak("v17").unwrap();
/// assert_eq!(tag.as_header(), r#"W/"v17""#);
/// assert!(tag.weak_eq(&EntityTag::strong("v17").unwrap()));
/// assert!(!tag.strong_eq(&tag)); // weak tags are never the same bytes for sure
/// ```
///
/// `==` compares the text; the comparisons of section 8.8.3.2 are
/// [`strong_eq`](Self::strong_eq) and [`weak_eq`](Self::weak_eq). Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntityTag(HeaderValue);

impl EntityTag {
    /// The tag of exactly one sequence of bytes.
    ///
    /// # Errors
    ///
    /// If `opaque` has a byte that no tag may have: a quote, white space, a control.
    pub fn strong(opaque: &str) -> Result<Self, InvalidEntityTag> {
        Self::new("\"", opaque)
    }

    /// The tag of representations that are as good as each other.
    ///
    /// # Errors
    ///
    /// If `opaque` has a byte that no tag may have: a quote, white space, a control.
    pub fn weak(opaque: &str) -> Result<Self, InvalidEntityTag> {
        Self::new("W/\"", opaque)
    }

    fn new(open: &str, opaque: &str) -> Result<Self, InvalidEntityTag> {
        let text = [open, opaque, "\""].concat();
        Self::try_from(HeaderValue::try_from(text).map_err(|_| InvalidEntityTag(()))?)
    }

    /// Whether it only says that representations are as good as each other.
    pub fn is_weak(&self) -> bool {
        self.tag().weak
    }

    /// Whether both say the same bytes: neither is weak, and they are equal.
    #[must_use]
    pub fn strong_eq(&self, other: &Self) -> bool {
        self.tag().matches(other.tag(), Compare::Strong)
    }

    /// Whether both say the same, be they weak or strong.
    #[must_use]
    pub fn weak_eq(&self, other: &Self) -> bool {
        self.tag().matches(other.tag(), Compare::Weak)
    }

    /// The tag as the value of a field.
    pub const fn as_header(&self) -> &HeaderValue {
        &self.0
    }

    /// The tag that `ETag` carries in `headers`, if it carries one tag and nothing else.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        single(headers, &http::header::ETAG).and_then(|value| Self::try_from(value.clone()).ok())
    }

    fn tag(&self) -> Tag<'_> {
        // Made only of values that have one.
        Tag::whole(self.0.as_bytes()).unwrap_or(Tag {
            weak: true,
            opaque: &[],
        })
    }
}

/// The value itself, if it is one entity tag and nothing else.
impl TryFrom<HeaderValue> for EntityTag {
    type Error = InvalidEntityTag;

    fn try_from(value: HeaderValue) -> Result<Self, InvalidEntityTag> {
        match Tag::whole(value.as_bytes()) {
            Some(_) => Ok(Self(value)),
            None => Err(InvalidEntityTag(())),
        }
    }
}

impl From<EntityTag> for HeaderValue {
    fn from(tag: EntityTag) -> Self {
        tag.0
    }
}

/// What was given is not an entity tag.
#[derive(Clone, Copy, Debug)]
pub struct InvalidEntityTag(());

impl fmt::Display for InvalidEntityTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an entity tag")
    }
}

impl Error for InvalidEntityTag {}

/// How tags are compared (section 8.8.3.2).
#[derive(Clone, Copy, Debug)]
pub(crate) enum Compare {
    Strong,
    Weak,
}

/// Whether a list in `If-Match` or `If-None-Match` names the current representation.
///
/// `current` is the tag of the representation, if it has one; that there is a
/// representation at all, which is what `*` asks, is the caller's to know.
pub(crate) fn names(field: &[u8], current: Option<&EntityTag>, compare: Compare) -> bool {
    if trim(field) == b"*" {
        return true;
    }
    let Some(current) = current else {
        return false;
    };
    let current = current.tag();
    tags(field).any(|tag| tag.matches(current, compare))
}

/// The only value of a field that may be there once; none if there are several.
pub(crate) fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (value, None) => value,
        _ => None,
    }
}

impl Tag<'_> {
    fn matches(self, other: Tag<'_>, compare: Compare) -> bool {
        let kind = match compare {
            Compare::Strong => !self.weak && !other.weak,
            Compare::Weak => true,
        };
        kind && self.opaque == other.opaque
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(text: &str) -> EntityTag {
        HeaderValue::from_str(text).unwrap().try_into().unwrap()
    }

    #[test]
    fn the_table_of_section_8_8_3_2() {
        for (one, other, strong, weak) in [
            (r#"W/"1""#, r#"W/"1""#, false, true),
            (r#"W/"1""#, r#"W/"2""#, false, false),
            (r#"W/"1""#, r#""1""#, false, true),
            (r#""1""#, r#""1""#, true, true),
        ] {
            assert_eq!(tag(one).strong_eq(&tag(other)), strong, "{one} {other}");
            assert_eq!(tag(other).strong_eq(&tag(one)), strong, "{other} {one}");
            assert_eq!(tag(one).weak_eq(&tag(other)), weak, "{one} {other}");
        }
    }

    #[test]
    fn a_star_stands_alone() {
        let a = tag(r#""a""#);
        assert!(names(b" * ", None, Compare::Strong));
        assert!(!names(b"*, *", Some(&a), Compare::Weak));
        assert!(names(br#"*, "a""#, Some(&a), Compare::Weak));
    }

    #[test]
    fn tags_are_made_of_what_tags_may_have() {
        assert_eq!(EntityTag::strong("a,b").unwrap().as_header(), r#""a,b""#);
        for opaque in ["a\"b", "a b", "a\n", "\u{7f}"] {
            assert!(EntityTag::strong(opaque).is_err(), "{opaque:?}");
        }
        assert!(EntityTag::try_from(HeaderValue::from_static("abc")).is_err());
    }
}
