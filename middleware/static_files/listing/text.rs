//! Sizes, dates and names as they are written in a listing.

use std::fmt::{self, Write as _};
use std::time::SystemTime;

/// `812 B`, `1.5 KiB`, `23 MiB`.
pub(super) struct Size(pub(super) u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(len) = self;
        if *len < 1024 {
            return write!(f, "{len} B");
        }
        let mut tenths = u128::from(*len) * 10;
        for unit in ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"] {
            tenths = tenths.div_ceil(1024);
            if tenths < 100 {
                return write!(f, "{}.{} {unit}", tenths / 10, tenths % 10);
            }
            if tenths < 10_240 {
                return write!(f, "{} {unit}", tenths / 10);
            }
        }
        Ok(())
    }
}

/// Text in HTML, between tags or quotes.
pub(super) struct Html<'a>(pub(super) &'a str);

impl fmt::Display for Html<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            // It would be dropped, or turn the text around it.
            c if c.is_control() || turns(c) => f.write_char('\u{fffd}'),
            c => f.write_char(c),
        })
    }
}

/// Whether a character only says which way text runs (Unicode, annex 9).
const fn turns(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A string in JSON (RFC 8259, section 7).
pub(super) struct Json<'a>(pub(super) &'a str);

impl fmt::Display for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        self.0.chars().try_for_each(|c| match c {
            '"' => f.write_str("\\\""),
            '\\' => f.write_str("\\\\"),
            // `<` also, for those who put it in a page.
            c if c.is_control() || c == '<' => write!(f, "\\u{:04x}", u32::from(c)),
            c => f.write_char(c),
        })?;
        f.write_char('"')
    }
}

/// A time in UTC, to the second.
#[derive(Clone, Copy, Debug)]
pub(super) struct Date {
    year: u64,
    month: u64,
    day: u64,
    second: u64,
}

impl Date {
    /// The date of a time between 1970 and 9999.
    pub(super) fn of(time: SystemTime) -> Option<Self> {
        let seconds = time.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs();
        // Counted from 1 March of the year 0, so that a leap day ends its year; 400 years have
        // 146,097 days, and months since March (153 * month + 2) / 5.
        let days = seconds / 86_400 + 719_468;
        let (era, day) = (days / 146_097, days % 146_097);
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let march = (5 * day + 2) / 153;
        let month = if march < 10 { march + 3 } else { march - 9 };
        let year = era * 400 + year + u64::from(month <= 2);
        (year <= 9999).then_some(Self {
            year,
            month,
            day: day - (153 * march + 2) / 5 + 1,
            second: seconds % 86_400,
        })
    }

    /// To the minute, for people.
    pub(super) fn short(self) -> impl fmt::Display {
        let Self {
            year,
            month,
            day,
            second,
        } = self;
        let (hour, minute) = (second / 3600, second / 60 % 60);
        fmt::from_fn(move |f| write!(f, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}"))
    }
}

/// As RFC 3339 has it.
impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            year,
            month,
            day,
            second,
        } = self;
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
        )
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn sizes_are_rounded_up_and_short() {
        let sizes = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (10 << 10, "10 KiB"),
            (1 << 20, "1.0 MiB"),
            (u64::MAX, "16 EiB"),
        ];
        for (len, text) in sizes {
            assert_eq!(Size(len).to_string(), text);
        }
    }

    #[test]
    fn names_cannot_break_out() {
        let name = "<a href='\"'>&\u{202e}\n";
        assert_eq!(
            Html(name).to_string(),
            "&lt;a href=&#39;&quot;&#39;&gt;&amp;\u{fffd}\u{fffd}"
        );
        for c in ['\u{200e}', '\u{200f}', '\u{2066}', '\u{2069}'] {
            assert_eq!(Html(&c.to_string()).to_string(), "\u{fffd}");
        }
        assert_eq!(
            Json(name).to_string(),
            "\"\\u003ca href='\\\"'>&\u{202e}\\u000a\""
        );
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        let date = |seconds| {
            Date::of(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).map(|d| d.to_string())
        };
        let is = |seconds, text: &str| assert_eq!(date(seconds).as_deref(), Some(text));
        is(0, "1970-01-01T00:00:00Z");
        is(951_782_399, "2000-02-28T23:59:59Z");
        is(951_782_400, "2000-02-29T00:00:00Z");
        is(951_868_800, "2000-03-01T00:00:00Z");
        is(1_735_689_599, "2024-12-31T23:59:59Z");
        is(4_107_542_400, "2100-03-01T00:00:00Z");
        is(253_402_300_799, "9999-12-31T23:59:59Z");
        assert_eq!(date(253_402_300_800), None);
    }

    /// The dates that `httpdate` writes are the same.
    #[test]
    fn every_day_of_four_centuries_is_right() {
        for day in 0..146_097 {
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(day * 86_400);
            let date = Date::of(time).unwrap();
            let theirs = httpdate::fmt_http_date(time);
            let months = [
                "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
            ];
            let month = months[usize::try_from(date.month).unwrap() - 1];
            let ours = format!("{:02} {month} {:04} 00:00:00 GMT", date.day, date.year);
            assert!(theirs.ends_with(&ours), "{theirs} {ours}");
        }
    }
}
