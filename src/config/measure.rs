//! Sizes and times, as people write them.

use std::num::NonZeroUsize;
use std::thread;
use std::time::Duration;

use toml::de::DeValue;

use super::value::Plain;

/// How many bytes: a number of them, or a text with a unit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Size(pub(super) u64);

impl Size {
    /// The number.
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// The same where an address space bounds it.
    pub(super) fn of_memory(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }

    /// The same where 32 bits bound it.
    pub(super) fn short(self) -> u32 {
        u32::try_from(self.0).unwrap_or(u32::MAX)
    }
}

impl Plain for Size {
    const TAKES: &'static str = "a size, as \"64KiB\", or a number of bytes";

    fn of(value: &DeValue<'_>) -> Result<Self, Option<String>> {
        let Some(text) = value.as_str() else {
            return match value {
                DeValue::Integer(_) => u64::of(value).map(Self),
                _ => Err(None),
            };
        };
        let unknown = || {
            let units = "B, KiB, MiB, GiB, kB, MB and GB";
            Some(format!("{text:?} is none: units are {units}"))
        };
        let (number, unit) = number_and_unit(text).ok_or_else(unknown)?;
        let unit: u64 = match unit {
            "" | "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            "kB" | "KB" => 1_000,
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            _ => return Err(unknown()),
        };
        let number: u64 = number.parse().map_err(|_| unknown())?;
        let bytes = number.checked_mul(unit);
        bytes
            .map(Self)
            .ok_or_else(|| Some(format!("{text:?} is too large")))
    }
}

/// A number of seconds, or a text with a unit.
impl Plain for Duration {
    const TAKES: &'static str = "a time, as \"30s\" or \"500ms\", or a number of seconds";

    fn of(value: &DeValue<'_>) -> Result<Self, Option<String>> {
        let text = match value {
            DeValue::Float(number) => number.as_str(),
            DeValue::Integer(_) => {
                return u64::of(value).map(Self::from_secs);
            }
            _ => value.as_str().ok_or(None)?,
        };
        let unknown = || Some(format!("{text:?} is none: units are ms, s, m, h and d"));
        let (number, unit) = number_and_unit(text).ok_or_else(unknown)?;
        let milliseconds: u32 = match unit {
            "ms" => 1,
            "" | "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(unknown()),
        };
        let number: f64 = number.parse().map_err(|_| unknown())?;
        let seconds = number * f64::from(milliseconds) / 1_000.0;
        Self::try_from_secs_f64(seconds).map_err(|_| unknown())
    }
}

/// A [`Size`], or `"off"`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct AtMost(pub(super) u64);

impl Plain for AtMost {
    const TAKES: &'static str = "a size, as \"64KiB\", or \"off\"";

    fn of(value: &DeValue<'_>) -> Result<Self, Option<String>> {
        if value.as_str() == Some("off") {
            return Ok(Self(u64::MAX));
        }
        Size::of(value).map(|size| Self(size.0))
    }
}

/// How many there are to be: a number, or as many as there are cores.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Count(NonZeroUsize);

impl Count {
    /// The number.
    pub const fn get(self) -> usize {
        self.0.get()
    }
}

impl Plain for Count {
    const TAKES: &'static str = "a number from 1 on, or \"cores\" for as many as there are";

    fn of(value: &DeValue<'_>) -> Result<Self, Option<String>> {
        if value.as_str() == Some("cores") {
            return Ok(Self(
                thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            ));
        }
        let number = NonZeroUsize::new(usize::of(value)?);
        number.map(Self).ok_or_else(|| Some("0 is none".to_owned()))
    }
}

/// How long at most, or `"off"`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Deadline(pub(super) Duration);

impl Plain for Deadline {
    const TAKES: &'static str = "a time, as \"30s\", or \"off\"";

    fn of(value: &DeValue<'_>) -> Result<Self, Option<String>> {
        if value.as_str() == Some("off") {
            return Ok(Self(Duration::MAX));
        }
        Duration::of(value).map(Self)
    }
}

/// What of a text is digits and a point, and the unit behind.
fn number_and_unit(text: &str) -> Option<(&str, &str)> {
    let is_number = |c: char| c.is_ascii_digit() || c == '.';
    let end = text.find(|c| !is_number(c)).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    (!number.is_empty()).then_some((number, unit.trim_start_matches(' ')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: Plain>(text: &str) -> Option<T> {
        let value = DeValue::parse(text).unwrap().into_inner();
        T::of(&value).ok()
    }

    #[test]
    fn sizes_have_units() {
        let size = |text| read::<Size>(text).map(|size| size.0);
        assert_eq!(size("17"), Some(17));
        assert_eq!(size("0x10"), Some(16));
        assert_eq!(size("\"64KiB\""), Some(65_536));
        assert_eq!(size("\"64 kB\""), Some(64_000));
        assert_eq!(size("\"1.5MiB\""), None);
        assert_eq!(size("\"99999999999GiB\""), None);
        for wrong in ["-1", "1.0", "true", "\"\"", "\"KiB\"", "\"1K\"", "\"1Kib\""] {
            assert_eq!(size(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn times_have_units() {
        let time = |text| read::<Duration>(text);
        assert_eq!(time("2"), Some(Duration::from_secs(2)));
        assert_eq!(time("0.5"), Some(Duration::from_millis(500)));
        assert_eq!(time("\"500ms\""), Some(Duration::from_millis(500)));
        assert_eq!(time("\"1.5 m\""), Some(Duration::from_secs(90)));
        assert_eq!(time("\"7d\""), Some(Duration::from_hours(7 * 24)));
        for wrong in [
            "-1",
            "inf",
            "nan",
            "1e99",
            "\"s\"",
            "\"1 week\"",
            "\"1..5s\"",
        ] {
            assert_eq!(time(wrong), None, "{wrong}");
        }
        assert_eq!(time("\"off\""), None);
        let deadline = |text| read::<Deadline>(text).map(|deadline| deadline.0);
        assert_eq!(deadline("\"off\""), Some(Duration::MAX));
        assert_eq!(deadline("\"1h\""), Some(Duration::from_hours(1)));
    }
}
