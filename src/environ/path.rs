//! Paths with and without percent-encoding (RFC 3986, section 2.1).

use std::borrow::Cow;

/// Decodes once; a percent sign without two hex digits behind it is one.
pub(super) fn decode(path: &[u8]) -> Cow<'_, [u8]> {
    if !path.contains(&b'%') {
        return Cow::Borrowed(path);
    }
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((byte, behind)) = next(rest) {
        decoded.push(byte);
        rest = behind;
    }
    Cow::Owned(decoded)
}

/// Decodes all but slashes, as Apache does with `AllowEncodedSlashes NoDecode`.
pub(super) fn decode_but_slashes(path: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((byte, behind)) = next(rest) {
        match rest {
            [b'%', b'2', slash @ (b'f' | b'F'), ..] => decoded.extend([b'%', b'2', *slash]),
            _ => decoded.push(byte),
        }
        rest = behind;
    }
    decoded
}

/// The first byte decoded, and what is behind it.
fn next(path: &[u8]) -> Option<(u8, &[u8])> {
    match path {
        [b'%', high, low, rest @ ..] => match (hex(*high), hex(*low)) {
            (Some(high), Some(low)) => Some((high << 4 | low, rest)),
            _ => path.split_first().map(|(&first, rest)| (first, rest)),
        },
        [first, rest @ ..] => Some((*first, rest)),
        [] => None,
    }
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// Encodes all that may not stand in a path as it is: `pchar` and slashes stay (RFC 3986, section 3.3).
pub(super) fn encode(path: &[u8]) -> String {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F',
    ];
    let digit = |value: u8| DIGITS.get(usize::from(value)).copied().unwrap_or_default();
    let mut encoded = String::with_capacity(path.len());
    for &byte in path {
        if byte.is_ascii_alphanumeric() || b"-._~/:@!$&'()*+,;=".contains(&byte) {
            encoded.push(byte.into());
        } else {
            encoded.extend(['%', digit(byte >> 4), digit(byte & 0xf)]);
        }
    }
    encoded
}

/// Where in an encoded path a decoded prefix of whole segments ends, if the path begins with it.
pub(super) fn end_of(prefix: &[u8], path: &[u8]) -> Option<usize> {
    let mut rest = path;
    for &wanted in prefix {
        let (byte, behind) = next(rest)?;
        if byte != wanted {
            return None;
        }
        rest = behind;
    }
    matches!(rest, [] | [b'/', ..]).then_some(path.len() - rest.len())
}

/// What is behind a prefix of whole segments, if a path begins with it; both decoded.
pub(super) fn behind<'a>(prefix: &[u8], path: &'a [u8]) -> Option<&'a [u8]> {
    let rest = path.strip_prefix(prefix)?;
    matches!(rest, [] | [b'/', ..]).then_some(rest)
}

/// Whether `path`, decoded, is `clean` when its dot segments are removed and of several slashes one is left.
pub(super) fn cleans_to(path: &[u8], clean: &[u8]) -> bool {
    let mut segments: Vec<&[u8]> = Vec::new();
    let mut open = true;
    for segment in path.split(|&byte| byte == b'/').skip(1) {
        open = matches!(segment, b"" | b"." | b"..");
        match segment {
            b"" | b"." => {}
            b".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    let mut cleaned: Vec<u8> = Vec::with_capacity(clean.len());
    for segment in segments {
        cleaned.push(b'/');
        cleaned.extend_from_slice(segment);
    }
    if open {
        cleaned.push(b'/');
    }
    cleaned == clean
}

/// Whether a path means other segments to those that decode it too early: an encoded slash, a backslash, a NUL.
pub(super) fn is_devious(path: &[u8]) -> bool {
    path.iter().any(|byte| matches!(byte, b'\\' | 0))
        || path.windows(3).any(|three| {
            matches!(
                three,
                [b'%', b'2', b'f' | b'F'] | [b'%', b'5', b'c' | b'C'] | [b'%', b'0', b'0']
            )
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_percent_sign_alone_stays_one() {
        assert_eq!(&*decode(b"/%41%zz%4%"), b"/A%zz%4%");
        assert_eq!(&*decode(b"/%2525"), b"/%25");
        assert_eq!(decode_but_slashes(b"/%41%2f%2F%2"), b"/A%2f%2F%2");
    }

    #[test]
    fn prefixes_are_of_whole_segments() {
        assert_eq!(end_of(b"/a b", b"/a%20b/c"), Some(6));
        assert_eq!(end_of(b"/a", b"/ab"), None);
        assert_eq!(end_of(b"", b"/ab"), Some(0));
        assert_eq!(end_of(b"/a", b"/"), None);
        assert_eq!(behind(b"/a", b"/a/b"), Some(b"/b".as_slice()));
        assert_eq!(behind(b"/a", b"/a"), Some(b"".as_slice()));
        assert_eq!(behind(b"/a", b"/ab"), None);
    }

    #[test]
    fn paths_are_cleaned_as_front_servers_do() {
        for (path, clean) in [
            ("/a//b", "/a/b"),
            ("/a/./b/../c", "/a/c"),
            ("//", "/"),
            ("/a/..", "/"),
            ("/a/.", "/a/"),
            ("/a/", "/a/"),
            ("/../a", "/a"),
        ] {
            assert!(cleans_to(path.as_bytes(), clean.as_bytes()), "{path}");
        }
        assert!(!cleans_to(b"/a/", b"/a"));
    }

    proptest! {
        #[test]
        fn what_was_encoded_decodes_to_the_same(path in prop::collection::vec(any::<u8>(), 0..60)) {
            let encoded = encode(&path);
            prop_assert_eq!(&*decode(encoded.as_bytes()), &path);
            let path = ["/", &encoded].concat();
            prop_assert!(http::uri::PathAndQuery::try_from(path).is_ok());
        }
    }
}
