//! Whether field values are what their grammar says; nothing is taken from them but numbers.

/// `token` (RFC 9110, section 5.6.2).
pub(super) fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|&b| is_tchar(b))
}

const fn is_tchar(b: u8) -> bool {
    b.is_ascii_alphanumeric()
        || matches!(
            b,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

/// `1*DIGIT`, as far as it fits; more saturates.
pub(super) fn number(text: &[u8]) -> Option<u64> {
    let digit = |b: &u8| b.is_ascii_digit().then(|| u64::from(b - b'0'));
    let mut digits = text.iter().map(digit);
    let first = digits.next()??;
    digits.try_fold(first, |n, digit| {
        Some(n.saturating_mul(10).saturating_add(digit?))
    })
}

/// `quoted-string` (RFC 9110, section 5.6.4).
fn is_quoted(text: &[u8]) -> bool {
    let [b'"', inside @ .., b'"'] = text else {
        return false;
    };
    let mut escaped = false;
    for &b in inside {
        match b {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return false,
            _ => {}
        }
    }
    !escaped
}

/// The elements of a list, or of parameters, with quoted strings kept whole.
pub(super) fn split(text: &[u8], at: u8) -> impl Iterator<Item = &[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |&b| {
        match b {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ => return b == at && !quoted,
        }
        false
    })
    .map(<[u8]>::trim_ascii)
}

/// `entity-tag` (RFC 9110, section 8.8.3).
pub(super) fn is_entity_tag(text: &[u8]) -> bool {
    let opaque = text.strip_prefix(b"W/").unwrap_or(text);
    let etagc = |&b: &u8| b == 0x21 || matches!(b, 0x23..=0x7e | 0x80..);
    matches!(opaque, [b'"', inside @ .., b'"'] if inside.iter().all(etagc))
}

/// `parameters` after what they belong to (RFC 9110, section 5.6.6).
fn are_parameters<'a>(parameters: impl Iterator<Item = &'a [u8]>) -> bool {
    let mut parameters = parameters;
    parameters.all(|p| match split_once(p, b'=') {
        Some((name, value)) => is_token(name) && (is_token(value) || is_quoted(value)),
        // Stray semicolons are part of the grammar.
        None => p.is_empty(),
    })
}

/// `media-type` (RFC 9110, section 8.3.1).
pub(super) fn is_media_type(text: &[u8]) -> bool {
    let mut parts = split(text, b';');
    let Some((kind, sub)) = parts.next().and_then(|t| split_once(t, b'/')) else {
        return false;
    };
    is_token(kind) && is_token(sub) && are_parameters(parts)
}

/// Whether a multipart media type says its boundary (RFC 9110, section 14.6).
pub(super) fn is_multipart_with_boundary(text: &[u8]) -> bool {
    let mut parts = split(text, b';');
    let kind = parts.next().unwrap_or_default();
    kind.eq_ignore_ascii_case(b"multipart/byteranges")
        && parts.any(|p| {
            split_once(p, b'=').is_some_and(|(name, boundary)| {
                name.eq_ignore_ascii_case(b"boundary") && !boundary.is_empty()
            })
        })
}

/// What `Content-Range` says (RFC 9110, section 14.4).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum ContentRange {
    /// `bytes 0-9/100`, `bytes 0-9/*`.
    Part { first: u64, last: u64 },
    /// A unit other than bytes.
    OtherUnit,
    /// `bytes */100`.
    Unsatisfied,
}

pub(super) fn content_range(text: &[u8]) -> Option<ContentRange> {
    let (unit, rest) = split_once(text, b' ')?;
    if !is_token(unit) {
        return None;
    }
    if !unit.eq_ignore_ascii_case(b"bytes") {
        return Some(ContentRange::OtherUnit);
    }
    let (range, complete) = split_once(rest, b'/')?;
    let complete = match complete {
        b"*" => None,
        digits => Some(number(digits)?),
    };
    if range == b"*" {
        return complete.map(|_| ContentRange::Unsatisfied);
    }
    let (first, last) = split_once(range, b'-')?;
    let (first, last) = (number(first)?, number(last)?);
    let right = first <= last && complete.is_none_or(|complete| last < complete);
    right.then_some(ContentRange::Part { first, last })
}

/// `IMF-fixdate` (RFC 9110, section 5.6.7), as something that can be compared.
pub(super) fn date(text: &[u8]) -> Option<[u16; 6]> {
    const DAYS: [&[u8]; 7] = [b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"];
    const MONTHS: [&[u8]; 12] = [
        b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov",
        b"Dec",
    ];
    let mut words = text.split(|&b| b == b' ');
    let mut word = || words.next();
    let weekday = word()?.strip_suffix(b",")?;
    let (day, month, year, time, zone) = (word()?, word()?, word()?, word()?, word()?);
    let mut time = time.split(|&b| b == b':');
    let mut clock = || digits(time.next()?, 2);
    let (hour, minute, second) = (clock()?, clock()?, clock()?);
    let month = MONTHS.iter().position(|&m| m == month)?;
    let month = u16::try_from(month).ok()?;
    let day = digits(day, 2)?;
    let right = DAYS.contains(&weekday)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60
        && zone == b"GMT"
        && time.next().is_none()
        && words.next().is_none();
    right.then_some([digits(year, 4)?, month, day, hour, minute, second])
}

/// A number of exactly `len` digits.
fn digits(text: &[u8], len: usize) -> Option<u16> {
    let right = text.len() == len;
    right
        .then(|| number(text))?
        .and_then(|n| u16::try_from(n).ok())
}

/// `URI-reference` as far as its characters go (RFC 3986, sections 2 and 4.1).
pub(super) fn is_uri_reference(text: &[u8]) -> bool {
    let mut fragments = 0;
    let mut bytes = text.iter();
    while let Some(&b) = bytes.next() {
        let right = match b {
            b'%' => {
                let hex = |b: Option<&u8>| b.is_some_and(u8::is_ascii_hexdigit);
                hex(bytes.next()) && hex(bytes.next())
            }
            b'#' => {
                fragments += 1;
                fragments == 1
            }
            _ => b.is_ascii_alphanumeric() || b"-._~:/?[]@!$&'()*+,;=".contains(&b),
        };
        if !right {
            return false;
        }
    }
    true
}

/// What is wrong with a `Set-Cookie` (RFC 6265bis, sections 4.1.1 and 4.1.3).
pub(super) fn cookie_fault(text: &[u8]) -> Option<&'static str> {
    let mut parts = text.split(|&b| b == b';').map(<[u8]>::trim_ascii);
    let Some((name, value)) = parts.next().and_then(|pair| split_once(pair, b'=')) else {
        return Some("a cookie without a name");
    };
    let bare = match value {
        [b'"', inside @ .., b'"'] => inside,
        value => value,
    };
    let octet = |b: &u8| matches!(b, 0x21 | 0x23..=0x2b | 0x2d..=0x3a | 0x3c..=0x5b | 0x5d..=0x7e);
    if !is_token(name) {
        return Some("a cookie whose name is not a token");
    }
    if !bare.iter().all(octet) {
        return Some("a cookie whose value has characters it must not have");
    }
    let (mut secure, mut domain, mut root, mut cross_site) = (false, false, false, false);
    for attribute in parts {
        let (key, value) = split_once(attribute, b'=').unwrap_or((attribute, b""));
        match key {
            _ if key.eq_ignore_ascii_case(b"secure") => secure = true,
            _ if key.eq_ignore_ascii_case(b"domain") => domain = true,
            _ if key.eq_ignore_ascii_case(b"path") => root = value == b"/",
            _ if key.eq_ignore_ascii_case(b"samesite") => {
                cross_site = value.eq_ignore_ascii_case(b"none");
            }
            _ => {}
        }
    }
    // Browsers match the prefixes in any case.
    let prefixed = |prefix: &[u8]| {
        name.get(..prefix.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    if prefixed(b"__Host-") && (!secure || domain || !root) {
        return Some("a `__Host-` cookie needs `Secure` and `Path=/` and no `Domain`");
    }
    if prefixed(b"__Secure-") && !secure {
        return Some("a `__Secure-` cookie needs `Secure`");
    }
    (cross_site && !secure).then_some("a cookie with `SameSite=None` needs `Secure`")
}

pub(super) fn split_once(text: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let place = text.iter().position(|&b| b == at)?;
    Some((text.get(..place)?, text.get(place + 1..)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_digits_only() {
        assert_eq!(number(b"042"), Some(42));
        assert_eq!(number(b"99999999999999999999999"), Some(u64::MAX));
        for wrong in ["", "+1", "-1", "1 ", "1,1", "0x1"] {
            assert_eq!(number(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn lists_keep_quoted_strings_whole() {
        let list: Vec<_> = split(br#"a, b="x,\",y" , c"#, b',').collect();
        assert_eq!(list, [&b"a"[..], br#"b="x,\",y""#, b"c"]);
    }

    #[test]
    fn entity_tags_are_quoted() {
        for right in [r#""""#, r#""a!b""#, r#"W/"x""#, "\"\u{e9}\""] {
            assert!(is_entity_tag(right.as_bytes()), "{right}");
        }
        for wrong in [
            "",
            "x",
            r#"w/"x""#,
            r#""a b""#,
            r#""a"b""#,
            "\"",
            r#"W/ "x""#,
        ] {
            assert!(!is_entity_tag(wrong.as_bytes()), "{wrong}");
        }
    }

    #[test]
    fn media_types_have_two_halves_and_parameters() {
        for right in ["text/plain", "text/html; charset=utf-8", r#"a/b;c="d;e";"#] {
            assert!(is_media_type(right.as_bytes()), "{right}");
        }
        for wrong in [
            "",
            "text",
            "text/",
            "text/a b",
            "text/a; charset",
            "a/b, c/d",
        ] {
            assert!(!is_media_type(wrong.as_bytes()), "{wrong}");
        }
        assert!(is_multipart_with_boundary(
            b"multipart/byteranges; boundary=x"
        ));
        assert!(!is_multipart_with_boundary(b"multipart/byteranges"));
    }

    #[test]
    fn content_ranges_lie_within_what_they_are_of() {
        let part = |first, last| Some(ContentRange::Part { first, last });
        assert_eq!(content_range(b"bytes 0-9/10"), part(0, 9));
        assert_eq!(content_range(b"bytes 5-5/*"), part(5, 5));
        assert_eq!(
            content_range(b"bytes */10"),
            Some(ContentRange::Unsatisfied)
        );
        assert_eq!(content_range(b"lines 1-2"), Some(ContentRange::OtherUnit));
        for wrong in [
            "bytes 0-10/10",
            "bytes 2-1/10",
            "bytes */*",
            "bytes=0-1",
            "bytes 0-1",
        ] {
            assert_eq!(content_range(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn dates_are_fixed_in_form() {
        let early = date(b"Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(early, Some([1994, 10, 6, 8, 49, 37]));
        assert!(early < date(b"Sun, 06 Nov 1994 08:49:38 GMT"));
        for wrong in [
            "0",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 24:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT ",
        ] {
            assert_eq!(date(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn references_have_no_blanks_and_whole_escapes() {
        for right in ["", "/", "/a?b=c#d", "//h:1/x", "https://[::1]/%20", "../x"] {
            assert!(is_uri_reference(right.as_bytes()), "{right}");
        }
        for wrong in ["/a b", "/%2", "/%zz", "/#a#b", "/\u{e9}", "/<x>", "/\\x"] {
            assert!(!is_uri_reference(wrong.as_bytes()), "{wrong}");
        }
    }

    #[test]
    fn cookies_keep_what_their_prefix_promises() {
        for right in [
            "a=b",
            "a=",
            r#"a="b"; Path=/x; HttpOnly"#,
            "__Host-id=1; Secure; Path=/",
            "__Secure-id=1; secure; Domain=example.com",
            "a=b; SameSite=None; Secure; Partitioned",
        ] {
            assert_eq!(cookie_fault(right.as_bytes()), None, "{right}");
        }
        for wrong in [
            "a",
            "=b",
            "a b=c",
            "a=b c",
            "a=b,c",
            "__Host-id=1; Secure",
            "__host-id=1; Path=/",
            "__Host-id=1; Secure; Path=/; Domain=x",
            "__Secure-id=1",
            "a=b; SameSite=None",
        ] {
            assert!(cookie_fault(wrong.as_bytes()).is_some(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text: Vec<u8>) {
            let _ = (number(&text), is_entity_tag(&text), is_media_type(&text));
            let _ = (content_range(&text), date(&text), cookie_fault(&text));
            let _ = (is_uri_reference(&text), is_multipart_with_boundary(&text));
            let joined = split(&text, b',').map(<[u8]>::len).sum::<usize>();
            prop_assert!(joined <= text.len());
        }

        #[test]
        fn a_range_comes_back(first in 0..1000u64, len in 0..1000u64, after in 1..1000u64) {
            let last = first + len;
            let text = format!("bytes {first}-{last}/{}", last + after);
            let part = Some(ContentRange::Part { first, last });
            prop_assert_eq!(content_range(text.as_bytes()), part);
        }
    }
}
