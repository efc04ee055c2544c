//! Paths that are written differently and mean the same.
//!
//! Percent-encoding a character that needs none changes nothing, nor does the case of
//! the hex digits (RFC 3986, section 6.2.2). The normal form has upper-case digits, leaves
//! unreserved characters as they are, and encodes what may not stand in a path. An encoded
//! reserved character is not the same as a bare one: `%2F` does not part segments.

use std::borrow::Cow;

/// The bytes that may stand in a path as they are: `pchar` and `/` (RFC 3986, section 3.3).
pub(crate) const fn is_plain(byte: u8) -> bool {
    is_unreserved(byte)
        || matches!(
            byte,
            b'!' | b'$' | b'&'..=b',' | b';' | b'=' | b':' | b'@' | b'/'
        )
}

/// RFC 3986, section 2.3.
pub(crate) const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// The normal form of `path`; borrowed if that is how it is written.
///
/// A `%` that begins no encoding stands for itself, as all decoders have it: `%zz` is `%25zz`.
pub(crate) fn normal(path: &str) -> Cow<'_, str> {
    if units(path.as_bytes()).all(Unit::is_normal) {
        return Cow::Borrowed(path);
    }
    let mut out = String::with_capacity(path.len() + 8);
    for unit in units(path.as_bytes()) {
        unit.write(&mut out);
    }
    Cow::Owned(out)
}

/// Where the piece of `path` ends that begins at `start` and has `len` bytes in the normal form.
pub(crate) fn advance(path: &[u8], start: usize, len: usize) -> usize {
    let mut normal = 0;
    let rest = path.get(start..).unwrap_or_default();
    let raw: usize = units(rest)
        .take_while(|unit| {
            let before = normal;
            normal += unit.normal_len();
            before < len
        })
        .map(|unit| unit.raw.len())
        .sum();
    start + raw
}

/// Whether every `%` of `text` begins an encoding.
pub(crate) fn is_well_encoded(text: &str) -> bool {
    units(text.as_bytes()).all(|unit| unit.raw != b"%")
}

/// One encoded byte, or one byte that stands for itself.
#[derive(Clone, Copy)]
pub(crate) struct Unit<'a> {
    raw: &'a [u8],
    /// The byte that an encoding stands for, or that is to be encoded.
    byte: u8,
}

pub(crate) fn units(mut path: &[u8]) -> impl Iterator<Item = Unit<'_>> {
    std::iter::from_fn(move || {
        let (&first, after) = path.split_first()?;
        if let [b'%', high, low, rest @ ..] = path
            && let (Some(high), Some(low)) = (hex(*high), hex(*low))
        {
            let raw = path.get(..3)?;
            path = rest;
            let byte = high << 4 | low;
            return Some(Unit { raw, byte });
        }
        let raw = path.get(..1)?;
        path = after;
        Some(Unit { raw, byte: first })
    })
}

impl Unit<'_> {
    fn is_normal(self) -> bool {
        match self.raw {
            [_, high, low] => {
                !is_unreserved(self.byte) && !high.is_ascii_lowercase() && !low.is_ascii_lowercase()
            }
            _ => is_plain(self.byte),
        }
    }

    fn stands_bare(self) -> bool {
        match self.raw {
            [_] => is_plain(self.byte),
            _ => is_unreserved(self.byte),
        }
    }

    pub(crate) fn normal_len(self) -> usize {
        if self.stands_bare() { 1 } else { 3 }
    }

    fn write(self, out: &mut String) {
        if self.stands_bare() {
            out.push(char::from(self.byte));
        } else {
            push_encoded(out, self.byte);
        }
    }
}

/// `%` and two digits, upper case (RFC 3986, section 2.1).
pub(crate) fn push_encoded(out: &mut String, byte: u8) {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F',
    ];
    let digit = |value: u8| DIGITS.get(usize::from(value)).copied().unwrap_or_default();
    out.extend(['%', digit(byte >> 4), digit(byte & 0xf)]);
}

const fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_normal_form_is_that_of_rfc_3986() {
        for (path, normal_form) in [
            ("/plain/path.txt~!", "/plain/path.txt~!"),
            ("/caf%c3%a9", "/caf%C3%A9"),
            ("/café", "/caf%C3%A9"),
            ("/%68ello%2d", "/hello-"),
            ("/a%2fb%2F", "/a%2Fb%2F"),
            ("/a|b[c]\"{d}", "/a%7Cb%5Bc%5D%22%7Bd%7D"),
            ("/%zz%4%31", "/%25zz%2541"),
            ("/%25", "/%25"),
        ] {
            assert_eq!(normal(path), normal_form);
        }
    }

    #[test]
    fn a_normal_path_is_borrowed() {
        assert!(matches!(normal("/caf%C3%A9/~me"), Cow::Borrowed(_)));
    }

    #[test]
    fn every_byte_is_encoded_in_upper_case() {
        let mut out = String::new();
        for byte in [0, 0x0a, 0x20, 0xaf, 0xff] {
            push_encoded(&mut out, byte);
        }
        assert_eq!(out, "%00%0A%20%AF%FF");
    }

    proptest! {
        #[test]
        fn normal_is_normal(path in "/([a-c/%4éA{-]|%[0-9a-f]{2}){0,20}") {
            let once = normal(&path);
            prop_assert_eq!(&*normal(&once), &*once);
        }

        #[test]
        fn advancing_by_the_normal_length_of_a_piece_passes_it(
            (before, piece) in ("(/|[a-c]|é|%[0-9a-f]{2}){0,9}", "([a-c]|é|%[0-9a-f]{2}){0,9}")
        ) {
            let path = format!("{before}{piece}/");
            let end = advance(path.as_bytes(), before.len(), normal(&piece).len());
            prop_assert_eq!(end, before.len() + piece.len());
        }
    }
}
