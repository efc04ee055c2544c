//! Distinguished names as text (RFC 4514).

use std::fmt::Write as _;

use crate::gateway::der::{OBJECT_IDENTIFIER, SEQUENCE, SET, element, expect};

/// A name, the last of its parts first, from the content of its DER; nothing if that is none.
///
/// As `mod_ssl` and nginx write it, where characters beyond ASCII stay. Control characters, which the RFC lets pass, are written as
/// their bytes: nobody is to begin a line of a log.
pub(super) fn text(mut name: &[u8]) -> Option<Vec<u8>> {
    let mut parts = Vec::new();
    while !name.is_empty() {
        let (mut attributes, rest) = expect(SET, name)?;
        let mut part = Vec::new();
        while !attributes.is_empty() {
            let (attribute, more) = expect(SEQUENCE, attributes)?;
            if !part.is_empty() {
                part.push(b'+');
            }
            write(attribute, &mut part)?;
            attributes = more;
        }
        parts.push(part);
        name = rest;
    }
    parts.reverse();
    Some(parts.join(&b','))
}

/// A type and a value (section 2.3).
fn write(attribute: &[u8], text: &mut Vec<u8>) -> Option<()> {
    let (kind, encoded) = expect(OBJECT_IDENTIFIER, attribute)?;
    let (tag, value, _) = element(encoded)?;
    let known = short(kind);
    match known {
        Some(short) => text.extend_from_slice(short.as_bytes()),
        None => text.extend_from_slice(dotted(kind)?.as_bytes()),
    }
    text.push(b'=');
    // That of a type without a name is not known to be text.
    if let Some(value) = known.and_then(|_| string(tag, value)) {
        escape(&value, text);
    } else {
        text.push(b'#');
        text.extend_from_slice(hex(encoded).as_bytes());
    }
    Some(())
}

/// Bytes as two digits each.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // To write to a text does not fail.
        write!(text, "{byte:02X}").ok();
    }
    text
}

/// How types are called (section 3), and the others that OpenSSL has names for and certificates of clients have.
fn short(kind: &[u8]) -> Option<&'static str> {
    Some(match kind {
        [0x55, 4, 3] => "CN",
        [0x55, 4, 4] => "SN",
        [0x55, 4, 5] => "serialNumber",
        [0x55, 4, 6] => "C",
        [0x55, 4, 7] => "L",
        [0x55, 4, 8] => "ST",
        [0x55, 4, 9] => "street",
        [0x55, 4, 10] => "O",
        [0x55, 4, 11] => "OU",
        [0x55, 4, 12] => "title",
        [0x55, 4, 42] => "GN",
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1] => "UID",
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25] => "DC",
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1] => "emailAddress",
        _ => return None,
    })
}

/// An object identifier as numbers (ITU-T X.690, section 8.19).
fn dotted(kind: &[u8]) -> Option<String> {
    let mut text = String::new();
    let mut number: u64 = 0;
    for &byte in kind {
        number = number.checked_mul(128)?.checked_add((byte & 0x7f).into())?;
        if byte & 0x80 != 0 {
            continue;
        }
        if text.is_empty() {
            let first = (number / 40).min(2);
            write!(text, "{first}.{}", number - first * 40).ok()?;
        } else {
            write!(text, ".{number}").ok()?;
        }
        number = 0;
    }
    let is_whole = kind.last().is_some_and(|byte| byte & 0x80 == 0);
    is_whole.then_some(text)
}

/// The text of a string, of one of the kinds that names have (RFC 5280, section 4.1.2.4).
fn string(tag: u8, value: &[u8]) -> Option<String> {
    const UTF8: u8 = 0x0c;
    const NUMERIC: u8 = 0x12;
    const PRINTABLE: u8 = 0x13;
    const TELETEX: u8 = 0x14;
    const IA5: u8 = 0x16;
    const VISIBLE: u8 = 0x1a;
    const UNIVERSAL: u8 = 0x1c;
    const BMP: u8 = 0x1e;
    match tag {
        UTF8 => String::from_utf8(value.to_vec()).ok(),
        NUMERIC | PRINTABLE | IA5 | VISIBLE if value.is_ascii() => {
            String::from_utf8(value.to_vec()).ok()
        }
        // As everybody takes it to be.
        TELETEX => Some(value.iter().copied().map(char::from).collect()),
        UNIVERSAL => {
            let (points, rest) = value.as_chunks();
            let text = points
                .iter()
                .map(|point| char::from_u32(u32::from_be_bytes(*point)));
            rest.is_empty().then(|| text.collect())?
        }
        BMP => {
            let (units, rest) = value.as_chunks();
            let units: Vec<_> = units.iter().copied().map(u16::from_be_bytes).collect();
            rest.is_empty().then(|| String::from_utf16(&units).ok())?
        }
        _ => None,
    }
}

/// Writes a value, in which what means something is escaped (section 2.4).
fn escape(value: &str, text: &mut Vec<u8>) {
    let last = value.chars().count().saturating_sub(1);
    for (at, char) in value.chars().enumerate() {
        let mut bytes = [0; 4];
        let bytes = char.encode_utf8(&mut bytes).as_bytes();
        let means = match char {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => true,
            '#' => at == 0,
            ' ' => at == 0 || at == last,
            _ => false,
        };
        if char.is_control() {
            for byte in bytes {
                text.push(b'\\');
                text.extend_from_slice(hex(&[*byte]).as_bytes());
            }
            continue;
        }
        if means {
            text.push(b'\\');
        }
        text.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn der(tag: u8, content: &[u8]) -> Vec<u8> {
        [&[tag, u8::try_from(content.len()).unwrap()], content].concat()
    }

    fn attribute(kind: &[u8], tag: u8, value: &[u8]) -> Vec<u8> {
        der(
            SEQUENCE,
            &[der(OBJECT_IDENTIFIER, kind), der(tag, value)].concat(),
        )
    }

    fn one(kind: &[u8], tag: u8, value: &[u8]) -> String {
        let name = der(SET, &attribute(kind, tag, value));
        String::from_utf8(text(&name).unwrap()).unwrap()
    }

    const CN: [u8; 3] = [0x55, 4, 3];

    /// The examples of section 4, but for one whose name is not for certificates.
    #[test]
    fn names_are_written_backwards() {
        let dc = [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25];
        let uid = [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1];
        let (net, example) = (
            attribute(&dc, 0x16, b"net"),
            attribute(&dc, 0x16, b"example"),
        );
        let smith = attribute(&uid, 0x0c, b"jsmith");
        let name = [der(SET, &net), der(SET, &example), der(SET, &smith)].concat();
        assert_eq!(text(&name).unwrap(), b"UID=jsmith,DC=example,DC=net");
        let both = [
            attribute(&[0x55, 4, 11], 0x13, b"Sales"),
            attribute(&CN, 0x13, b"J.  Smith"),
        ];
        let name = [der(SET, &net), der(SET, &example), der(SET, &both.concat())].concat();
        assert_eq!(
            text(&name).unwrap(),
            b"OU=Sales+CN=J.  Smith,DC=example,DC=net"
        );
        assert_eq!(text(b"").unwrap(), b"");
    }

    #[test]
    fn what_means_something_is_escaped() {
        for (value, wanted) in [
            (
                r#"James "Jim" Smith, III"#,
                r#"CN=James \"Jim\" Smith\, III"#,
            ),
            ("Before\rAfter", r"CN=Before\0DAfter"),
            ("#1+#2", r"CN=\#1\+#2"),
            (" ", r"CN=\ "),
            (" a  ", r"CN=\ a \ "),
            ("a,CN=root", r"CN=a\,CN=root"),
            ("a\0", r"CN=a\00"),
            ("\u{85}", r"CN=\C2\85"),
            ("Lučić", "CN=Lučić"),
        ] {
            assert_eq!(one(&CN, 0x0c, value.as_bytes()), wanted);
        }
    }

    #[test]
    fn strings_are_of_many_kinds() {
        assert_eq!(one(&CN, 0x14, b"Andr\xe9"), "CN=André");
        assert_eq!(one(&CN, 0x1e, b"\0A\x01\x0d"), "CN=Ač");
        assert_eq!(one(&CN, 0x1c, b"\0\x01\xf6\x00"), "CN=😀");
        // What is none is written as it is encoded.
        assert_eq!(one(&CN, 0x0c, b"\xff"), "CN=#0C01FF");
        assert_eq!(one(&CN, 0x13, b"\xe9"), "CN=#1301E9");
        assert_eq!(one(&CN, 0x1e, b"\0"), "CN=#1E0100");
        // The last example of section 4.
        let kind = [0x2b, 6, 1, 4, 1, 0x8b, 0x3a, 0];
        assert_eq!(one(&kind, 0x04, b"Hi"), "1.3.6.1.4.1.1466.0=#04024869");
    }

    #[test]
    fn what_is_no_name_is_none() {
        assert_eq!(text(&[1]), None);
        assert_eq!(text(&der(SET, &[1])), None);
        assert_eq!(text(&der(SET, &attribute(&[0x80], 0x0c, b"a"))), None);
        assert_eq!(text(&der(SET, &attribute(&[], 0x0c, b"a"))), None);
    }

    proptest! {
        #[test]
        fn no_value_begins_a_line_or_another_part(value in ".{0,20}") {
            let text = one(&CN, 0x0c, value.as_bytes());
            prop_assert!(!text.contains(char::is_control));
            let plain = text.replace(r"\\", "").replace(r"\,", "").replace(r"\+", "");
            prop_assert!(!plain.contains([',', '+']));
        }

        #[test]
        fn any_bytes_are_a_name_or_not(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            text(&bytes);
        }
    }
}
