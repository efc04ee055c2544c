//! How long a response is fresh, and how old it is: RFC 9111, section 4.2.
//!
//! All in whole seconds, and nothing overflows: what is too much is the most there is.

use http::header::{AGE, DATE, EXPIRES, LAST_MODIFIED};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::clock;
use super::settings::Settings;
use crate::header::cache_control::{FOREVER, Of, ResponseDirectives, seconds};
use crate::header::date;
use crate::header::entity_tag::single;
use crate::header::list::trim;

/// What a response says of its reuse, settled when it is received.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Terms {
    /// Up to which age it is fresh.
    pub(super) lifetime: u64,
    /// For how long after that it may be used while it is validated (RFC 5861, section 3).
    pub(super) while_revalidate: u64,
    /// For how long after that it may be used if validation fails (RFC 5861, section 4).
    pub(super) if_error: u64,
    pub(super) reuse: Reuse,
}

/// How far a response may be used without being validated, from the strictest on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Reuse {
    /// Not at all: `no-cache`.
    Never,
    /// While it is fresh, whoever asks for more: `must-revalidate`.
    Fresh,
    /// While it is fresh, or for as long as it says itself: `s-maxage`.
    AsSaid,
    /// For as long as the client says, too.
    AsAsked,
}

impl Reuse {
    pub(super) const ALL: [Self; 4] = [Self::Never, Self::Fresh, Self::AsSaid, Self::AsAsked];
}

impl Terms {
    /// Whether it is an answer to nobody but who asked for it: without being validated it is none for others.
    pub(super) fn is_for_one(self) -> bool {
        let is_never_fresh = self.lifetime == 0 && self.while_revalidate == 0;
        is_never_fresh || self.reuse == Reuse::Never
    }

    pub(super) fn of(
        status: StatusCode,
        headers: &HeaderMap,
        directives: &ResponseDirectives,
        targeted: bool,
        shared: bool,
        received: u64,
        settings: &Settings,
    ) -> Self {
        let shared_age = directives.s_maxage.filter(|_| shared);
        let reuse = if directives.no_cache == Of::All {
            Reuse::Never
        } else if directives.must_revalidate || (shared && directives.proxy_revalidate) {
            Reuse::Fresh
        } else if shared_age.is_some() {
            // It has the meaning of `proxy-revalidate` (section 5.2.2.10), but to what the same
            // response says of being stale.
            Reuse::AsSaid
        } else {
            Reuse::AsAsked
        };
        let date = dated(headers, received);
        let said = shared_age.or(directives.max_age).or_else(|| {
            // Where the targeted field is, `Expires` is not asked (RFC 9213, section 2.2).
            let expires = headers.get_all(EXPIRES).iter().next();
            let until = |value: &HeaderValue| {
                let second = date::parse(value).map_or(0, clock::seconds);
                second.saturating_sub(date).min(FOREVER)
            };
            expires.filter(|_| !targeted).map(until)
        });
        let lifetime = said.unwrap_or_else(|| {
            if is_heuristic(status) || directives.public {
                heuristic(headers, date).min(settings.heuristic)
            } else {
                0
            }
        });
        let if_error = directives.stale_if_error;
        Self {
            lifetime,
            while_revalidate: directives.stale_while_revalidate.unwrap_or(0),
            if_error: match reuse {
                Reuse::AsAsked => if_error.unwrap_or(settings.stale_if_error),
                _ => if_error.unwrap_or(0),
            },
            reuse,
        }
    }
}

/// A tenth of the time since the last modification (section 4.2.2).
fn heuristic(headers: &HeaderMap, date: u64) -> u64 {
    let modified = single(headers, &LAST_MODIFIED).and_then(date::parse);
    modified.map_or(0, |at| date.saturating_sub(clock::seconds(at)) / 10)
}

/// Which responses may be stored though they do not say how long they are fresh: RFC 9110,
/// section 15.1, without 206.
pub(super) fn is_heuristic(status: StatusCode) -> bool {
    matches!(
        status.as_u16(),
        200 | 203 | 204 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501
    )
}

/// When a response was made: by its `Date`, or else when it was received (RFC 9110, section 6.6.1).
pub(super) fn dated(headers: &HeaderMap, received: u64) -> u64 {
    let date = single(headers, &DATE).and_then(date::parse);
    date.map_or(received, clock::seconds)
}

/// How old a response was when it was received (section 4.2.3).
pub(super) fn initial_age(headers: &HeaderMap, requested: u64, received: u64) -> u64 {
    let apparent = received.saturating_sub(dated(headers, received));
    let delay = received.saturating_sub(requested);
    let corrected = said(headers, &AGE).saturating_add(delay);
    apparent.max(corrected).min(FOREVER)
}

/// The first of the numbers that a field has (section 5.1); 0 if it is none.
fn said(headers: &HeaderMap, name: &HeaderName) -> u64 {
    let first = headers.get(name).map(HeaderValue::as_bytes);
    let first = first.and_then(|value| value.split(|byte| *byte == b',').next());
    first.and_then(|value| seconds(trim(value))).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use http::header::CACHE_CONTROL;

    use super::*;

    const DATE_: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const SECOND: u64 = 784_111_777;

    fn headers(fields: &[(HeaderName, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    fn terms(status: u16, fields: &[(HeaderName, &str)]) -> Terms {
        let headers = headers(fields);
        let status = StatusCode::from_u16(status).unwrap();
        let directives = ResponseDirectives::of(&headers, &CACHE_CONTROL);
        let settings = Settings::default();
        Terms::of(
            status,
            &headers,
            &directives,
            false,
            true,
            SECOND,
            &settings,
        )
    }

    fn lifetime(fields: &[(HeaderName, &str)]) -> u64 {
        terms(200, fields).lifetime
    }

    #[test]
    fn the_first_that_says_it_says_how_long() {
        // 4.2.1
        let expires = (EXPIRES, "Sun, 06 Nov 1994 08:49:47 GMT");
        let date = (DATE, DATE_);
        assert_eq!(lifetime(&[expires.clone(), date.clone()]), 10);
        let both = (CACHE_CONTROL, "max-age=60");
        assert_eq!(lifetime(&[both, expires.clone()]), 60);
        let all = (CACHE_CONTROL, "max-age=60, s-maxage=5");
        assert_eq!(lifetime(&[all, expires]), 5);
        for past in [DATE_, "0", "", "Sun, 06 Nov 1994 08:49:36 GMT", "tomorrow"] {
            assert_eq!(lifetime(&[(EXPIRES, past), date.clone()]), 0, "{past}");
        }
        let far = (EXPIRES, "Fri, 31 Dec 9999 23:59:59 GMT");
        assert_eq!(lifetime(&[far]), FOREVER);
    }

    #[test]
    fn what_says_nothing_is_fresh_for_a_tenth_of_its_age() {
        // 4.2.2
        let modified = (LAST_MODIFIED, "Sun, 06 Nov 1994 08:32:57 GMT");
        assert_eq!(lifetime(std::slice::from_ref(&modified)), 100);
        assert_eq!(terms(302, std::slice::from_ref(&modified)).lifetime, 0);
        let public = (CACHE_CONTROL, "public");
        assert_eq!(terms(302, &[modified, public]).lifetime, 100);
        let ancient = (LAST_MODIFIED, "Sun, 06 Nov 1904 08:32:57 GMT");
        assert_eq!(lifetime(&[ancient]), 24 * 60 * 60);
        let later = (LAST_MODIFIED, "Sun, 06 Nov 1994 09:00:00 GMT");
        assert_eq!(lifetime(&[later]), 0);
        assert_eq!(lifetime(&[]), 0);
    }

    #[test]
    fn the_strictest_word_decides_what_may_be_stale() {
        // 4.2.4
        for (line, reuse) in [
            ("max-age=1", Reuse::AsAsked),
            ("s-maxage=1", Reuse::AsSaid),
            ("s-maxage=1, must-revalidate", Reuse::Fresh),
            ("proxy-revalidate", Reuse::Fresh),
            ("no-cache, must-revalidate", Reuse::Never),
            ("no-cache=\"a\"", Reuse::AsAsked),
        ] {
            let terms = terms(200, &[(CACHE_CONTROL, line)]);
            assert_eq!(terms.reuse, reuse, "{line}");
        }
    }

    #[test]
    fn a_response_is_as_old_as_the_oldest_that_is_known() {
        // 4.2.3
        let age = |fields: &[(HeaderName, &str)]| initial_age(&headers(fields), SECOND, SECOND + 2);
        assert_eq!(age(&[]), 2);
        assert_eq!(age(&[(AGE, "10")]), 12);
        assert_eq!(age(&[(AGE, "10"), (AGE, "20")]), 12);
        assert_eq!(age(&[(AGE, "7, 8")]), 9);
        let date = (DATE, "Sun, 06 Nov 1994 08:49:27 GMT");
        assert_eq!(age(&[(AGE, "1"), date]), 12);
        for nonsense in ["-1", "x", "", "1.5"] {
            assert_eq!(age(&[(AGE, nonsense)]), 2, "{nonsense}");
        }
        assert_eq!(age(&[(AGE, "99999999999999999999")]), FOREVER);
        assert_eq!(initial_age(&HeaderMap::new(), SECOND, SECOND - 5), 0);
    }
}
