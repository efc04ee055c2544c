//! `Content-Range` in bytes, as it is written: RFC 9110, section 14.4.

use std::fmt;
use std::io::Write;

use http::HeaderValue;

/// As long as it can be: three numbers of 20 digits.
const MOST: usize = "bytes -/".len() + 3 * 20;

/// Which part of a representation a body is, or that it is none: `bytes 0-9/10`, `bytes */10`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ContentRange {
    /// Its start and its length, which is not 0.
    pub(crate) part: Option<(u64, u64)>,
    /// The length of the representation.
    pub(crate) len: u64,
}

impl fmt::Display for ContentRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { part, len } = *self;
        match part {
            Some((start, part)) => {
                let last = start.saturating_add(part).saturating_sub(1);
                write!(f, "bytes {start}-{last}/{len}")
            }
            None => write!(f, "bytes */{len}"),
        }
    }
}

impl From<ContentRange> for HeaderValue {
    fn from(range: ContentRange) -> Self {
        let mut text = [0; MOST];
        let mut rest = text.as_mut_slice();
        // There is room for the longest of all.
        let _fits = write!(rest, "{range}");
        let written = MOST - rest.len();
        text.get(..written)
            .and_then(|text| Self::from_bytes(text).ok())
            .unwrap_or_else(|| Self::from_static("bytes */*"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_said_by_its_first_and_last_byte() {
        let range = |part, len| HeaderValue::from(ContentRange { part, len });
        assert_eq!(range(Some((0, 1)), 1), "bytes 0-0/1");
        assert_eq!(range(Some((42, 1192)), 1234), "bytes 42-1233/1234");
        assert_eq!(range(None, 1234), "bytes */1234");
    }

    #[test]
    fn the_largest_numbers_have_room() {
        let part = Some((u64::MAX, u64::MAX));
        let range = ContentRange {
            part,
            len: u64::MAX,
        };
        let wanted = "bytes 18446744073709551615-18446744073709551614/18446744073709551615";
        assert_eq!(HeaderValue::from(range), wanted);
    }
}
