//! HTTP dates: RFC 9110, section 5.6.7.
//!
//! All three formats are read, the preferred one (IMF-fixdate) is written. What does not name a
//! second between 1970 and 9999, or names the wrong weekday, is no date; a recipient then ignores
//! the field that has it. The same goes for a leap second, which no [`SystemTime`] can hold. Two
//! digits of a year are one from 1970 to 2069.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderValue;

/// The first second that four digits of a year cannot say.
const END: u64 = 253_402_300_800;

/// The date that a field says.
pub(crate) fn parse(value: &HeaderValue) -> Option<SystemTime> {
    httpdate::parse_http_date(value.to_str().ok()?).ok()
}

/// `time` as a field value, to the second; none outside of the years 1970 to 9999.
pub(crate) fn format(time: SystemTime) -> Option<HeaderValue> {
    let seconds = seconds(time)?;
    if seconds >= END {
        return None;
    }
    let time = UNIX_EPOCH + Duration::from_secs(seconds);
    HeaderValue::try_from(httpdate::fmt_http_date(time)).ok()
}

/// Whole seconds since 1970, which is all that a date can say of a time.
pub(crate) fn seconds(time: SystemTime) -> Option<u64> {
    Some(time.duration_since(UNIX_EPOCH).ok()?.as_secs())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Option<u64> {
        parse(&HeaderValue::from_str(text).unwrap()).and_then(seconds)
    }

    #[test]
    fn all_three_formats_are_read() {
        assert_eq!(read("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(read("Sunday, 06-Nov-94 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(read("Sun Nov  6 08:49:37 1994"), Some(784_111_777));
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "0",
            "now",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 PST",
            "Mon, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 25:49:37 GMT",
            "Wed, 30 Feb 1994 08:49:37 GMT",
            "Sat, 31 Dec 2016 23:59:60 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn times_that_no_date_can_say_are_not_written() {
        assert_eq!(format(UNIX_EPOCH - Duration::from_nanos(1)), None);
        assert_eq!(format(UNIX_EPOCH + Duration::from_secs(END)), None);
        let last = format(UNIX_EPOCH + Duration::from_secs(END - 1)).unwrap();
        assert_eq!(last, "Fri, 31 Dec 9999 23:59:59 GMT");
    }

    proptest! {
        #[test]
        fn a_date_is_read_as_it_was_written(secs in 0..END, nanos in 0..1_000_000_000_u32) {
            let written = format(UNIX_EPOCH + Duration::new(secs, nanos)).unwrap();
            prop_assert_eq!(parse(&written).and_then(seconds), Some(secs));
        }

        #[test]
        fn any_text_will_do(text in "[ -~]{0,40}") {
            let _ = read(&text);
        }
    }
}
