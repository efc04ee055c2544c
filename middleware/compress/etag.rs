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
use crate::header::tags::{Tag, tags};

/// The tag of what `tag` names, coded; `None` if it is no entity tag.
pub(super) fn coded(tag: &HeaderValue, coding: Coding) -> Option<HeaderValue> {
    let Tag { weak, opaque } = Tag::whole(tag.as_bytes())?;
    if weak {
        return Some(tag.clone());
    }
    let coded = [b"\"", opaque, b"-", coding.name().as_bytes(), b"\""].concat();
    HeaderValue::from_maybe_shared(Bytes::from(coded)).ok()
}

/// Lets the inner service see its own tags in a list that has coded ones.
///
/// A coded tag stays and the one it was made from is added, since inner may have made
/// a tag that looks coded. Gives back the list, if it was changed.
pub(super) fn uncode<I>(
    headers: &mut HeaderMap,
    name: HeaderName,
    codings: &I,
) -> Option<HeaderValue>
where
    I: Iterator<Item = Coding> + Clone,
{
    let held = || {
        let lines = headers.get_all(&name).into_iter();
        lines.flat_map(|line| tags(line.as_bytes()))
    };
    // Most lists have nothing of ours and are not copied.
    held().find_map(|tag| strip(tag, codings))?;
    let mut list = Vec::new();
    for tag in held() {
        push(&mut list, tag.weak, tag.opaque);
        if let Some(plain) = strip(tag, codings) {
            push(&mut list, tag.weak, plain);
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
    let tag = Tag::whole(tag.as_bytes());
    tag.is_some_and(|tag| tags(list.as_bytes()).any(|one| one.opaque == tag.opaque))
}

fn push(list: &mut Vec<u8>, weak: bool, opaque: &[u8]) {
    if !list.is_empty() {
        list.extend_from_slice(b", ");
    }
    list.extend_from_slice(if weak { b"W/\"" } else { b"\"" });
    list.extend_from_slice(opaque);
    list.push(b'"');
}

/// The text of `tag` without the suffix of one of `codings`.
fn strip<'a, I>(tag: Tag<'a>, codings: &I) -> Option<&'a [u8]>
where
    I: Iterator<Item = Coding> + Clone,
{
    codings.clone().find_map(|coding| {
        let before = tag.opaque.strip_suffix(coding.name().as_bytes())?;
        before.strip_suffix(b"-")
    })
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
    fn what_is_no_tag_counts_for_nothing() {
        let list = uncoded(&["a-gzip, \"b-gzip\" , *"]);
        assert_eq!(list.unwrap(), r#""b-gzip", "b""#);
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
