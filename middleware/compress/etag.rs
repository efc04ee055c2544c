//! Entity tags of coded representations: `"abc"` is `"abc-gzip"` when coded.
//!
//! A strong tag says that the bytes are the same ([RFC 9110, section 8.8.1]), and coded
//! bytes are others, so that each coding needs a tag of its own (section 8.8.3.3). A
//! weak tag says that the meaning is the same, and stays as it is.
//!
//! [RFC 9110, section 8.8.1]: https://www.rfc-editor.org/rfc/rfc9110#section-8.8.1

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::header::accept_encoding::Coding;

/// The tag of what `tag` names, coded; `None` if it is no entity tag.
pub(super) fn coded(tag: &HeaderValue, coding: Coding) -> Option<HeaderValue> {
    let bytes = tag.as_bytes();
    let one = Tags(bytes).next().filter(|one| *one == bytes)?;
    if one.starts_with(b"W/") {
        return Some(tag.clone());
    }
    let mut coded = Vec::with_capacity(one.len() + 1 + coding.name().len());
    coded.extend_from_slice(one.strip_suffix(b"\"")?);
    coded.push(b'-');
    coded.extend_from_slice(coding.name().as_bytes());
    coded.push(b'"');
    HeaderValue::from_maybe_shared(Bytes::from(coded)).ok()
}

/// Lets the inner service see its own tags in a list that has coded ones.
///
/// A coded tag stays and the one it was made from is added, since inner may have made
/// a tag that looks coded. Gives back the list, if it was changed; one that breaks
/// the grammar is not.
pub(super) fn uncode<I>(
    headers: &mut HeaderMap,
    name: HeaderName,
    codings: &I,
) -> Option<HeaderValue>
where
    I: Iterator<Item = Coding> + Clone,
{
    let plain = |tag| codings.clone().find_map(|coding| strip(tag, coding));
    let lines = || {
        headers
            .get_all(&name)
            .into_iter()
            .map(HeaderValue::as_bytes)
    };
    // Most lists have nothing of ours and are not copied.
    if !lines().flat_map(Tags).any(|tag| plain(tag).is_some()) {
        return None;
    }
    let mut list = Vec::new();
    for line in lines() {
        let mut tags = Tags(line);
        for tag in tags.by_ref() {
            push(&mut list, &[tag]);
            if let Some(plain) = plain(tag) {
                push(&mut list, &[plain, b"\""]);
            }
        }
        if !tags.0.is_empty() {
            return None;
        }
    }
    let list = HeaderValue::from_maybe_shared(Bytes::from(list)).ok()?;
    headers.insert(name, list.clone());
    Some(list)
}

/// Whether `tag` is in `list`, compared weakly ([RFC 9110, section 8.8.3.2]).
///
/// [RFC 9110, section 8.8.3.2]: https://www.rfc-editor.org/rfc/rfc9110#section-8.8.3.2
pub(super) fn contains(list: &HeaderValue, tag: &HeaderValue) -> bool {
    Tags(list.as_bytes()).any(|one| opaque(one) == opaque(tag.as_bytes()))
}

fn push(list: &mut Vec<u8>, parts: &[&[u8]]) {
    if !list.is_empty() {
        list.extend_from_slice(b", ");
    }
    for part in parts {
        list.extend_from_slice(part);
    }
}

/// A tag without the sign of its weakness.
fn opaque(tag: &[u8]) -> &[u8] {
    tag.strip_prefix(b"W/").unwrap_or(tag)
}

/// `tag` without the suffix of `coding` and the closing quote.
fn strip(tag: &[u8], coding: Coding) -> Option<&[u8]> {
    tag.strip_suffix(b"\"")?
        .strip_suffix(coding.name().as_bytes())?
        .strip_suffix(b"-")
        .filter(|plain| opaque(plain).starts_with(b"\""))
}

/// The entity tags of a list (RFC 9110, section 8.8.3). What breaks the grammar is left over.
///
/// A comma may stand inside a tag, and some send a space there.
struct Tags<'a>(&'a [u8]);

impl<'a> Iterator for Tags<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        while let [b' ' | b'\t' | b',', rest @ ..] = self.0 {
            self.0 = rest;
        }
        let quoted = opaque(self.0).strip_prefix(b"\"")?;
        let end = quoted.iter().position(|byte| *byte == b'"')?;
        let (tag, rest) = self
            .0
            .split_at_checked(self.0.len() - quoted.len() + end + 1)?;
        // Tags are set apart by commas, and the last by nothing.
        match rest.trim_ascii_start() {
            rest @ ([] | [b',', ..]) => self.0 = rest,
            _ => return None,
        }
        Some(tag)
    }
}

#[cfg(test)]
mod tests {
    use http::header::IF_NONE_MATCH;
    use proptest::prelude::*;

    use super::*;

    fn value(text: &str) -> HeaderValue {
        HeaderValue::from_bytes(text.as_bytes()).unwrap()
    }

    fn uncoded(lines: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(IF_NONE_MATCH, value(line));
        }
        let codings = [Coding::Gzip, Coding::Brotli].into_iter();
        let list = uncode(&mut headers, IF_NONE_MATCH, &codings)?;
        assert_eq!(headers.get_all(IF_NONE_MATCH).iter().count(), 1);
        assert_eq!(headers[IF_NONE_MATCH], list);
        Some(list.to_str().unwrap().to_owned())
    }

    #[test]
    fn a_strong_tag_gets_a_suffix_inside_its_quotes() {
        let gzip = |tag| coded(&value(tag), Coding::Gzip);
        assert_eq!(gzip("\"abc\"").unwrap(), "\"abc-gzip\"");
        assert_eq!(gzip("\"\"").unwrap(), "\"-gzip\"");
        assert_eq!(gzip("\"a,b\"").unwrap(), "\"a,b-gzip\"");
        assert_eq!(gzip("W/\"abc\"").unwrap(), "W/\"abc\"");
    }

    #[test]
    fn what_is_no_tag_cannot_be_made_one() {
        for bad in [
            "abc",
            "\"abc",
            "abc\"",
            "w/\"abc\"",
            "\"a\", \"b\"",
            "\"a\" ",
            "",
        ] {
            assert_eq!(coded(&value(bad), Coding::Gzip), None, "{bad}");
        }
    }

    #[test]
    fn the_tag_it_was_made_from_is_added() {
        assert_eq!(uncoded(&["\"abc-gzip\""]).unwrap(), r#""abc-gzip", "abc""#);
        assert_eq!(uncoded(&["W/\"a-br\""]).unwrap(), r#"W/"a-br", W/"a""#);
        assert_eq!(
            uncoded(&["\"x\" ,, \"a,-gzip\"", "\"b-br\""]).unwrap(),
            r#""x", "a,-gzip", "a,", "b-br", "b""#
        );
        assert_eq!(uncoded(&["\"a-br\" , "]).unwrap(), r#""a-br", "a""#);
        assert_eq!(uncoded(&["\"-gzip\""]).unwrap(), r#""-gzip", """#);
    }

    #[test]
    fn other_lists_stay_as_they_are() {
        let others = [
            "*",
            "",
            "\"abc\"",
            "\"a-zstd\"",
            "abc-gzip",
            "\"abc-gzip\" x",
            "-gzip\"",
            "\"a-gzip\", b",
            "\"a-GZIP\"",
            "\"gzip\"",
        ];
        for other in others {
            assert_eq!(uncoded(&[other]), None, "{other}");
        }
    }

    #[test]
    fn tags_are_found_whatever_their_strength() {
        let list = value("\"a\", W/\"b\"");
        assert!(contains(&list, &value("W/\"a\"")));
        assert!(contains(&list, &value("\"b\"")));
        assert!(!contains(&list, &value("\"c\"")));
    }

    proptest! {
        #[test]
        fn a_coded_tag_is_mapped_back(opaque in "[!#-~]{0,20}") {
            let tag = value(&format!("\"{opaque}\""));
            let coded = coded(&tag, Coding::Brotli).unwrap();
            let list = uncoded(&[coded.to_str().unwrap()]).unwrap();
            prop_assert!(contains(&value(&list), &tag));
            prop_assert!(contains(&value(&list), &coded));
        }

        #[test]
        fn nothing_panics(lines in proptest::collection::vec("[W/\", a*]{0,12}(-gzip\")?[\", ]{0,3}", 0..3)) {
            let lines: Vec<_> = lines.iter().map(String::as_str).collect();
            drop(uncoded(&lines));
        }
    }
}
