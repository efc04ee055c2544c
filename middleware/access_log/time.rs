//! How the time of day is written: most of it once a second.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;

use super::escape::{Line, decimal};

thread_local! {
    /// The texts of the second that is now, for the formats that this thread writes.
    static TEXTS: RefCell<Vec<Text>> = const { RefCell::new(Vec::new()) };
}

/// How many formats a thread keeps the text of; each costs some bytes for ever.
const MAX_TEXTS: usize = 16;

#[derive(Debug)]
struct Text {
    format: u64,
    second: u64,
    text: Vec<u8>,
}

/// How a time of day is written.
#[derive(Clone, Debug)]
pub(super) struct TimeFormat {
    id: u64,
    kind: Kind,
    zone: Zone,
}

#[derive(Clone, Debug)]
enum Kind {
    /// Since 1970 in units of so many nanoseconds.
    Count(u64),
    /// The part of the second that has passed, in three or six digits.
    Fraction(Digits),
    /// RFC 3339 with milliseconds, in UTC.
    Rfc3339,
    /// Once a second, or every time if it shows parts of one.
    Strftime { format: Box<str>, fine: bool },
}

#[derive(Clone, Copy, Debug)]
enum Digits {
    Milli,
    Micro,
}

#[derive(Clone, Debug)]
pub(super) enum Zone {
    /// The system's, asked for once a second: it may change.
    Local,
    Fixed(TimeZone),
}

impl TimeFormat {
    /// The one of the Common Log Format.
    pub(super) fn clf() -> Self {
        Self::new(Kind::Strftime {
            format: "[%d/%b/%Y:%H:%M:%S %z]".into(),
            fine: false,
        })
    }

    /// What stands in the braces of `%{..}t`; nothing if it is not understood.
    pub(super) fn parse(format: &str) -> Option<Self> {
        Some(Self::new(match format {
            "" => return Some(Self::clf()),
            "sec" => Kind::Count(1_000_000_000),
            "msec" => Kind::Count(1_000_000),
            "usec" => Kind::Count(1_000),
            "msec_frac" => Kind::Fraction(Digits::Milli),
            "usec_frac" => Kind::Fraction(Digits::Micro),
            "rfc3339" => Kind::Rfc3339,
            _ => {
                let try_at = |time: Duration| {
                    let time = zoned(time, &Zone::Fixed(TimeZone::UTC));
                    strtime::format(format, &time).ok()
                };
                let second = Duration::from_secs(1_000_000_000);
                let early = try_at(second + Duration::from_nanos(123_456_789))?;
                let late = try_at(second + Duration::from_nanos(987_654_321))?;
                Kind::Strftime {
                    format: format.into(),
                    fine: early != late,
                }
            }
        }))
    }

    fn new(kind: Kind) -> Self {
        Self {
            id: next_id(),
            kind,
            zone: Zone::Local,
        }
    }

    pub(super) fn set_zone(&mut self, zone: Zone) {
        self.zone = zone;
        // The texts of the other zone are not those of this one.
        self.id = next_id();
    }

    /// Writes the time of day that is `time` after 1970.
    #[inline]
    pub(super) fn write(&self, time: Duration, line: &mut Line<'_>) {
        match &self.kind {
            Kind::Count(unit) => {
                let count = time.as_nanos() / u128::from(*unit);
                line.number(u64::try_from(count).unwrap_or(u64::MAX));
            }
            Kind::Fraction(digits) => fraction(time, *digits, line.buf),
            Kind::Rfc3339 => {
                line.open();
                let utc = Zone::Fixed(TimeZone::UTC);
                self.write_second(time, line.buf, "%Y-%m-%dT%H:%M:%S.", &utc);
                fraction(time, Digits::Milli, line.buf);
                line.buf.push(b'Z');
                line.close();
            }
            Kind::Strftime { format, fine } => {
                line.open();
                if *fine {
                    strftime(format, time, &self.zone, line.buf);
                } else {
                    self.write_second(time, line.buf, format, &self.zone);
                }
                line.close();
            }
        }
    }

    /// Writes what is the same for all of a second, made once in it by each thread.
    #[inline]
    fn write_second(&self, time: Duration, buf: &mut Vec<u8>, format: &str, zone: &Zone) {
        let second = time.as_secs();
        let cached = TEXTS.try_with(|texts| {
            let texts = texts.try_borrow();
            let Some(text) = texts
                .iter()
                .flat_map(|t| t.iter())
                .find(|t| t.format == self.id)
            else {
                return false;
            };
            if text.second == second {
                buf.extend_from_slice(&text.text);
            }
            text.second == second
        });
        if cached != Ok(true) {
            let start = buf.len();
            strftime(format, time, zone, buf);
            keep_second(self.id, second, buf.get(start..).unwrap_or_default());
        }
    }
}

fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Keeps a text for the rest of its second.
fn keep_second(format: u64, second: u64, text: &[u8]) {
    let _ = TEXTS.try_with(|texts| {
        let Ok(mut texts) = texts.try_borrow_mut() else {
            return;
        };
        let known = texts.iter().position(|t| t.format == format);
        // Of too many, the oldest makes room: a clock that stands still or goes back costs time only.
        let oldest = || {
            let seconds = texts.iter().enumerate().min_by_key(|(_, t)| t.second);
            seconds.map(|(i, _)| i).filter(|_| texts.len() >= MAX_TEXTS)
        };
        let slot = known.or_else(oldest).unwrap_or_else(|| {
            texts.push(Text {
                format,
                second,
                text: Vec::new(),
            });
            texts.len() - 1
        });
        if let Some(slot) = texts.get_mut(slot) {
            slot.format = format;
            slot.second = second;
            slot.text.clear();
            slot.text.extend_from_slice(text);
        }
    });
}

fn zoned(time: Duration, zone: &Zone) -> jiff::Zoned {
    let zone = match zone {
        Zone::Local => TimeZone::system(),
        Zone::Fixed(zone) => zone.clone(),
    };
    let nanos = i32::try_from(time.subsec_nanos()).unwrap_or_default();
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    // A time beyond the year 9999 is written as the last that has a name.
    Timestamp::new(seconds, nanos)
        .unwrap_or(Timestamp::MAX)
        .to_zoned(zone)
}

#[cold]
fn strftime(format: &str, time: Duration, zone: &Zone, buf: &mut Vec<u8>) {
    if let Ok(text) = strtime::format(format, &zoned(time, zone)) {
        buf.extend_from_slice(text.as_bytes());
    }
}

/// Writes the part of the second that has passed, with its leading zeros.
fn fraction(time: Duration, digits: Digits, buf: &mut Vec<u8>) {
    let (number, least) = match digits {
        Digits::Milli => (time.subsec_millis(), 1_000),
        Digits::Micro => (time.subsec_micros(), 1_000_000),
    };
    let start = buf.len();
    decimal(u64::from(number + least), buf);
    // The leading one only held the zeros.
    buf.remove(start);
}

#[cfg(test)]
mod tests {
    use super::super::escape::Style;
    use super::*;

    /// 2026-11-23 19:39:46.012345 UTC.
    const TIME: Duration = Duration::from_micros(1_795_462_786_012_345);

    fn written(format: &TimeFormat, time: Duration) -> String {
        let mut buf = Vec::new();
        let mut line = Line::new(&mut buf, Style::Apache, usize::MAX);
        format.write(time, &mut line);
        String::from_utf8(buf).unwrap()
    }

    fn parsed(format: &str) -> TimeFormat {
        let mut format = TimeFormat::parse(format).unwrap();
        format.set_zone(Zone::Fixed(TimeZone::UTC));
        format
    }

    #[test]
    fn the_common_format_is_local_time_with_its_offset() {
        let mut clf = TimeFormat::clf();
        let zone = TimeZone::fixed(jiff::tz::Offset::from_seconds(5 * 3600 + 1800).unwrap());
        clf.set_zone(Zone::Fixed(zone));
        assert_eq!(written(&clf, TIME), "[24/Nov/2026:01:09:46 +0530]");
        clf.set_zone(Zone::Fixed(TimeZone::UTC));
        assert_eq!(written(&clf, TIME), "[23/Nov/2026:19:39:46 +0000]");
    }

    #[test]
    fn all_of_a_second_is_written_alike_and_the_next_one_is_not() {
        let clf = parsed("");
        let second = Duration::from_secs(1);
        assert_eq!(written(&clf, TIME), written(&clf, TIME));
        assert_eq!(written(&clf, TIME + second), "[23/Nov/2026:19:39:47 +0000]");
        assert_eq!(written(&clf, TIME), "[23/Nov/2026:19:39:46 +0000]");
    }

    #[test]
    fn every_word_of_apache_is_known() {
        assert_eq!(written(&parsed("sec"), TIME), "1795462786");
        assert_eq!(written(&parsed("msec"), TIME), "1795462786012");
        assert_eq!(written(&parsed("usec"), TIME), "1795462786012345");
        assert_eq!(written(&parsed("msec_frac"), TIME), "012");
        assert_eq!(written(&parsed("usec_frac"), TIME), "012345");
        assert_eq!(
            written(&parsed("rfc3339"), TIME),
            "2026-11-23T19:39:46.012Z"
        );
        assert_eq!(written(&parsed("%Y-%m"), TIME), "2026-11");
    }

    #[test]
    fn parts_of_a_second_are_not_kept_for_all_of_it() {
        let fine = parsed("%S%.3f");
        assert_eq!(written(&fine, TIME), "46.012");
        assert_eq!(written(&fine, TIME + Duration::from_millis(1)), "46.013");
    }

    #[test]
    fn a_format_that_is_not_one_is_refused() {
        assert!(TimeFormat::parse("%!").is_none());
    }

    #[test]
    fn many_formats_do_not_grow_the_memory() {
        for _ in 0..100 {
            assert_eq!(written(&parsed("%Y"), TIME), "2026");
        }
        TEXTS.with_borrow(|texts| assert!(texts.len() <= MAX_TEXTS));
    }
}
