//! What the cache did, in `Cache-Status`: RFC 9211.

use std::fmt::{self, Write as _};

use http::{HeaderMap, HeaderName, HeaderValue};

static CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// What the cache did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Handled {
    /// It answered by itself; the seconds are those for which the response is fresh yet.
    Hit { ttl: i64 },
    /// It answered with what another request got, or in place of it.
    Collapsed { why: Forward, status: Option<u16> },
    /// It passed the request on.
    Forwarded {
        why: Forward,
        /// The status that came back, if another was answered.
        status: Option<u16>,
        stored: bool,
    },
    /// There was nothing stored, and nothing else was allowed.
    OnlyIfCached,
}

/// Why a request was passed on (RFC 9211, section 2.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Forward {
    Bypass,
    Miss,
    Request,
    Stale,
}

impl Forward {
    const fn word(self) -> &'static str {
        match self {
            Self::Bypass => "bypass",
            Self::Miss => "miss",
            Self::Request => "request",
            Self::Stale => "stale",
        }
    }
}

impl Handled {
    /// Says it under `name`, behind what caches further in have said (section 2).
    pub(super) fn tell(self, name: Option<&str>, headers: &mut HeaderMap) {
        let Some(name) = name else {
            return;
        };
        let mut text = String::with_capacity(name.len() + 40);
        text.push_str(name);
        // Writing to a string does not fail.
        let _done = match self {
            Self::Hit { ttl } => write!(text, "; hit; ttl={ttl}"),
            Self::Collapsed { why, status } => forwarded(&mut text, why, status, "; collapsed"),
            Self::Forwarded {
                why,
                status,
                stored,
            } => forwarded(&mut text, why, status, if stored { "; stored" } else { "" }),
            Self::OnlyIfCached => write!(text, "; detail=only-if-cached"),
        };
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.append(&CACHE_STATUS, value);
        }
    }
}

fn forwarded(to: &mut String, why: Forward, status: Option<u16>, then: &str) -> fmt::Result {
    match status {
        Some(status) => write!(to, "; fwd={}; fwd-status={status}{then}", why.word()),
        None => write!(to, "; fwd={}{then}", why.word()),
    }
}

/// Whether a structured field can have `name` as a token (RFC 9651, section 3.3.4).
pub(super) const fn is_name(name: &str) -> bool {
    let mut bytes = name.as_bytes();
    let [first, ..] = bytes else {
        return false;
    };
    if !first.is_ascii_alphabetic() {
        return false;
    }
    while let [byte, rest @ ..] = bytes {
        if !byte.is_ascii_alphanumeric() && !matches!(byte, b'-' | b'.' | b'_' | b':' | b'/') {
            return false;
        }
        bytes = rest;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(handled: Handled) -> String {
        let mut headers = HeaderMap::new();
        handled.tell(Some("c"), &mut headers);
        headers["cache-status"].to_str().unwrap().to_owned()
    }

    #[test]
    fn what_was_done_is_told_in_the_words_of_the_rfc() {
        assert_eq!(told(Handled::Hit { ttl: -3 }), "c; hit; ttl=-3");
        let why = Forward::Miss;
        let collapsed = |status| told(Handled::Collapsed { why, status });
        assert_eq!(collapsed(None), "c; fwd=miss; collapsed");
        assert_eq!(
            collapsed(Some(503)),
            "c; fwd=miss; fwd-status=503; collapsed"
        );
        let forwarded = |why, status, stored| {
            told(Handled::Forwarded {
                why,
                status,
                stored,
            })
        };
        assert_eq!(forwarded(Forward::Bypass, None, false), "c; fwd=bypass");
        assert_eq!(
            forwarded(Forward::Request, None, true),
            "c; fwd=request; stored"
        );
        let stale = forwarded(Forward::Stale, Some(304), true);
        assert_eq!(stale, "c; fwd=stale; fwd-status=304; stored");
    }

    #[test]
    fn a_name_is_a_token() {
        for name in ["gopuram", "cdn-1.example:80/a"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "1", "a b", "a;b", "a\"", "ä"] {
            assert!(!is_name(name), "{name}");
        }
    }
}
