//! Bytes from outside made harmless in a line: nothing of them can end it or a quoted part of it.

/// How values are written in a line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Style {
    /// As Apache does: a backslash before quotes and backslashes, `\xhh` for what is not
    /// visible ASCII, `-` for nothing.
    Apache,
    /// Strings, numbers and `null` of JSON (RFC 8259).
    Json,
}

/// Writes values at the end of a line, in one style.
#[derive(Debug)]
pub(super) struct Line<'a> {
    pub(super) buf: &'a mut Vec<u8>,
    pub(super) style: Style,
    /// How many bytes of a value are written at most, as they came, before they are escaped.
    most: usize,
    /// How many the value has had until now, written or not.
    seen: usize,
}

impl<'a> Line<'a> {
    /// Values are cut off after `most` bytes.
    #[inline]
    pub(super) const fn new(buf: &'a mut Vec<u8>, style: Style, most: usize) -> Self {
        Self {
            buf,
            style,
            most,
            seen: 0,
        }
    }

    /// A value that is there as a whole.
    #[inline]
    pub(super) fn text(&mut self, text: &[u8]) {
        self.open();
        self.part(text);
        self.close();
    }

    /// A value, or that there is none.
    #[inline]
    pub(super) fn text_or_none(&mut self, text: Option<&[u8]>) {
        match text {
            Some(text) => self.text(text),
            None => self.none(),
        }
    }

    /// Begins a value that comes in parts.
    #[inline]
    pub(super) fn open(&mut self) {
        if self.style == Style::Json {
            self.buf.push(b'"');
        }
    }

    /// Ends a value that came in parts.
    #[inline]
    pub(super) fn close(&mut self) {
        self.end();
        self.open();
    }

    /// Ends what counts as one value, and says how much of it is not there.
    #[inline]
    pub(super) fn end(&mut self) {
        let seen = std::mem::take(&mut self.seen);
        if seen > self.most {
            self.say_cut(seen - self.most);
        }
    }

    #[cold]
    fn say_cut(&mut self, bytes: usize) {
        self.buf.extend_from_slice(b"[cut:");
        decimal(bytes as u64, self.buf);
        self.buf.push(b']');
    }

    /// A part of a value, escaped.
    #[inline]
    pub(super) fn part(&mut self, text: &[u8]) {
        let before = self.seen;
        self.seen = before.saturating_add(text.len());
        let text = if self.seen > self.most {
            cut(text, self.most.saturating_sub(before))
        } else {
            text
        };
        if has_special(text) {
            match self.style {
                Style::Apache => escape_apache(text, self.buf),
                Style::Json => escape_json(text, self.buf),
            }
        } else {
            self.buf.extend_from_slice(text);
        }
    }

    /// A part of a value that has nothing to escape, whatever it is.
    #[inline]
    pub(super) fn plain(&mut self, text: &[u8]) {
        self.buf.extend_from_slice(text);
    }

    /// That there is no value.
    #[inline]
    pub(super) fn none(&mut self) {
        // Each of its own length: a copy of a length that is known is no call.
        match self.style {
            Style::Apache => self.buf.push(b'-'),
            Style::Json => self.buf.extend_from_slice(b"null"),
        }
    }

    pub(super) fn is_apache(&self) -> bool {
        self.style == Style::Apache
    }

    /// A number.
    #[inline]
    pub(super) fn number(&mut self, number: u64) {
        decimal(number, self.buf);
    }
}

/// The first `most` bytes of a text, which has as many.
#[cold]
fn cut(text: &[u8], most: usize) -> &[u8] {
    text.get(..most).unwrap_or(text)
}

/// Writes a number in decimal.
pub(super) fn decimal(mut number: u64, buf: &mut Vec<u8>) {
    let mut digits = [b'0'; 20];
    let mut start = digits.len();
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
        start -= 1;
        if number == 0 {
            break;
        }
    }
    buf.extend_from_slice(digits.get(start..).unwrap_or_default());
}

/// Whether anything must be escaped: nearly always nothing, so that this is all that is done.
#[inline]
fn has_special(text: &[u8]) -> bool {
    /// Without an exit and of fixed length, this is a few vector instructions.
    #[inline]
    fn mark<const N: usize>(marks: &mut [bool; N], chunk: &[u8; N]) {
        for (mark, &b) in marks.iter_mut().zip(chunk) {
            *mark |= is_special(b);
        }
    }
    /// The last bytes may be looked at twice, which costs less than to look at them alone.
    #[inline]
    fn any<const N: usize>(text: &[u8]) -> Option<bool> {
        let mut marks = [false; N];
        mark(&mut marks, text.last_chunk()?);
        for chunk in text.as_chunks().0 {
            mark(&mut marks, chunk);
        }
        Some(marks.iter().fold(false, |any, mark| any | mark))
    }
    let by_bytes = || text.iter().any(|&b| is_special(b));
    any::<16>(text)
        .or_else(|| any::<4>(text))
        .unwrap_or_else(by_bytes)
}

#[inline]
#[expect(
    clippy::needless_bitwise_bool,
    reason = "a branch for each would not be vectorised"
)]
const fn is_special(b: u8) -> bool {
    // As a signed number, what is not ASCII is less than zero: one comparison and not two.
    (b.cast_signed() < 0x20) | (b == b'"') | (b == b'\\') | (b == 0x7f)
}

const HEX: [u8; 16] = *b"0123456789abcdef";

fn hex(b: u8) -> [u8; 2] {
    [b >> 4, b & 15].map(|digit| HEX.get(usize::from(digit)).copied().unwrap_or_default())
}

/// As `ap_escape_logitem` of Apache httpd decides.
#[cold]
fn escape_apache(text: &[u8], buf: &mut Vec<u8>) {
    for &b in text {
        match b {
            b'"' | b'\\' => buf.extend_from_slice(&[b'\\', b]),
            0x08 => buf.extend_from_slice(b"\\b"),
            b'\n' => buf.extend_from_slice(b"\\n"),
            b'\r' => buf.extend_from_slice(b"\\r"),
            b'\t' => buf.extend_from_slice(b"\\t"),
            0x0b => buf.extend_from_slice(b"\\v"),
            _ if is_special(b) => {
                buf.extend_from_slice(b"\\x");
                buf.extend_from_slice(&hex(b));
            }
            _ => buf.push(b),
        }
    }
}

/// What is UTF-8 stays as it is, but for controls; what is not becomes U+FFFD (RFC 8259, section 8.1).
#[cold]
fn escape_json(text: &[u8], buf: &mut Vec<u8>) {
    for chunk in text.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '"' => buf.extend_from_slice(b"\\\""),
                '\\' => buf.extend_from_slice(b"\\\\"),
                '\n' => buf.extend_from_slice(b"\\n"),
                '\r' => buf.extend_from_slice(b"\\r"),
                '\t' => buf.extend_from_slice(b"\\t"),
                // C1 controls too: a terminal obeys them. So does a screen what turns text around, and
                // some take two separators for the end of a line.
                '\0'..='\x1f'
                | '\x7f'..='\u{9f}'
                | '\u{61c}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}' => {
                    let [_, _, high, low] = u32::from(c).to_be_bytes();
                    buf.extend_from_slice(b"\\u");
                    buf.extend_from_slice(&hex(high));
                    buf.extend_from_slice(&hex(low));
                }
                _ => buf.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        if !chunk.invalid().is_empty() {
            buf.extend_from_slice(b"\\ufffd");
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn escaped(style: Style, text: &[u8]) -> String {
        let mut buf = Vec::new();
        Line::new(&mut buf, style, usize::MAX).part(text);
        String::from_utf8(buf).unwrap()
    }

    #[test]
    fn what_is_harmless_stays_as_it_is() {
        let text = "GET /a?b=c%20d HTTP/1.1";
        assert_eq!(escaped(Style::Apache, text.as_bytes()), text);
        assert_eq!(escaped(Style::Json, text.as_bytes()), text);
    }

    #[test]
    fn apache_escapes_quotes_backslashes_controls_and_what_is_not_ascii() {
        let text = b"\"\\\x08\n\r\t\x0b\x00\x1b\x7f\xc3\xa9";
        assert_eq!(
            escaped(Style::Apache, text),
            r#"\"\\\b\n\r\t\v\x00\x1b\x7f\xc3\xa9"#
        );
    }

    #[test]
    fn json_escapes_quotes_backslashes_and_controls_and_keeps_text() {
        let text = "\"\\\n\r\t\0\u{1b}\u{7f}\u{9b}\u{e9}\u{bb5}".as_bytes();
        assert_eq!(
            escaped(Style::Json, text),
            "\\\"\\\\\\n\\r\\t\\u0000\\u001b\\u007f\\u009b\u{e9}\u{bb5}"
        );
        assert_eq!(escaped(Style::Json, b"a\xff\xfeb"), "a\\ufffd\\ufffdb");
        let turning = "a\u{202e}b\u{2028}c\u{2066}\u{61c}".as_bytes();
        assert_eq!(
            escaped(Style::Json, turning),
            "a\\u202eb\\u2028c\\u2066\\u061c"
        );
    }

    #[test]
    fn a_value_is_cut_off_and_says_how_much_of_it() {
        let written = |style, parts: &[&str]| {
            let mut buf = Vec::new();
            let mut line = Line::new(&mut buf, style, 4);
            line.open();
            for part in parts {
                line.part(part.as_bytes());
            }
            line.close();
            line.text(b"next");
            String::from_utf8(buf).unwrap()
        };
        assert_eq!(written(Style::Apache, &["ab", "cd"]), "abcdnext");
        assert_eq!(written(Style::Apache, &["abcde"]), "abcd[cut:1]next");
        assert_eq!(
            written(Style::Apache, &["ab", "cde", "", "f"]),
            "abcd[cut:2]next"
        );
        assert_eq!(
            written(Style::Json, &["\"\"\"\"\""]),
            r#""\"\"\"\"[cut:1]""next""#
        );
        // A character that is cut through is what half a character always is.
        assert_eq!(
            written(Style::Json, &["abc\u{e9}"]),
            r#""abc\ufffd[cut:1]""next""#
        );
    }

    #[test]
    fn numbers_are_decimal() {
        for number in [0, 7, 10, 12_345, u64::MAX] {
            let mut buf = b"x".to_vec();
            decimal(number, &mut buf);
            assert_eq!(buf, format!("x{number}").as_bytes());
        }
    }

    /// Undoes what a JSON string does, to see that it is one.
    fn json_unescaped(text: &str) -> String {
        let mut chars = text.chars();
        let mut out = String::new();
        while let Some(c) = chars.next() {
            assert!(c != '"' && !c.is_control(), "{c:?} in {text:?}");
            out.push(match c {
                '\\' => match chars.next().unwrap() {
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    'u' => {
                        let hex: String = chars.by_ref().take(4).collect();
                        char::from_u32(u32::from_str_radix(&hex, 16).unwrap()).unwrap()
                    }
                    c @ ('"' | '\\') => c,
                    c => panic!("\\{c} in {text:?}"),
                },
                c => c,
            });
        }
        out
    }

    proptest! {
        #[test]
        fn nothing_gets_out_of_a_quoted_part(text: Vec<u8>) {
            let line = escaped(Style::Apache, &text);
            let mut bytes = line.bytes();
            while let Some(b) = bytes.next() {
                prop_assert!((0x20..0x7f).contains(&b));
                prop_assert!(b != b'"');
                if b == b'\\' {
                    prop_assert!(bytes.next().is_some());
                }
            }
        }

        #[test]
        fn a_json_string_says_what_the_text_said(text: Vec<u8>) {
            let line = escaped(Style::Json, &text);
            prop_assert_eq!(json_unescaped(&line), String::from_utf8_lossy(&text));
        }
    }
}
