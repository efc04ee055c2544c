//! A stored response: RFC 9111, sections 3.1, 3.2 and 4.3.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, AGE, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, DATE, ETAG,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, SET_COOKIE, TRANSFER_ENCODING, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::freshness::Terms;
use super::settings::SetCookie;
use super::vary::Vary;
use crate::header::cache_control::{FOREVER, Of, ResponseDirectives};
use crate::header::date;
use crate::header::entity_tag::EntityTag;
use crate::header::list::members;

/// A stored response. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Entry {
    pub(super) head: Arc<Head>,
    pub(super) body: Bytes,
}

/// All of a stored response but its body.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) vary: Vary,
    pub(super) tags: Box<[Box<str>]>,
    /// When it was received, in seconds since 1970.
    pub(super) received: u64,
    /// How old it was then.
    pub(super) initial_age: u64,
    pub(super) terms: Terms,
}

impl Entry {
    /// Whether the fields of a request select this response of those of its URI.
    pub fn selects(&self, fields: &HeaderMap) -> bool {
        self.head.vary.selects(fields)
    }

    /// Whether this response is for the same requests as `other`, and so takes its place.
    #[must_use]
    pub fn replaces(&self, other: &Self) -> bool {
        self.head.vary == other.head.vary
    }

    /// Whether the response carries this tag in `Surrogate-Key` or `Cache-Tag`.
    pub fn has_tag(&self, tag: &str) -> bool {
        self.head.has_tag(tag)
    }

    /// The tags of the response, none of them twice.
    pub fn tags(&self) -> impl Iterator<Item = &str> {
        self.head.tags.iter().map(AsRef::as_ref)
    }

    /// Seconds for which it is of any use from when it was received, validators left aside.
    pub fn useful(&self) -> u64 {
        let terms = self.head.terms;
        let stale = terms.while_revalidate.max(terms.if_error);
        let until = terms.lifetime.saturating_add(stale);
        until.saturating_sub(self.head.initial_age).min(FOREVER)
    }

    /// Bytes that it takes in memory, about.
    pub fn weight(&self) -> u64 {
        self.head.weight().saturating_add(self.body.len() as u64)
    }
}

impl Head {
    pub(super) fn has_tag(&self, tag: &str) -> bool {
        self.tags.iter().any(|own| **own == *tag)
    }

    /// Bytes that it takes in memory, about.
    pub(super) fn weight(&self) -> u64 {
        const OVERHEAD: usize = 512;
        let headers = self.headers.iter();
        let fields = headers.map(|(name, value)| name.as_str().len() + value.len() + 64);
        let vary = self.vary.pairs();
        let vary = vary.map(|(_, value)| 2 * value.map_or(0, <[u8]>::len) + 128);
        let tags = self.tags.iter().map(|tag| tag.len() + 16);
        let all = fields.chain(vary).chain(tags);
        all.fold(OVERHEAD, usize::saturating_add) as u64
    }

    /// How old the response is (section 4.2.3).
    pub(super) fn age(&self, now: u64) -> u64 {
        let resident = now.saturating_sub(self.received);
        self.initial_age.saturating_add(resident).min(FOREVER)
    }

    pub(super) fn has_validator(&self) -> bool {
        has_validator(&self.headers)
    }

    /// Puts the validators of this response in a request (section 4.3.1).
    pub(super) fn ask(&self, request: &mut HeaderMap) {
        if let Some(etag) = EntityTag::of(&self.headers) {
            request.insert(IF_NONE_MATCH, etag.into());
        }
        if let Some(modified) = self.headers.get(LAST_MODIFIED) {
            request.insert(IF_MODIFIED_SINCE, modified.clone());
        }
    }

    /// Whether a 304 with these fields is of this response (section 4.3.4).
    pub(super) fn is_confirmed_by(&self, headers: &HeaderMap) -> bool {
        let own = EntityTag::of(&self.headers);
        match EntityTag::of(headers) {
            Some(tag) if tag.is_weak() => own.is_some_and(|own| own.weak_eq(&tag)),
            Some(tag) => own.is_some_and(|own| own.strong_eq(&tag)),
            None => {
                let modified = headers.get(LAST_MODIFIED);
                modified.is_none_or(|at| self.headers.get(LAST_MODIFIED) == Some(at))
            }
        }
    }

    /// Whether the answer to a `HEAD` is of this response (section 4.3.5).
    pub(super) fn is_confirmed_by_head(&self, headers: &HeaderMap, len: usize) -> bool {
        // What it does not say it does not contradict.
        let same = |name| {
            let new = headers.get(name);
            new.is_none_or(|new| self.headers.get(name) == Some(new))
        };
        let length = headers.get(CONTENT_LENGTH);
        let length = length.is_none_or(|said| said.as_bytes() == len.to_string().as_bytes());
        same(&ETAG) && same(&LAST_MODIFIED) && length
    }

    /// Whether the answer to a `HEAD` shows that this response is good yet: one that names no validator says
    /// nothing of it. Neither does a weak tag, since what it is the same as may have other bytes, of which the
    /// fields of that answer are (RFC 9110, section 8.8.1).
    pub(super) fn is_named_by_head(&self, headers: &HeaderMap) -> bool {
        if let Some(tag) = EntityTag::of(headers) {
            let own = EntityTag::of(&self.headers);
            return own.is_some_and(|own| own.strong_eq(&tag));
        }
        let modified = headers.get(LAST_MODIFIED);
        modified.is_some_and(|at| self.headers.get(LAST_MODIFIED) == Some(at))
    }

    /// The fields of this response with those of a newer one in their stead (section 3.2).
    pub(super) fn updated(&self, newer: &HeaderMap) -> HeaderMap {
        let mut headers = self.headers.clone();
        // Those of the bytes that are stored stay, and what is made anew for each answer.
        let kept = [
            ACCEPT_RANGES,
            CONTENT_ENCODING,
            CONTENT_LENGTH,
            CONTENT_RANGE,
        ];
        for name in newer.keys().filter(|name| !kept.contains(name)) {
            headers.remove(name);
            for value in newer.get_all(name) {
                headers.append(name, value.clone());
            }
        }
        // It is as old as the newer response, not as the one before.
        if !newer.contains_key(DATE) {
            headers.remove(DATE);
        }
        // A 304 need not repeat what selected the response; it is selected by it yet.
        if !newer.contains_key(VARY) {
            headers.remove(VARY);
            for value in self.headers.get_all(VARY) {
                headers.append(VARY, value.clone());
            }
        }
        headers
    }
}

pub(super) fn has_validator(headers: &HeaderMap) -> bool {
    EntityTag::of(headers).is_some() || headers.contains_key(LAST_MODIFIED)
}

/// Fields of a connection that no `Connection` need name (RFC 9110, section 7.6.1), and what is for
/// one proxy (RFC 9111, section 3.1).
static HOP: [HeaderName; 9] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-authenticate"),
    HeaderName::from_static("proxy-authentication-info"),
    HeaderName::from_static("proxy-authorization"),
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("te"),
    TRANSFER_ENCODING,
    HeaderName::from_static("upgrade"),
];

/// Leaves what is stored of the fields of a response (section 3.1).
pub(super) fn to_store(
    headers: &mut HeaderMap,
    status: StatusCode,
    directives: &ResponseDirectives,
    shared: bool,
    cookies: SetCookie,
    received: u64,
) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .flat_map(|line| members(line.as_bytes()))
        .filter_map(|name| HeaderName::from_bytes(name).ok())
        .collect();
    let fields = |of: &Of| match of {
        Of::Fields(fields) => fields.clone(),
        Of::All | Of::Nothing => Vec::new(),
    };
    let private = shared.then(|| fields(&directives.private));
    for name in named
        .iter()
        .chain(&HOP)
        .chain(&private.unwrap_or_default())
        .chain(&fields(&directives.no_cache))
        .chain((cookies == SetCookie::Strip).then_some(&SET_COOKIE))
    {
        headers.remove(name);
    }
    // The body says its length, and the age is said anew each time.
    headers.remove(CONTENT_LENGTH);
    headers.remove(AGE);
    if !headers.contains_key(DATE)
        && let Some(date) = date::format(
            std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(received),
        )
    {
        // RFC 9110, section 6.6.1: a recipient that stores a response without one adds it.
        headers.insert(DATE, date);
    }
    if status == StatusCode::OK {
        headers
            .entry(ACCEPT_RANGES)
            .or_insert(const { HeaderValue::from_static("bytes") });
    }
    // Values that a client has read share the buffer of all that it has read, which would stay.
    for value in headers.values_mut() {
        if let Ok(mut own) = HeaderValue::from_bytes(value.as_bytes()) {
            own.set_sensitive(value.is_sensitive());
            *value = own;
        }
    }
}

/// More tags than this are not looked at.
const TAGS: usize = 256;

/// What a response can be purged by: words of `Surrogate-Key`, members of `Cache-Tag`.
pub(super) fn tags(headers: &HeaderMap) -> Box<[Box<str>]> {
    let lines = |name| headers.get_all(name).into_iter().map(HeaderValue::as_bytes);
    let words = lines("surrogate-key").flat_map(|line| line.split(u8::is_ascii_whitespace));
    let listed = lines("cache-tag").flat_map(members);
    let mut seen = HashSet::new();
    words
        .chain(listed)
        .filter_map(|tag| std::str::from_utf8(tag).ok())
        .filter(|tag| !tag.is_empty() && seen.insert(*tag))
        .take(TAGS)
        .map(Into::into)
        .collect()
}

#[cfg(test)]
mod tests {
    use http::header::CACHE_CONTROL;

    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    fn stored(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = headers(fields);
        let directives = ResponseDirectives::of(&headers, &CACHE_CONTROL);
        let cookies = SetCookie::Strip;
        to_store(
            &mut headers,
            StatusCode::OK,
            &directives,
            true,
            cookies,
            784_111_777,
        );
        headers
    }

    #[test]
    fn fields_of_the_connection_are_not_stored() {
        // 3.1
        let left = stored(&[
            ("connection", "close, x-hop"),
            ("x-hop", "1"),
            ("keep-alive", "1"),
            ("transfer-encoding", "chunked"),
            ("proxy-authenticate", "basic"),
            ("set-cookie", "a=b"),
            ("x-kept", "1"),
            ("x-kept", "2"),
        ]);
        let kept: Vec<_> = left.get_all("x-kept").iter().collect();
        assert_eq!(kept, ["1", "2"]);
        assert_eq!(left[DATE], "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(left[ACCEPT_RANGES], "bytes");
        assert_eq!(left.len(), 4, "{left:?}");
    }

    #[test]
    fn fields_that_are_named_private_or_no_cache_are_not_stored() {
        // 5.2.2.4, 5.2.2.7
        let left = stored(&[
            ("cache-control", "private=\"a, B\", no-cache=c"),
            ("a", "1"),
            ("b", "1"),
            ("c", "1"),
            ("d", "1"),
        ]);
        for (name, is_kept) in [("a", false), ("b", false), ("c", false), ("d", true)] {
            assert_eq!(left.contains_key(name), is_kept, "{name}");
        }
    }

    #[test]
    fn tags_are_words_or_members() {
        let headers = headers(&[
            ("surrogate-key", "a  b\tc"),
            ("surrogate-key", "a"),
            ("cache-tag", "d,e f, b"),
        ]);
        let tags = tags(&headers);
        assert_eq!(
            tags.iter().map(AsRef::as_ref).collect::<Vec<&str>>(),
            ["a", "b", "c", "d", "e f"]
        );
    }
}
