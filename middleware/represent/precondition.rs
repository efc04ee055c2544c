//! Preconditions, in their order: RFC 9110, section 13.2.2.

use bytes::{BufMut, BytesMut};
use http::header::{IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_UNMODIFIED_SINCE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::Validators;
use crate::header::date;
use crate::header::entity_tag::{Compare, names, single};

/// What the preconditions of a request say of a representation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Precondition {
    /// 412.
    Failed,
    /// 304.
    NotModified,
    /// As if there were none.
    Proceed,
}

/// The preconditions of a request that count: at most one of each kind.
///
/// A date is here only if there is no entity tag in its stead (sections 13.1.3 and 13.1.4).
#[derive(Clone, Debug)]
pub(crate) struct Conditions {
    /// Steps 1 and 2.
    same: Option<Same>,
    /// Steps 3 and 4.
    other: Option<Other>,
    /// `GET` or `HEAD`.
    reads: bool,
}

#[derive(Clone, Debug)]
enum Same {
    IfMatch(HeaderValue),
    /// None is before 1970, and so before any modification that can be said.
    IfUnmodifiedSince(Option<u64>),
}

#[derive(Clone, Debug)]
enum Other {
    IfNoneMatch(HeaderValue),
    IfModifiedSince(u64),
}

impl Conditions {
    /// Those of a request; none if there is nothing to evaluate.
    ///
    /// Dates that are none, or that are there twice, are ignored; so is everything for methods
    /// that neither select nor modify a representation (section 13.2.1).
    #[inline]
    pub(crate) fn of(method: &Method, headers: &HeaderMap) -> Option<Self> {
        if matches!(*method, Method::CONNECT | Method::OPTIONS | Method::TRACE) {
            return None;
        }
        let reads = matches!(*method, Method::GET | Method::HEAD);
        let same = match lines(headers, &IF_MATCH) {
            Some(list) => Some(Same::IfMatch(list)),
            None => single(headers, &IF_UNMODIFIED_SINCE)
                .and_then(date::parse)
                .map(|date| Same::IfUnmodifiedSince(date::seconds(date))),
        };
        let other = match lines(headers, &IF_NONE_MATCH) {
            Some(list) => Some(Other::IfNoneMatch(list)),
            None if reads => second(headers, &IF_MODIFIED_SINCE).map(Other::IfModifiedSince),
            None => None,
        };
        (same.is_some() || other.is_some()).then_some(Self { same, other, reads })
    }

    /// Evaluates them; `current` is none if there is no representation.
    pub(crate) fn evaluate(&self, current: Option<&Validators>) -> Precondition {
        let etag = current.and_then(|validators| validators.etag.as_ref());
        let modified = current.and_then(Validators::second);
        let same = match &self.same {
            Some(Same::IfMatch(list)) => {
                current.is_some() && names(list.as_bytes(), etag, Compare::Strong)
            }
            Some(Same::IfUnmodifiedSince(date)) => {
                modified.is_none_or(|second| date.is_some_and(|date| second <= date))
            }
            None => true,
        };
        if !same {
            return Precondition::Failed;
        }
        let other = match &self.other {
            Some(Other::IfNoneMatch(list)) => {
                current.is_none() || !names(list.as_bytes(), etag, Compare::Weak)
            }
            Some(Other::IfModifiedSince(date)) => modified.is_none_or(|second| second > *date),
            None => true,
        };
        match (other, self.reads) {
            (true, _) => Precondition::Proceed,
            (false, true) => Precondition::NotModified,
            (false, false) => Precondition::Failed,
        }
    }
}

/// All lines of a field as one (section 5.3).
fn lines(headers: &HeaderMap, name: &HeaderName) -> Option<HeaderValue> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    let Some(second) = values.next() else {
        return Some(first.clone());
    };
    let mut joined = BytesMut::from(first.as_bytes());
    for value in std::iter::once(second).chain(values) {
        joined.put_slice(b", ");
        joined.put_slice(value.as_bytes());
    }
    HeaderValue::from_maybe_shared(joined.freeze()).ok()
}

fn second(headers: &HeaderMap, name: &HeaderName) -> Option<u64> {
    single(headers, name)
        .and_then(date::parse)
        .and_then(date::seconds)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::Precondition::{Failed, NotModified, Proceed};
    use super::*;
    use crate::header::entity_tag::EntityTag;

    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const THEN: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";
    const SECOND: u64 = 784_111_777;

    /// A representation with this tag, modified within the second of `THEN`.
    fn current(etag: &str) -> Validators {
        let etag = HeaderValue::from_str(etag).unwrap();
        Validators::default()
            .etag(EntityTag::try_from(etag).unwrap())
            .modified(UNIX_EPOCH + Duration::new(SECOND, 999_999_999))
    }

    fn check(
        method: &Method,
        fields: &[(HeaderName, &str)],
        current: Option<&Validators>,
    ) -> Precondition {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        Conditions::of(method, &headers).map_or(Proceed, |conditions| conditions.evaluate(current))
    }

    /// A representation with the strong tag `"a"`.
    #[track_caller]
    fn row(method: &Method, fields: &[(HeaderName, &str)], wanted: Precondition) {
        let found = check(method, fields, Some(&current("\"a\"")));
        assert_eq!(found, wanted, "{method} {fields:?}");
    }

    #[test]
    fn if_match_is_compared_strongly() {
        // 13.1.1
        for method in [
            Method::GET,
            Method::HEAD,
            Method::PUT,
            Method::from_bytes(b"X").unwrap(),
        ] {
            row(&method, &[(IF_MATCH, "\"a\"")], Proceed);
            row(&method, &[(IF_MATCH, "\"b\", \"a\"")], Proceed);
            row(&method, &[(IF_MATCH, "*")], Proceed);
            row(&method, &[(IF_MATCH, "\"b\"")], Failed);
            row(&method, &[(IF_MATCH, "W/\"a\"")], Failed);
            row(&method, &[(IF_MATCH, "")], Failed);
            row(&method, &[(IF_MATCH, "a")], Failed);
        }
        let weak = current("W/\"a\"");
        assert_eq!(
            check(&Method::PUT, &[(IF_MATCH, "W/\"a\"")], Some(&weak)),
            Failed
        );
        assert_eq!(
            check(&Method::PUT, &[(IF_MATCH, "\"a\"")], Some(&weak)),
            Failed
        );
    }

    #[test]
    fn if_none_match_is_compared_weakly() {
        // 13.1.2
        for (list, wanted) in [
            ("\"a\"", NotModified),
            ("W/\"a\"", NotModified),
            ("\"b\", W/\"a\"", NotModified),
            ("*", NotModified),
            ("\"b\"", Proceed),
            ("a", Proceed),
            ("", Proceed),
        ] {
            row(&Method::GET, &[(IF_NONE_MATCH, list)], wanted);
            row(&Method::HEAD, &[(IF_NONE_MATCH, list)], wanted);
            let unsafe_ = if wanted == NotModified {
                Failed
            } else {
                Proceed
            };
            row(&Method::PUT, &[(IF_NONE_MATCH, list)], unsafe_);
            row(&Method::DELETE, &[(IF_NONE_MATCH, list)], unsafe_);
        }
    }

    #[test]
    fn several_lines_are_one_list() {
        // 5.3
        row(
            &Method::GET,
            &[(IF_NONE_MATCH, "\"b\""), (IF_NONE_MATCH, "\"a\"")],
            NotModified,
        );
        row(
            &Method::PUT,
            &[(IF_MATCH, "\"b\""), (IF_MATCH, "\"a\"")],
            Proceed,
        );
        row(
            &Method::PUT,
            &[(IF_MATCH, "\"b\""), (IF_MATCH, "\"c\"")],
            Failed,
        );
    }

    #[test]
    fn dates_are_compared_by_the_second() {
        // 13.1.3, 13.1.4
        row(&Method::GET, &[(IF_MODIFIED_SINCE, BEFORE)], Proceed);
        row(&Method::GET, &[(IF_MODIFIED_SINCE, THEN)], NotModified);
        row(&Method::HEAD, &[(IF_MODIFIED_SINCE, AFTER)], NotModified);
        row(&Method::PUT, &[(IF_UNMODIFIED_SINCE, BEFORE)], Failed);
        row(&Method::GET, &[(IF_UNMODIFIED_SINCE, BEFORE)], Failed);
        let long_ago = "Wed, 31 Dec 1969 23:59:59 GMT";
        row(&Method::PUT, &[(IF_UNMODIFIED_SINCE, long_ago)], Failed);
        row(&Method::PUT, &[(IF_UNMODIFIED_SINCE, THEN)], Proceed);
        row(&Method::PUT, &[(IF_UNMODIFIED_SINCE, AFTER)], Proceed);
    }

    #[test]
    fn if_modified_since_is_for_get_and_head() {
        // 13.1.3
        row(&Method::PUT, &[(IF_MODIFIED_SINCE, AFTER)], Proceed);
        row(&Method::POST, &[(IF_MODIFIED_SINCE, AFTER)], Proceed);
    }

    #[test]
    fn what_is_no_date_is_ignored() {
        // 13.1.3, 13.1.4
        row(&Method::GET, &[(IF_MODIFIED_SINCE, "0")], Proceed);
        row(&Method::PUT, &[(IF_UNMODIFIED_SINCE, "0")], Proceed);
        row(
            &Method::GET,
            &[(IF_MODIFIED_SINCE, AFTER), (IF_MODIFIED_SINCE, AFTER)],
            Proceed,
        );
        row(
            &Method::PUT,
            &[(IF_UNMODIFIED_SINCE, BEFORE), (IF_UNMODIFIED_SINCE, BEFORE)],
            Proceed,
        );
    }

    #[test]
    fn tags_take_precedence_over_dates() {
        // 13.2.2, steps 1 to 4
        row(
            &Method::PUT,
            &[(IF_MATCH, "\"a\""), (IF_UNMODIFIED_SINCE, BEFORE)],
            Proceed,
        );
        row(
            &Method::PUT,
            &[(IF_MATCH, "\"b\""), (IF_UNMODIFIED_SINCE, AFTER)],
            Failed,
        );
        row(
            &Method::GET,
            &[(IF_NONE_MATCH, "\"b\""), (IF_MODIFIED_SINCE, AFTER)],
            Proceed,
        );
        row(
            &Method::GET,
            &[(IF_NONE_MATCH, "\"a\""), (IF_MODIFIED_SINCE, BEFORE)],
            NotModified,
        );
    }

    #[test]
    fn failing_comes_before_not_modified() {
        // 13.2.2: steps 1 and 2 before 3 and 4
        row(
            &Method::GET,
            &[(IF_MATCH, "\"b\""), (IF_NONE_MATCH, "\"a\"")],
            Failed,
        );
        row(
            &Method::GET,
            &[(IF_MATCH, "\"a\""), (IF_NONE_MATCH, "\"a\"")],
            NotModified,
        );
        row(
            &Method::GET,
            &[(IF_UNMODIFIED_SINCE, BEFORE), (IF_MODIFIED_SINCE, AFTER)],
            Failed,
        );
        row(
            &Method::GET,
            &[(IF_UNMODIFIED_SINCE, AFTER), (IF_NONE_MATCH, "*")],
            NotModified,
        );
    }

    #[test]
    fn where_there_is_no_representation_only_its_absence_can_be_asked() {
        // 13.1.1, 13.1.2
        for list in ["*", "\"a\""] {
            assert_eq!(check(&Method::PUT, &[(IF_MATCH, list)], None), Failed);
            assert_eq!(check(&Method::PUT, &[(IF_NONE_MATCH, list)], None), Proceed);
        }
        assert_eq!(
            check(&Method::PUT, &[(IF_UNMODIFIED_SINCE, BEFORE)], None),
            Proceed
        );
    }

    #[test]
    fn a_representation_without_validators_matches_only_a_star() {
        let none = Validators::default();
        let one = |name, value| check(&Method::GET, &[(name, value)], Some(&none));
        assert_eq!(one(IF_MATCH, "*"), Proceed);
        assert_eq!(one(IF_MATCH, "\"a\""), Failed);
        assert_eq!(one(IF_NONE_MATCH, "*"), NotModified);
        assert_eq!(one(IF_NONE_MATCH, "\"a\""), Proceed);
        assert_eq!(one(IF_MODIFIED_SINCE, AFTER), Proceed);
        assert_eq!(one(IF_UNMODIFIED_SINCE, BEFORE), Proceed);
    }

    #[test]
    fn methods_without_a_representation_have_no_preconditions() {
        // 13.2.1
        for method in [Method::CONNECT, Method::OPTIONS, Method::TRACE] {
            row(
                &method,
                &[(IF_MATCH, "\"b\""), (IF_NONE_MATCH, "*")],
                Proceed,
            );
        }
    }
}
