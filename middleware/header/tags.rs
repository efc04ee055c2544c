//! Lists of entity tags: RFC 9110, sections 8.8.3, 13.1.1 and 13.1.2.
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

use super::list::trim;

/// An entity tag as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tag<'a> {
    pub(crate) weak: bool,
    pub(crate) opaque: &'a [u8],
}

impl<'a> Tag<'a> {
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

    /// The tag that `bytes` are, if they are one and nothing else.
    pub(crate) fn whole(bytes: &'a [u8]) -> Option<Self> {
        Self::first(bytes).and_then(|(tag, rest)| rest.is_empty().then_some(tag))
    }
}

const fn is_etagc(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x7e | 0x80..)
}

/// The tags of a list, without what is not one.
pub(crate) fn tags(mut field: &[u8]) -> impl Iterator<Item = Tag<'_>> {
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
