//! Which ranges of a representation are answered: RFC 9110, sections 13.1.5, 14.2 and 15.3.7.

use std::time::SystemTime;

use http::header::{IF_RANGE, RANGE};
use http::{HeaderMap, HeaderValue, Method};

use super::Validators;
use crate::header::byte_range::{Spec, specs};
use crate::header::date;
use crate::header::entity_tag::{EntityTag, single};

/// How many ranges of one request are answered by default.
///
/// 200, as Apache's: readers of PDF ask for many at once, and nobody for more.
pub(crate) const MOST: usize = 200;

/// Ranges with no more than this between them are sent as one.
///
/// What stands between two parts is about as long (section 15.3.7.2).
const GAP: u64 = 80;

/// What is answered to a request for ranges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ranges {
    /// 206 with these parts.
    Parts(Parts),
    /// 416.
    Unsatisfiable,
    /// 200 with everything.
    Whole,
}

/// At least one part of a representation, each as its start and its length, which is not 0.
///
/// They do not overlap, and stand in the order in which they were asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parts {
    first: (u64, u64),
    rest: Vec<(u64, u64)>,
}

impl Parts {
    /// The part, if there is but one.
    pub(crate) fn only(&self) -> Option<(u64, u64)> {
        self.rest.is_empty().then_some(self.first)
    }

    pub(crate) fn len(&self) -> usize {
        self.rest.len() + 1
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        std::iter::once(self.first).chain(self.rest.iter().copied())
    }
}

/// The request for ranges that a `GET` makes.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    range: HeaderValue,
    if_range: Option<HeaderValue>,
}

impl Wanted {
    /// That of a request; none if there is nothing but everything to send.
    ///
    /// Ranges are defined for `GET` alone (section 14.2). Two `Range` fields are no `Range`, and
    /// two `If-Range` fields a condition that is false.
    #[inline]
    pub(crate) fn of(method: &Method, headers: &HeaderMap) -> Option<Self> {
        if *method != Method::GET || !headers.contains_key(RANGE) {
            return None;
        }
        let if_range = if headers.contains_key(IF_RANGE) {
            Some(single(headers, &IF_RANGE)?.clone())
        } else {
            None
        };
        Some(Self {
            range: single(headers, &RANGE)?.clone(),
            if_range,
        })
    }

    /// Which parts are answered of a representation of `len` bytes.
    ///
    /// Everything, if it has changed since the client had a piece of it (`If-Range`), if the
    /// specifier is invalid or not in bytes, or if it has more than `most` ranges: no more than
    /// these are even looked at. `now` is when the response is made; neither it nor `validators`
    /// is asked unless it matters.
    pub(crate) fn resolve(
        &self,
        validators: impl FnOnce() -> Validators,
        now: impl FnOnce() -> SystemTime,
        len: u64,
        most: usize,
    ) -> Ranges {
        match &self.if_range {
            Some(if_range) if !unchanged(if_range, &validators(), now) => Ranges::Whole,
            _ => satisfy(self.range.as_bytes(), len, most),
        }
    }
}

/// Whether `If-Range` is true (section 13.1.5).
fn unchanged(
    if_range: &HeaderValue,
    validators: &Validators,
    now: impl FnOnce() -> SystemTime,
) -> bool {
    if let Ok(tag) = EntityTag::try_from(if_range.clone()) {
        let current = validators.etag.as_ref();
        return current.is_some_and(|current| current.strong_eq(&tag));
    }
    let Some(date) = date::parse(if_range).and_then(date::seconds) else {
        return false;
    };
    // Who knows only that it is as good as the one before does not know that it is the same.
    if validators.etag.as_ref().is_some_and(EntityTag::is_weak) {
        return false;
    }
    // A date is strong only once its second is over: until then there may be another change
    // that it cannot tell from this one (section 8.8.2.2).
    validators.second() == Some(date) && date::seconds(now()).is_some_and(|now| now > date)
}

/// The parts that a specifier asks for of `len` bytes (section 14.1.2).
pub(super) fn satisfy(range: &[u8], len: u64, most: usize) -> Ranges {
    let Some(specs) = specs(range) else {
        return Ranges::Whole;
    };
    let mut first = None;
    let mut rest = Vec::new();
    let mut count = 0;
    let mut suffix = false;
    for spec in specs {
        count += 1;
        let Ok(spec) = spec else {
            return Ranges::Whole;
        };
        if count > most {
            return Ranges::Whole;
        }
        suffix |= matches!(spec, Spec::Last(1..));
        match (spec.resolve(len), first) {
            (Some(part), None) => first = Some(part),
            (Some(part), Some(_)) => rest.push(part),
            (None, _) => {}
        }
    }
    match first {
        Some(first) => Ranges::Parts(coalesce(first, rest)),
        // Nothing was asked for; or the end of nothing, which is satisfiable (section 14.1.2),
        // but which no `Content-Range` can say.
        None if count == 0 || (len == 0 && suffix) => Ranges::Whole,
        None => Ranges::Unsatisfiable,
    }
}

/// Makes one of parts that overlap, or that nearly touch (section 15.3.7.2).
///
/// The parts that are left come in the order in which the first piece of each was asked for.
fn coalesce(first: (u64, u64), rest: Vec<(u64, u64)>) -> Parts {
    if rest.is_empty() {
        return Parts { first, rest };
    }
    let mut sorted: Vec<_> = std::iter::once(first)
        .chain(rest)
        .enumerate()
        .map(|(place, (start, len))| (start, start.saturating_add(len), place))
        .collect();
    sorted.sort_unstable();
    // The same order has what is kept before what is still to be merged into it.
    sorted.dedup_by(|next, kept| {
        let near = next.0 <= kept.1.saturating_add(GAP);
        if near {
            kept.1 = kept.1.max(next.1);
            kept.2 = kept.2.min(next.2);
        }
        near
    });
    sorted.sort_unstable_by_key(|(.., place)| *place);
    let mut parts = sorted
        .into_iter()
        .map(|(start, end, _)| (start, end.saturating_sub(start)));
    Parts {
        first: parts.next().unwrap_or(first),
        rest: parts.collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use proptest::prelude::*;

    use super::*;

    fn answer(range: &str, len: u64) -> Ranges {
        satisfy(range.as_bytes(), len, MOST)
    }

    fn parts(range: &str, len: u64) -> Vec<(u64, u64)> {
        match answer(range, len) {
            Ranges::Parts(parts) => parts.iter().collect(),
            other => panic!("{range}: {other:?}"),
        }
    }

    #[test]
    fn one_range_is_one_part() {
        assert_eq!(parts("bytes=0-0", 10), [(0, 1)]);
        assert_eq!(parts("bytes=0-", 10), [(0, 10)]);
        assert_eq!(parts("bytes=-3", 10), [(7, 3)]);
        assert_eq!(parts("bytes=5-500", 10), [(5, 5)]);
    }

    #[test]
    fn what_cannot_be_satisfied_is_left_out() {
        // 14.1.2
        assert_eq!(parts("bytes=10-20, 0-1, -0", 10), [(0, 2)]);
        for range in ["bytes=10-", "bytes=10-20, 30-", "bytes=-0"] {
            assert_eq!(answer(range, 10), Ranges::Unsatisfiable, "{range}");
        }
    }

    #[test]
    fn what_is_invalid_is_ignored() {
        // 14.2
        for range in [
            "bytes=",
            "bytes=,",
            "bytes=x",
            "bytes=2-1",
            "bytes=0-1, x",
            "x=0-1",
            "",
            "0-1",
        ] {
            assert_eq!(answer(range, 10), Ranges::Whole, "{range}");
        }
    }

    #[test]
    fn nothing_has_no_first_byte_but_an_end() {
        // 14.1.2
        assert_eq!(answer("bytes=0-", 0), Ranges::Unsatisfiable);
        assert_eq!(answer("bytes=-0", 0), Ranges::Unsatisfiable);
        assert_eq!(answer("bytes=-1", 0), Ranges::Whole);
    }

    #[test]
    fn parts_keep_the_order_in_which_they_were_asked_for() {
        // 15.3.7.2
        let range = "bytes=9000-9009, 0-9, 4000-4009";
        assert_eq!(parts(range, 10_000), [(9000, 10), (0, 10), (4000, 10)]);
    }

    #[test]
    fn parts_that_overlap_or_nearly_touch_are_one() {
        // 15.3.7.2
        assert_eq!(parts("bytes=0-99,50-149", 10_000), [(0, 150)]);
        assert_eq!(parts("bytes=0-99,100-149", 10_000), [(0, 150)]);
        assert_eq!(parts("bytes=0-9,90-99", 10_000), [(0, 100)]);
        assert_eq!(parts("bytes=0-9,91-99", 10_000), [(0, 10), (91, 9)]);
        assert_eq!(
            parts("bytes=500-509,0-9,600-609,5-20,505-599", 10_000),
            [(500, 110), (0, 21)]
        );
        assert_eq!(parts("bytes=0-,0-,0-,0-", 10_000), [(0, 10_000)]);
        assert_eq!(parts("bytes=0-9999,10-20", 10_000), [(0, 10_000)]);
    }

    #[test]
    fn more_ranges_than_the_limit_are_answered_with_everything() {
        let ranges = |count: usize| {
            let specs: Vec<_> = (0..count).map(|i| format!("{0}-{0}", i * 1000)).collect();
            answer(&format!("bytes={}", specs.join(",")), u64::MAX)
        };
        assert!(matches!(ranges(MOST), Ranges::Parts(parts) if parts.len() == MOST));
        assert_eq!(ranges(MOST + 1), Ranges::Whole);
        assert_eq!(ranges(10_000), Ranges::Whole);
    }

    fn wanted(if_range: &str) -> Wanted {
        Wanted {
            range: HeaderValue::from_static("bytes=0-0"),
            if_range: Some(HeaderValue::from_str(if_range).unwrap()),
        }
    }

    #[test]
    fn if_range_compares_tags_strongly() {
        // 13.1.5
        let ask = |if_range: &str, etag: &'static str| {
            let etag = EntityTag::try_from(HeaderValue::from_static(etag)).unwrap();
            let validators = || Validators::default().etag(etag);
            wanted(if_range).resolve(validators, || panic!("no date"), 10, MOST) != Ranges::Whole
        };
        assert!(ask("\"a\"", "\"a\""));
        assert!(!ask("\"b\"", "\"a\""));
        assert!(!ask("W/\"a\"", "\"a\""));
        assert!(!ask("\"a\"", "W/\"a\""));
        assert!(!ask("W/\"a\"", "W/\"a\""));
        assert!(!ask("\"a\", \"a\"", "\"a\""));
        assert!(!ask("*", "\"a\""));
        assert!(!ask("", "\"a\""));
    }

    #[test]
    fn if_range_takes_a_date_only_if_it_is_the_same_and_strong() {
        // 13.1.5, 8.8.2.2
        let second = 784_111_777;
        let ask = |date: &str, now: u64| {
            let at = |second| UNIX_EPOCH + Duration::from_secs(second);
            let validators = || Validators::default().modified(at(second));
            wanted(date).resolve(validators, || at(now), 10, MOST) != Ranges::Whole
        };
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert!(ask(date, second + 1));
        assert!(!ask(date, second), "the second is not over");
        assert!(!ask(date, second - 1), "modified in the future");
        assert!(!ask("Sun, 06 Nov 1994 08:49:38 GMT", second + 9), "later");
        assert!(!ask("Sun, 06 Nov 1994 08:49:36 GMT", second + 9), "earlier");
        assert!(!ask("yesterday", second + 9));
        let at = |second| UNIX_EPOCH + Duration::from_secs(second);
        let weak = Validators::default()
            .etag(EntityTag::weak("a").unwrap())
            .modified(at(second));
        let ranges = wanted(date).resolve(|| weak, || at(second + 9), 10, MOST);
        assert_eq!(ranges, Ranges::Whole, "no stronger than the tag");
    }

    #[test]
    fn if_range_is_false_where_nothing_is_known() {
        for if_range in ["\"a\"", "Sun, 06 Nov 1994 08:49:37 GMT"] {
            let ranges = wanted(if_range).resolve(Validators::default, SystemTime::now, 10, MOST);
            assert_eq!(ranges, Ranges::Whole);
        }
    }

    #[test]
    fn ranges_are_for_get_and_there_once() {
        // 14.2
        let mut headers = HeaderMap::new();
        assert!(Wanted::of(&Method::GET, &headers).is_none());
        headers.insert(RANGE, HeaderValue::from_static("bytes=0-0"));
        assert!(Wanted::of(&Method::GET, &headers).is_some());
        assert!(Wanted::of(&Method::HEAD, &headers).is_none());
        assert!(Wanted::of(&Method::POST, &headers).is_none());
        headers.append(IF_RANGE, HeaderValue::from_static("\"a\""));
        assert!(Wanted::of(&Method::GET, &headers).is_some());
        headers.append(IF_RANGE, HeaderValue::from_static("\"a\""));
        assert!(Wanted::of(&Method::GET, &headers).is_none());
        headers.remove(IF_RANGE);
        headers.append(RANGE, HeaderValue::from_static("bytes=1-1"));
        assert!(Wanted::of(&Method::GET, &headers).is_none());
    }

    proptest! {
        #[test]
        fn parts_cover_what_was_asked_for_and_are_far_from_each_other(
            asked in prop::collection::vec((0..5000_u64, 0..300_u64), 1..30),
            len in 1..5000_u64,
        ) {
            let specs: Vec<_> = asked.iter().map(|(at, n)| format!("{at}-{}", at + n)).collect();
            let parts = match answer(&format!("bytes={}", specs.join(",")), len) {
                Ranges::Parts(parts) => parts.iter().collect(),
                Ranges::Unsatisfiable => Vec::new(),
                Ranges::Whole => panic!("valid"),
            };
            for (at, n) in asked {
                let covered = |&(start, part): &(u64, u64)| {
                    start <= at && (at + n + 1).min(len) <= start + part
                };
                prop_assert!(at >= len || parts.iter().any(covered));
            }
            let mut sorted = parts;
            sorted.sort_unstable();
            for pair in sorted.windows(2) {
                prop_assert!(pair[0].0 + pair[0].1 + GAP < pair[1].0);
            }
            prop_assert!(sorted.iter().all(|(start, part)| *part > 0 && start + part <= len));
        }
    }
}
