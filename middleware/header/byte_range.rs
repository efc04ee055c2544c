//! `Range` in bytes: RFC 9110, sections 14.1 and 14.2.
//!
//! ```text
//! ranges-specifier = range-unit "=" 1#range-spec     ; "bytes", in any case
//! range-spec = first-pos "-" [ last-pos ] / "-" suffix-length
//! ```
//!
//! One invalid range makes the whole specifier invalid, and a server may ignore such a one
//! (section 14.2). A position beyond 2^64 - 1 stands for 2^64 - 1, which is beyond the end of
//! anything.

use super::list::members;

/// One range as it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spec {
    /// From the first position to the last, both included.
    Between(u64, u64),
    /// From the position to the end.
    From(u64),
    /// The last so many bytes.
    Last(u64),
}

impl Spec {
    /// The start and the length of the part that is asked for, if there is one.
    ///
    /// A part is never empty: no range of a representation of no length can be
    /// satisfied (section 14.1.2), but for a suffix, which the caller must see to.
    pub(crate) fn resolve(self, len: u64) -> Option<(u64, u64)> {
        let (start, end) = match self {
            Self::Between(first, last) => (first, last.saturating_add(1).min(len)),
            Self::From(first) => (first, len),
            Self::Last(suffix) => (len.saturating_sub(suffix), len),
        };
        let part = end.checked_sub(start)?;
        (part > 0).then_some((start, part))
    }
}

/// The ranges of a field, each one or what makes the specifier invalid.
///
/// None if the unit is not bytes.
pub(crate) fn specs(field: &[u8]) -> Option<impl Iterator<Item = Result<Spec, Invalid>>> {
    let (unit, set) = field.split_at_checked(field.iter().position(|b| *b == b'=')?)?;
    if !unit.eq_ignore_ascii_case(b"bytes") {
        return None;
    }
    Some(members(set.get(1..)?).map(|member| spec(member).ok_or(Invalid)))
}

/// A range that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Invalid;

fn spec(member: &[u8]) -> Option<Spec> {
    let (first, last) = member.split_at_checked(member.iter().position(|b| *b == b'-')?)?;
    let last = last.get(1..)?;
    match (first, last) {
        ([], suffix) => number(suffix).map(Spec::Last),
        (first, []) => number(first).map(Spec::From),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(Spec::Between(first, last))
        }
    }
}

/// One digit or more; as much as fits if they say more.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| digit & 0xf)?;
        Some(number.saturating_mul(10).saturating_add(u64::from(digit)))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(field: &str) -> Option<Vec<Spec>> {
        specs(field.as_bytes())?.collect::<Result<_, _>>().ok()
    }

    #[test]
    fn the_examples_of_section_14_1_2() {
        use Spec::{Between, From, Last};
        assert_eq!(all("bytes=0-499"), Some(vec![Between(0, 499)]));
        assert_eq!(all("bytes=500-999"), Some(vec![Between(500, 999)]));
        assert_eq!(all("bytes=-500"), Some(vec![Last(500)]));
        assert_eq!(all("bytes=9500-"), Some(vec![From(9500)]));
        assert_eq!(all("bytes=0-0,-1"), Some(vec![Between(0, 0), Last(1)]));
        assert_eq!(
            all("bytes= 0-999, 4500-5499, -1000"),
            Some(vec![Between(0, 999), Between(4500, 5499), Last(1000)])
        );
    }

    #[test]
    fn the_unit_is_in_any_case_and_empty_elements_are_skipped() {
        assert_eq!(all("BYTES=,1-2 ,, ,"), Some(vec![Spec::Between(1, 2)]));
        assert_eq!(all("Bytes="), Some(vec![]));
    }

    #[test]
    fn another_unit_or_none_is_none() {
        for field in ["", "bytes", "lines=0-1", "bytes =0-1", "=0-1", "0-1"] {
            assert!(specs(field.as_bytes()).is_none(), "{field}");
        }
    }

    #[test]
    fn an_invalid_range_is_said_to_be_one() {
        for set in [
            "-", "1", "a-b", "2-1", "1 -2", "1- 2", "--1", "1-2-3", "+1-2", "0x1-2", "1-2;a",
            "\"1-2\"",
        ] {
            assert_eq!(all(&format!("bytes={set}")), None, "{set}");
        }
    }

    #[test]
    fn positions_too_large_for_any_file_are_beyond_the_end() {
        let huge = "9".repeat(1000);
        assert_eq!(
            all(&format!("bytes={huge}-")),
            Some(vec![Spec::From(u64::MAX)])
        );
        assert_eq!(Spec::From(u64::MAX).resolve(10), None);
        assert_eq!(Spec::From(u64::MAX).resolve(u64::MAX), None);
        assert_eq!(Spec::Between(3, u64::MAX).resolve(10), Some((3, 7)));
        assert_eq!(Spec::Last(u64::MAX).resolve(10), Some((0, 10)));
    }

    #[test]
    fn a_part_ends_with_the_representation_and_is_never_empty() {
        assert_eq!(Spec::Between(0, 0).resolve(1), Some((0, 1)));
        assert_eq!(Spec::Between(8, 20).resolve(10), Some((8, 2)));
        assert_eq!(Spec::From(10).resolve(10), None);
        assert_eq!(Spec::Last(0).resolve(10), None);
        assert_eq!(Spec::From(0).resolve(0), None);
        assert_eq!(Spec::Last(5).resolve(0), None);
    }

    proptest! {
        #[test]
        fn ranges_are_read_as_they_were_written(
            wanted in prop::collection::vec((any::<u64>(), any::<u64>()), 1..6)
        ) {
            let specs: Vec<_> = wanted
                .into_iter()
                .map(|(a, b)| match a % 3 {
                    0 => Spec::Between(a.min(b), a.max(b)),
                    1 => Spec::From(b),
                    _ => Spec::Last(b),
                })
                .collect();
            let texts: Vec<_> = specs
                .iter()
                .map(|spec| match spec {
                    Spec::Between(first, last) => format!("{first}-{last}"),
                    Spec::From(first) => format!("{first}-"),
                    Spec::Last(suffix) => format!("-{suffix}"),
                })
                .collect();
            prop_assert_eq!(all(&format!("bytes={}", texts.join(", "))), Some(specs));
        }

        #[test]
        fn a_part_is_within_the_representation(a: u64, b: u64, len: u64) {
            for spec in [Spec::Between(a.min(b), a.max(b)), Spec::From(a), Spec::Last(a)] {
                if let Some((start, part)) = spec.resolve(len) {
                    prop_assert!(part > 0);
                    prop_assert!(start.checked_add(part).is_some_and(|end| end <= len));
                }
            }
        }

        #[test]
        fn any_bytes_will_do(mut bytes: Vec<u8>) {
            let _ = specs(&bytes).map(Iterator::count);
            bytes.splice(..0, *b"bytes=");
            let _ = specs(&bytes).map(Iterator::count);
        }
    }
}
