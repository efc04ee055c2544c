//! `Content-Disposition: attachment` with the name of the file ([RFC 6266]).
//!
//! [RFC 6266]: https://www.rfc-editor.org/rfc/rfc6266

use http::HeaderValue;

/// `attachment` with `name`, as `filename` for all clients, and as `filename*`
/// (RFC 8187) where that cannot say it.
pub(super) fn attachment(name: &[u8]) -> HeaderValue {
    let mut value = Vec::from(&b"attachment; filename=\""[..]);
    let mut whole = true;
    for byte in name {
        match byte {
            b'"' | b'\\' => value.extend([b'\\', *byte]),
            // Some clients decode `%41` in `filename` (RFC 6266, appendix D).
            b'%' => {
                value.push(b'_');
                whole = false;
            }
            b' '..=b'~' => value.push(*byte),
            _ => {
                // One for a character, not one for each of its bytes.
                if byte & 0xC0 != 0x80 {
                    value.push(b'_');
                }
                whole = false;
            }
        }
    }
    value.push(b'"');
    if !whole {
        value.extend(b"; filename*=UTF-8''");
        for byte in String::from_utf8_lossy(name).bytes() {
            if is_attr_char(byte) {
                value.push(byte);
            } else {
                const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
                let digit = |n: u8| DIGITS.get(usize::from(n)).copied().unwrap_or(b'0');
                value.extend([b'%', digit(byte >> 4), digit(byte & 15)]);
            }
        }
    }
    HeaderValue::try_from(value).unwrap_or_else(|_| HeaderValue::from_static("attachment"))
}

/// `attr-char` of RFC 8187, section 3.2.1.
const fn is_attr_char(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#' | b'$' | b'&' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(name: &str) -> String {
        let value = attachment(name.as_bytes());
        value.to_str().unwrap().to_owned()
    }

    #[test]
    fn a_plain_name_is_quoted() {
        assert_eq!(of("a b.zip"), r#"attachment; filename="a b.zip""#);
        assert_eq!(of(r#"a"b\c"#), r#"attachment; filename="a\"b\\c""#);
    }

    #[test]
    fn any_other_is_said_twice() {
        assert_eq!(
            of("naïve 100%.txt"),
            "attachment; filename=\"na_ve 100_.txt\"; filename*=UTF-8''na%C3%AFve%20100%25.txt"
        );
        assert_eq!(
            of("a\r\nb"),
            "attachment; filename=\"a__b\"; filename*=UTF-8''a%0D%0Ab"
        );
    }

    proptest! {
        #[test]
        fn every_name_makes_a_value_of_ascii(name in proptest::collection::vec(any::<u8>(), 0..40)) {
            let value = attachment(&name);
            prop_assert!(value.to_str().unwrap().starts_with("attachment; filename=\""));
        }
    }
}
