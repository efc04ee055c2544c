//! Whether a stored response is an answer to a request: RFC 9111, sections 4 and 5.2.1.

use http::header::{ACCEPT_RANGES, DATE};
use http::{HeaderMap, Method, Response, StatusCode};

use super::entry::Head;
use super::freshness::Reuse;
use crate::body::Body;
use crate::header::cache_control::RequestDirectives;
use crate::header::date;
use crate::header::entity_tag::single;
use crate::represent::{self, Conditions, Precondition, Ranges, Validators, Wanted};

/// What a `GET` or `HEAD` asks for.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) head: bool,
    pub(super) directives: RequestDirectives,
    pub(super) conditions: Option<Conditions>,
    pub(super) wanted: Option<Wanted>,
}

/// What is done with a stored response.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Use {
    /// It is the answer.
    Answer,
    /// It is the answer, and validated meanwhile.
    AnswerAndValidate,
    /// It is validated first: it is stale, or the client wants to be sure.
    Validate(Why),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Why {
    Request,
    Stale,
}

impl Asked {
    #[inline]
    pub(super) fn of(method: &Method, headers: &HeaderMap, ignore_directives: bool) -> Self {
        let mut directives = RequestDirectives::of(headers);
        if ignore_directives {
            directives = RequestDirectives {
                only_if_cached: directives.only_if_cached,
                no_store: directives.no_store,
                ..RequestDirectives::default()
            };
        }
        Self {
            head: *method == Method::HEAD,
            directives,
            conditions: Conditions::of(method, headers),
            wanted: Wanted::of(method, headers),
        }
    }

    /// What is done with a stored response that the request selects.
    pub(super) fn judge(&self, head: &Head, now: u64) -> Use {
        let asked = &self.directives;
        if asked.no_cache {
            return Use::Validate(Why::Request);
        }
        let terms = head.terms;
        let age = head.age(now);
        if terms.reuse == Reuse::Never {
            return Use::Validate(Why::Stale);
        }
        if asked.max_age.is_some_and(|most| age > most) {
            return Use::Validate(Why::Request);
        }
        let left = terms.lifetime.saturating_sub(age);
        let min_fresh = asked.min_fresh.unwrap_or(0);
        if left > 0 {
            return if left < min_fresh {
                Use::Validate(Why::Request)
            } else {
                Use::Answer
            };
        }
        let stale = age.saturating_sub(terms.lifetime);
        if min_fresh > 0 || terms.reuse == Reuse::Fresh {
            return Use::Validate(Why::Stale);
        }
        if asked.max_stale.is_some_and(|most| stale <= most) && terms.reuse == Reuse::AsAsked {
            return Use::Answer;
        }
        // Who bounds the age and says no more wants nothing that is stale (section 5.2.1.1).
        if asked.max_age.is_some() && asked.max_stale.is_none() {
            return Use::Validate(Why::Stale);
        }
        // The second in which it becomes stale is one of staleness.
        if stale < terms.while_revalidate {
            return Use::AnswerAndValidate;
        }
        Use::Validate(Why::Stale)
    }

    /// Whether a stored response is better than an error (RFC 5861, section 4).
    pub(super) fn prefers_to_error(&self, head: &Head, now: u64) -> bool {
        let terms = head.terms;
        let asked = self.directives.stale_if_error.unwrap_or(0);
        let most = match terms.reuse {
            Reuse::Never | Reuse::Fresh => return false,
            Reuse::AsSaid => terms.if_error,
            Reuse::AsAsked => terms.if_error.max(asked),
        };
        head.age(now) < terms.lifetime.saturating_add(most)
    }

    /// What is answered of a representation: 304, a part of it, or all.
    pub(super) fn select(&self, mut res: Response<Body>, len: Option<u64>) -> Response<Body> {
        if res.status() != StatusCode::OK {
            return res;
        }
        let headers = res.headers();
        if let Some(conditions) = &self.conditions {
            let mut validators = Validators::of(headers);
            // Section 4.3.2.
            validators.modified = validators.modified.or_else(|| made(headers));
            if conditions.evaluate(Some(&validators)) == Precondition::NotModified {
                represent::not_modified(res.headers_mut());
                *res.status_mut() = StatusCode::NOT_MODIFIED;
                *res.body_mut() = Body::empty();
                return res;
            }
        }
        let accepts = headers.get(ACCEPT_RANGES);
        let accepts = accepts.is_none_or(|unit| !unit.as_bytes().eq_ignore_ascii_case(b"none"));
        let (Some(wanted), Some(len), true) = (&self.wanted, len, accepts) else {
            return res;
        };
        let now = || made(headers).unwrap_or(std::time::UNIX_EPOCH);
        match wanted.resolve(
            || Validators::of(headers).telling_codings_apart(headers),
            now,
            len,
            represent::MOST,
        ) {
            Ranges::Whole => res,
            ranges => represent::answer(res, &ranges, len, represent::SKIP),
        }
    }
}

fn made(headers: &HeaderMap) -> Option<std::time::SystemTime> {
    single(headers, &DATE).and_then(date::parse)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::CACHE_CONTROL;

    use super::*;
    use crate::cache::settings::Settings;
    use crate::cache::storable::Circumstances;

    /// A response of second 1000.
    fn head(line: &'static str) -> Head {
        let headers = HeaderMap::from_iter([
            (CACHE_CONTROL, HeaderValue::from_static(line)),
            (http::header::ETAG, HeaderValue::from_static("\"a\"")),
        ]);
        let circumstances = Circumstances {
            shared: true,
            authorized: false,
            no_store: false,
            requested: 1000,
            received: 1000,
        };
        let request = HeaderMap::new();
        let settings = Settings::default();
        Head::to_store(StatusCode::OK, &headers, &request, circumstances, &settings).unwrap()
    }

    fn asked(line: &'static str) -> Asked {
        let headers = HeaderMap::from_iter([(CACHE_CONTROL, HeaderValue::from_static(line))]);
        Asked::of(&Method::GET, &headers, false)
    }

    fn judge(request: &'static str, response: &'static str, age: u64) -> Use {
        asked(request).judge(&head(response), 1000 + age)
    }

    const STALE: Use = Use::Validate(Why::Stale);
    const REQUEST: Use = Use::Validate(Why::Request);

    #[test]
    fn what_is_fresh_is_an_answer_until_it_is_as_old_as_it_may_be() {
        // 4.2
        assert_eq!(judge("", "max-age=10", 9), Use::Answer);
        assert_eq!(judge("", "max-age=10", 10), STALE);
        assert_eq!(judge("", "max-age=10, no-cache", 0), STALE);
        assert_eq!(judge("", "max-age=0", 0), STALE);
    }

    #[test]
    fn a_request_can_ask_for_more() {
        // 5.2.1
        for (request, age, wanted) in [
            ("no-cache", 0, REQUEST),
            ("max-age=3", 3, Use::Answer),
            ("max-age=3", 4, REQUEST),
            ("max-age=0", 0, Use::Answer),
            ("min-fresh=5", 5, Use::Answer),
            ("min-fresh=5", 6, REQUEST),
            ("min-fresh=11", 0, REQUEST),
        ] {
            assert_eq!(judge(request, "max-age=10", age), wanted, "{request} {age}");
        }
    }

    #[test]
    fn a_request_can_do_with_less_unless_the_response_forbids_it() {
        // 5.2.1.2, 4.2.4
        assert_eq!(judge("max-stale=5", "max-age=10", 15), Use::Answer);
        assert_eq!(judge("max-stale=5", "max-age=10", 16), STALE);
        assert_eq!(judge("max-stale", "max-age=10", 9999), Use::Answer);
        // 5.2.1.1
        let both = |age| judge("max-stale, max-age=15", "max-age=10", age);
        assert_eq!((both(15), both(16)), (Use::Answer, REQUEST));
        for line in [
            "max-age=10, must-revalidate",
            "max-age=10, proxy-revalidate",
            "s-maxage=10",
        ] {
            assert_eq!(judge("max-stale", line, 11), STALE, "{line}");
        }
    }

    #[test]
    fn while_it_is_validated_it_may_be_stale_for_as_long_as_it_says() {
        // RFC 5861, 3
        for line in [
            "max-age=10, stale-while-revalidate=5",
            "s-maxage=10, stale-while-revalidate=5",
        ] {
            assert_eq!(judge("", line, 9), Use::Answer);
            assert_eq!(judge("", line, 14), Use::AnswerAndValidate);
            assert_eq!(judge("", line, 15), STALE);
        }
        let line = "max-age=10, stale-while-revalidate=5";
        assert_eq!(judge("max-age=99", line, 11), STALE);
        assert_eq!(
            judge("max-age=99, max-stale=0", line, 11),
            Use::AnswerAndValidate
        );
        let line = "max-age=10, stale-while-revalidate=5, must-revalidate";
        assert_eq!(judge("", line, 11), STALE);
    }

    #[test]
    fn an_error_is_worse_than_a_stale_response_that_says_so() {
        // RFC 5861, 4
        let prefers =
            |request, line, age: u64| asked(request).prefers_to_error(&head(line), 1000 + age);
        assert!(prefers("", "max-age=1, stale-if-error=5", 5));
        assert!(!prefers("", "max-age=1, stale-if-error=5", 6));
        assert!(prefers("stale-if-error=9", "max-age=1", 9));
        assert!(!prefers("stale-if-error=9", "s-maxage=1", 9));
        assert!(!prefers("", "max-age=1", 2));
        for line in ["must-revalidate", "no-cache"] {
            let line = format!("max-age=1, stale-if-error=9, {line}");
            assert!(!prefers("", line.leak(), 2));
        }
    }
}
