//! Entity tags and lists of them: RFC 9110, sections 8.8.3, 13.1.1 and 13.1.2.
//!
//! ```text
//! entity-tag = [ %s"W/" ] DQUOTE *etagc DQUOTE     ; etagc: %x21 / %x23-7E / obs-text
//! If-Match = "*" / #entity-tag
//! ```
//!
//! A tag may have commas in it, and a backslash is a byte as any other. A member of a list that
//! is not a tag (`abc`, `w/"a"`, `"a"b`, `"a b"`, a `*` beside others) matches nothing, and the
//! members beside it count as if it were not there; a quote that is never closed takes the rest
//! of the list with it. So a list that makes no sense fails `If-Match`, and lets `If-None-Match`
//! pass: the safe way out for both.

use std::error::Error;
use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::list::trim;

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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tag<'a> {
    weak: bool,
    opaque: &'a [u8],
}

impl<'a> Tag<'a> {
    fn matches(self, other: Tag<'_>, compare: Compare) -> bool {
        let kind = match compare {
            Compare::Strong => !self.weak && !other.weak,
            Compare::Weak => true,
        };
        kind && self.opaque == other.opaque
    }

    /// The tag at the start, and what follows it.
    fn first(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (weak, quoted) = match bytes.strip_prefix(b"W/") {
            Some(quoted) => (true, quoted),
            None => (false, bytes),
        };
        let rest = quoted.strip_prefix(b"\"")?;
        let end = rest.iter().position(|byte| !is_etagc(*byte))?;
        let (opaque, rest) = rest.split_at_checked(end)?;
        Some((Self { weak, opaque }, rest.strip_prefix(b"\"")?))
    }

    fn whole(bytes: &'a [u8]) -> Option<Self> {
        Self::first(bytes).and_then(|(tag, rest)| rest.is_empty().then_some(tag))
    }
}

const fn is_etagc(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x7e | 0x80..)
}

/// The tags of a list, without what is not one.
fn tags(mut field: &[u8]) -> impl Iterator<Item = Tag<'_>> {
    std::iter::from_fn(move || {
        loop {
            while let [b' ' | b'\t' | b',', rest @ ..] = field {
                field = rest;
            }
            if field.is_empty() {
                return None;
            }
            if let Some((tag, rest)) = Tag::first(field) {
                let rest = trim(rest);
                if rest.is_empty() || rest.first() == Some(&b',') {
                    field = rest;
                    return Some(tag);
                }
            }
            field = after_comma(field);
        }
    })
}

/// What follows the first comma that is outside of quotes.
fn after_comma(field: &[u8]) -> &[u8] {
    let mut quoted = false;
    let comma = field.iter().position(|&byte| {
        quoted ^= byte == b'"';
        byte == b',' && !quoted
    });
    comma.and_then(|at| field.get(at..)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(field: &str) -> Vec<String> {
        tags(field.as_bytes())
            .map(|tag| {
                let opaque = std::str::from_utf8(tag.opaque).unwrap();
                format!("{}\"{opaque}\"", if tag.weak { "W/" } else { "" })
            })
            .collect()
    }

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
    fn lists_keep_commas_inside_tags() {
        assert_eq!(
            texts(r#""a,b" , W/"c",, "","\", "e""#),
            [r#""a,b""#, r#"W/"c""#, r#""""#, r#""\""#, r#""e""#]
        );
    }

    #[test]
    fn what_is_not_a_tag_counts_for_nothing() {
        for field in [
            "",
            ",",
            "a",
            "*",
            r#""a"#,
            r#""a" "b""#,
            r#"w/"a""#,
            r#"W/ "a""#,
            r#""a b""#,
        ] {
            assert_eq!(texts(field), Vec::<String>::new(), "{field}");
        }
        assert_eq!(texts(r#"x, "a b", "1"2, *, "ok""#), [r#""ok""#]);
        assert_eq!(texts(r#""ok", "a, "b""#), [r#""ok""#]);
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

    proptest! {
        #[test]
        fn a_list_is_read_as_it_was_written(
            wanted in prop::collection::vec("(W/)?\"[!#-~]{0,6}\"", 0..6),
            gap in "[ \t]*,[ \t]*(,[ \t]*)?",
        ) {
            let field = wanted.join(&gap);
            prop_assert_eq!(texts(&field), wanted);
        }

        #[test]
        fn any_bytes_will_do(bytes: Vec<u8>) {
            prop_assert!(tags(&bytes).count() <= bytes.len());
        }

        #[test]
        fn nonsense_beside_a_tag_does_not_hide_it(nonsense in "[a-z/*]{0,6}") {
            let field = format!(r#"{nonsense}, "a", {nonsense}"#);
            prop_assert_eq!(texts(&field), [r#""a""#]);
        }
    }
}
