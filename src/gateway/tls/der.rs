//! As much of DER as is looked at here (ITU-T X.690); what certificates are verified by reads them itself.

use std::time::{Duration, SystemTime};

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const ENUMERATED: u8 = 0x0a;
pub(crate) const UTC_TIME: u8 = 0x17;
pub(crate) const GENERALIZED_TIME: u8 = 0x18;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;
/// An element within one of the number 0, as optional ones are.
pub(crate) const EXPLICIT_0: u8 = 0xa0;

/// The content of the first element, and what follows it, if it is of this kind.
pub(crate) fn expect(tag: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (found, content, rest) = element(bytes)?;
    (found == tag).then_some((content, rest))
}

/// What follows the first element if that is of this kind, else all.
pub(crate) fn skip(tag: u8, bytes: &[u8]) -> &[u8] {
    expect(tag, bytes).map_or(bytes, |(_, rest)| rest)
}

/// The tag and the content of the first element, and what follows it; nothing if that is not all there.
pub(crate) fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        // Of 16 MiB and more there is none.
        let count = usize::from(first & 0x7f);
        let (digits, rest) = (count <= 3).then(|| rest.split_at_checked(count))??;
        let length = digits
            .iter()
            .fold(0, |sum, &digit| sum << 8 | usize::from(digit));
        (length, rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// `YYMMDDHHMMSSZ` until 2049, `YYYYMMDDHHMMSSZ` after.
pub(crate) fn time(tag: u8, text: &[u8]) -> Option<SystemTime> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (year, rest) = match tag {
        UTC_TIME => {
            let (year, rest) = text.split_at_checked(2)?;
            let year: u64 = year.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        GENERALIZED_TIME => {
            let (year, rest) = text.split_at_checked(4)?;
            (year.parse().ok()?, rest)
        }
        _ => return None,
    };
    let mut parts = [0_u64; 5];
    let mut rest = rest;
    for part in &mut parts {
        let (digits, more) = rest.split_at_checked(2)?;
        *part = digits.parse().ok()?;
        rest = more;
    }
    let [month, day, hour, minute, second] = parts;
    if !(1..=12).contains(&month) || year < 1970 {
        // What was valid before the epoch is so since it.
        return (year < 1970).then_some(SystemTime::UNIX_EPOCH);
    }
    let days = days_before(year, month) + day.checked_sub(1)?;
    let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

/// How many days there were from 1970 to the first of a month.
///
/// The year is taken to begin in March, so that the leap day is its last.
fn days_before(year: u64, month: u64) -> u64 {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leaps = year / 4 - year / 100 + year / 400;
    year * 365 + leaps + (153 * month + 2) / 5 - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(tag: u8, text: &str) -> Option<u64> {
        let time = time(tag, text.as_bytes())?;
        Some(
            time.duration_since(SystemTime::UNIX_EPOCH)
                .unwrap()
                .as_secs(),
        )
    }

    #[test]
    fn both_forms_of_a_time_are_read() {
        assert_eq!(at(UTC_TIME, "700101000000Z"), Some(0));
        assert_eq!(at(UTC_TIME, "000301000000Z"), Some(951_868_800));
        assert_eq!(at(GENERALIZED_TIME, "20000229235959Z"), Some(951_868_799));
        assert_eq!(
            at(GENERALIZED_TIME, "99991231235959Z"),
            Some(253_402_300_799)
        );
        assert_eq!(at(GENERALIZED_TIME, "19000101000000Z"), Some(0));
        for wrong in [
            "",
            "Z",
            "20000000000000Z",
            "20001301000000Z",
            "2000010100000Z",
            "2000010100000é",
        ] {
            assert_eq!(at(GENERALIZED_TIME, wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_elements_or_not(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let (mut rest, mut count) = (bytes.as_slice(), 0);
            while let Some((_, _, more)) = element(rest) {
                (rest, count) = (more, count + 1);
            }
            prop_assert!(count <= bytes.len() / 2);
        }
    }
}
