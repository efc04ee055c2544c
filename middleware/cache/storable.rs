//! Whether a response is stored: RFC 9111, section 3.

use http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_RANGE, CONTENT_TYPE, EXPIRES, SET_COOKIE,
};
use http::{HeaderMap, StatusCode};

use super::entry::{self, Head};
use super::freshness::{self, Terms, is_heuristic};
use super::settings::{SetCookie, Settings};
use super::targeted;
use super::vary::Vary;
use crate::header::cache_control::{Of, ResponseDirectives};

/// What matters of a request to whether its response is stored.
#[derive(Clone, Copy, Debug)]
pub(super) struct Circumstances {
    /// The response may be used for others than who asked: it is not for one user.
    pub(super) shared: bool,
    /// The request has `Authorization`.
    pub(super) authorized: bool,
    /// The request says `no-store`.
    pub(super) no_store: bool,
    pub(super) requested: u64,
    pub(super) received: u64,
}

impl Circumstances {
    pub(super) fn is_authorized(request: &HeaderMap) -> bool {
        request.contains_key(AUTHORIZATION)
    }
}

impl Head {
    /// The head of a response as it is stored, if it may be and if that is of any use.
    pub(super) fn to_store(
        status: StatusCode,
        headers: &HeaderMap,
        request: &HeaderMap,
        circumstances: Circumstances,
        settings: &Settings,
    ) -> Option<Self> {
        let targeted = targeted::first(headers, &settings.targeted);
        let is_targeted = targeted.is_some();
        let directives =
            targeted.unwrap_or_else(|| ResponseDirectives::of(headers, &CACHE_CONTROL));
        let Circumstances {
            shared, received, ..
        } = circumstances;
        if !is_permitted(status, headers, &directives, circumstances)
            || (settings.cookies == SetCookie::Refuse && headers.contains_key(SET_COOKIE))
            || is_events(headers)
        {
            return None;
        }
        let terms = Terms::of(
            status,
            headers,
            &directives,
            is_targeted,
            shared,
            received,
            settings,
        );
        let mut head = Self {
            status,
            vary: Vary::of(headers, request)?,
            tags: entry::tags(headers),
            headers: headers.clone(),
            received,
            initial_age: freshness::initial_age(headers, circumstances.requested, received),
            terms,
        };
        let stale = terms.while_revalidate.max(terms.if_error);
        let lifetime = terms.lifetime.saturating_add(stale);
        let is_said = is_targeted || headers.contains_key(CACHE_CONTROL);
        if lifetime <= head.initial_age && !(is_said && head.has_validator()) {
            return None;
        }
        entry::to_store(
            &mut head.headers,
            status,
            &directives,
            shared,
            settings.cookies,
            received,
        );
        Some(head)
    }
}

/// Whether the response may be stored, by itself and by its request.
fn is_permitted(
    status: StatusCode,
    headers: &HeaderMap,
    directives: &ResponseDirectives,
    circumstances: Circumstances,
) -> bool {
    let Circumstances {
        shared, authorized, ..
    } = circumstances;
    let understood = is_understood(status);
    // Who understands the status need not look at `no-store` (section 5.2.2.3).
    let no_store = directives.no_store && !(directives.must_understand && understood);
    if circumstances.no_store
        || no_store
        || (directives.must_understand && !understood)
        || (shared && directives.private == Of::All)
    {
        return false;
    }
    let shared_age = directives.s_maxage.filter(|_| shared);
    // Section 3.5.
    let may_be_shared = directives.must_revalidate || directives.public || shared_age.is_some();
    if shared && authorized && !may_be_shared {
        return false;
    }
    // Parts are never put together here, and a 304 is of another response.
    let is_whole = !matches!(status.as_u16(), 100..200 | 206 | 304 | 416)
        && !headers.contains_key(CONTENT_RANGE);
    let is_explicit = directives.public
        || (!shared && directives.private != Of::Nothing)
        || directives.max_age.is_some()
        || shared_age.is_some()
        || headers.contains_key(EXPIRES);
    is_whole && (is_explicit || is_heuristic(status))
}

/// The statuses of RFC 9110 that mean nothing special to a cache.
fn is_understood(status: StatusCode) -> bool {
    is_heuristic(status)
        || matches!(status.as_u16(), 201 | 202 | 205 | 302 | 303 | 307 | 400..=417 | 421 | 422 | 426 | 500..=505)
}

/// A stream of events never ends, and is of the moment.
fn is_events(headers: &HeaderMap) -> bool {
    let media_type = headers.get(CONTENT_TYPE).map(http::HeaderValue::as_bytes);
    let start = media_type.and_then(|value| value.get(..17));
    start.is_some_and(|start| start.eq_ignore_ascii_case(b"text/event-stream"))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const SHARED: Circumstances = Circumstances {
        shared: true,
        authorized: false,
        no_store: false,
        requested: 1000,
        received: 1000,
    };

    fn is_stored(status: u16, line: &'static str, circumstances: Circumstances) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(line));
        let status = StatusCode::from_u16(status).unwrap();
        let request = HeaderMap::new();
        let settings = Settings::default();
        Head::to_store(status, &headers, &request, circumstances, &settings).is_some()
    }

    #[test]
    fn what_forbids_storing_is_obeyed() {
        assert!(is_stored(200, "max-age=1", SHARED));
        for line in [
            "max-age=1, no-store",
            "max-age=1, private",
            "max-age=1, private=\"\"",
            "max-age=0",
            "no-cache",
            "public",
            "",
        ] {
            assert!(!is_stored(200, line, SHARED), "{line}");
        }
        let no_store = Circumstances {
            no_store: true,
            ..SHARED
        };
        assert!(!is_stored(200, "max-age=1", no_store));
        let own = Circumstances {
            shared: false,
            ..SHARED
        };
        assert!(is_stored(200, "max-age=1, private", own));
    }

    #[test]
    fn what_is_authorized_is_stored_only_if_said() {
        // 3.5
        let authorized = Circumstances {
            authorized: true,
            ..SHARED
        };
        for (line, stored) in [
            ("max-age=1", false),
            ("max-age=1, public", true),
            ("max-age=1, must-revalidate", true),
            ("s-maxage=1", true),
            ("max-age=1, proxy-revalidate", false),
        ] {
            assert_eq!(is_stored(200, line, authorized), stored, "{line}");
        }
    }

    #[test]
    fn any_final_status_is_stored_if_it_says_so_but_parts_and_304() {
        for status in [200, 204, 299, 302, 404, 418, 500, 503, 599] {
            assert!(is_stored(status, "max-age=1", SHARED), "{status}");
        }
        for status in [101, 206, 304, 416] {
            assert!(!is_stored(status, "max-age=1", SHARED), "{status}");
        }
    }

    #[test]
    fn what_must_be_understood_is() {
        // 5.2.2.3
        let line = "max-age=1, no-store, must-understand";
        assert!(is_stored(200, line, SHARED));
        assert!(!is_stored(299, line, SHARED));
        assert!(!is_stored(299, "max-age=1, must-understand", SHARED));
    }
}
