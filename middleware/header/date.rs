//! HTTP dates: RFC 9110, section 5.6.7.
//!
//! All three formats are read, the preferred one (IMF-fixdate) is written. What does not name a
//! second up to 9999, or names the wrong weekday, is no date; a recipient then ignores
//! the field that has it. The same goes for a leap second, which no [`SystemTime`] can hold. Two
//! digits of a year are one from 1970 to 2069.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderValue;

/// The first second that four digits of a year cannot say.
const END: u64 = 253_402_300_800;

/// The date that a field says.
pub(crate) fn parse(value: &HeaderValue) -> Option<SystemTime> {
    let text = value.to_str().ok()?;
    httpdate::parse_http_date(text)
        .ok()
        .or_else(|| before_1970(text))
}

/// The Gregorian calendar, weekdays included, is the same every 400 years.
const YEARS_2000: Duration = Duration::from_hours(5 * 146_097 * 24);

/// A date with four digits of a year before 1970: it is read 2000 years later, and put back.
#[cold]
fn before_1970(text: &str) -> Option<SystemTime> {
    let at = match text.len() {
        // Thu, 01 Jan 1970 00:00:00 GMT
        29 => 12,
        // Thu Jan  1 00:00:00 1970
        24 => 20,
        _ => return None,
    };
    let year: u16 = text.get(at..at + 4)?.parse().ok().filter(|&y| y < 1970)?;
    let mut later = text.to_owned();
    later.replace_range(at..at + 4, &(year + 2000).to_string());
    httpdate::parse_http_date(&later)
        .ok()?
        .checked_sub(YEARS_2000)
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
    fn dates_before_1970_are_before_it() {
        for (text, before) in [
            ("Wed, 31 Dec 1969 23:59:59 GMT", 1),
            ("Wed Dec 31 23:59:59 1969", 1),
            ("Mon, 01 Jan 1900 00:00:00 GMT", 2_208_988_800),
            ("Sat, 01 Jan 0000 00:00:00 GMT", 62_167_219_200),
        ] {
            let date = parse(&HeaderValue::from_static(text));
            assert_eq!(
                date,
                UNIX_EPOCH.checked_sub(Duration::from_secs(before)),
                "{text}"
            );
        }
        assert_eq!(
            parse(&HeaderValue::from_static("Thu, 31 Dec 1969 23:59:59 GMT")),
            None
        );
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
