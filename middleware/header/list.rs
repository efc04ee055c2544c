//! Comma lists: `#element` of RFC 9110, section 5.6.1.
//!
//! A comma inside a quoted string (section 5.6.4) does not divide, and a backslash in one takes
//! the next byte as it is. A string that never ends takes the rest of the field. Empty elements
//! are skipped, as a recipient must (section 5.6.1.2).
//!
//! Entity tags are not quoted strings, a backslash means nothing in them: see
//! [`entity_tag`](super::entity_tag).

use std::iter::from_fn;

/// The members of a list, without the white space around them, none of them empty.
pub(crate) fn members(mut field: &[u8]) -> impl Iterator<Item = &[u8]> {
    from_fn(move || {
        loop {
            if field.is_empty() {
                return None;
            }
            let (member, rest) = split(field);
            field = rest;
            let member = trim(member);
            if !member.is_empty() {
                return Some(member);
            }
        }
    })
}

/// Without the optional white space (section 5.6.3) at both ends.
pub(crate) fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// Up to the first comma outside of quotes, and after it.
fn split(field: &[u8]) -> (&[u8], &[u8]) {
    let mut quoted = false;
    let mut escaped = false;
    let comma = field.iter().position(|&byte| {
        match byte {
            _ if escaped => escaped = false,
            b'"' => quoted = !quoted,
            b'\\' => escaped = quoted,
            b',' => return !quoted,
            _ => {}
        }
        false
    });
    match comma.and_then(|at| field.split_at_checked(at)) {
        Some((member, rest)) => (member, rest.get(1..).unwrap_or_default()),
        None => (field, &[]),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn list(field: &str) -> Vec<&str> {
        members(field.as_bytes())
            .map(|m| std::str::from_utf8(m).unwrap())
            .collect()
    }

    #[test]
    fn empty_elements_and_white_space_do_not_count() {
        assert_eq!(list(" a,b ,\t, ,c,"), ["a", "b", "c"]);
        assert!(list("").is_empty());
        assert!(list(", ,").is_empty());
    }

    #[test]
    fn a_comma_inside_quotes_does_not_divide() {
        assert_eq!(list(r#"a="1,2", b"#), [r#"a="1,2""#, "b"]);
        assert_eq!(list(r#""\",", b"#), [r#""\",""#, "b"]);
    }

    #[test]
    fn a_backslash_outside_quotes_is_a_byte_as_any_other() {
        assert_eq!(list(r"a\,b"), [r"a\", "b"]);
    }

    #[test]
    fn a_string_that_never_ends_takes_the_rest() {
        assert_eq!(list(r#"a, "b, c"#), ["a", r#""b, c"#]);
    }

    proptest! {
        #[test]
        fn members_come_back_as_they_went_in(
            wanted in prop::collection::vec(r#"[a-z=]{1,5}("([a-z,]|\\["\\])*")?"#, 0..6),
            gap in "[ \t]*,[ \t]*(,[ \t]*)?",
        ) {
            let field = wanted.join(&gap);
            prop_assert_eq!(list(&field), wanted);
        }

        #[test]
        fn any_bytes_will_do(bytes: Vec<u8>) {
            for member in members(&bytes) {
                prop_assert!(!member.is_empty());
            }
        }
    }
}
