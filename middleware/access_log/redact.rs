//! What a log must not keep: secrets in queries and cookies, and the whole of an address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::escape::Line;

/// What stands for a value that is not written.
pub(super) const REDACTED: &[u8] = b"[redacted]";

/// What is left out of lines.
#[derive(Clone, Debug, Default)]
pub(super) struct Redaction {
    pub(super) query_keys: Vec<Box<str>>,
    pub(super) cookies: Vec<Box<str>>,
    pub(super) mask: Option<Mask>,
}

/// How many bits are kept of an address.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mask {
    pub(super) v4: u8,
    pub(super) v6: u8,
}

impl Redaction {
    /// A part of a value that is a query, without its question mark.
    pub(super) fn query(&self, query: &[u8], line: &mut Line<'_>) {
        if self.query_keys.is_empty() {
            return line.part(query);
        }
        // A semicolon separates too for some applications; `?` and `#` begin the query of a URL in a value.
        for pair in query.split_inclusive(|b| b"&;?#".contains(b)) {
            let secret = key_of(pair).filter(|(key, _)| self.is_secret_key(key));
            let Some((key, value)) = secret else {
                line.part(pair);
                continue;
            };
            line.part(key);
            line.part(b"=");
            line.part(REDACTED);
            if let Some(separator) = value.last().filter(|b| b"&;?#".contains(b)) {
                line.part(&[*separator]);
            }
        }
    }

    /// A part of a value that is a URL. A user and password in it are never written (RFC 3986,
    /// section 3.2.1).
    pub(super) fn url(&self, url: &[u8], line: &mut Line<'_>) {
        let (before, url) = around_userinfo(url);
        line.part(before);
        if self.query_keys.is_empty() {
            return line.part(url);
        }
        let query = url.iter().position(|b| b"?#".contains(b));
        let (path, query) = url
            .split_at_checked(query.map_or(url.len(), |i| i + 1))
            .unwrap_or((url, b""));
        line.part(path);
        self.query(query, line);
    }

    /// A part of a value that is a `Cookie` field's (RFC 6265, section 4.2.1).
    pub(super) fn cookies(&self, cookies: &[u8], line: &mut Line<'_>) {
        if self.cookies.is_empty() {
            return line.part(cookies);
        }
        for (i, cookie) in cookies.split(|&b| b == b';').enumerate() {
            if i > 0 {
                line.part(b";");
            }
            self.cookie(cookie, line);
        }
    }

    /// A part of a value that is a `Set-Cookie` field's (RFC 6265, section 4.1.1).
    pub(super) fn set_cookie(&self, field: &[u8], line: &mut Line<'_>) {
        let end = field.iter().position(|&b| b == b';').unwrap_or(field.len());
        let (cookie, attributes) = field.split_at_checked(end).unwrap_or((field, b""));
        self.cookie(cookie, line);
        line.part(attributes);
    }

    fn cookie(&self, cookie: &[u8], line: &mut Line<'_>) {
        match key_of(cookie).filter(|(name, _)| self.is_secret_cookie(name)) {
            Some((name, _)) => {
                line.part(name);
                line.part(b"=");
                line.part(REDACTED);
            }
            None => line.part(cookie),
        }
    }

    /// Whether the value of a cookie is left out.
    pub(super) fn is_secret_cookie(&self, name: &[u8]) -> bool {
        let name = name.trim_ascii();
        self.cookies.iter().any(|secret| secret.as_bytes() == name)
    }

    fn is_secret_key(&self, key: &[u8]) -> bool {
        self.query_keys
            .iter()
            .any(|secret| decoded(key).eq_by_ignoring_case(secret))
    }

    /// The address that is written for `ip`.
    pub(super) fn masked(&self, ip: IpAddr) -> IpAddr {
        let Some(mask) = self.mask else { return ip };
        match ip {
            IpAddr::V4(ip) => {
                let bits = u32::MAX.checked_shl(32_u32.saturating_sub(mask.v4.into()));
                Ipv4Addr::from_bits(ip.to_bits() & bits.unwrap_or(0)).into()
            }
            IpAddr::V6(ip) => {
                let bits = u128::MAX.checked_shl(128_u32.saturating_sub(mask.v6.into()));
                Ipv6Addr::from_bits(ip.to_bits() & bits.unwrap_or(0)).into()
            }
        }
    }
}

/// What stands before the user of a URL, and what behind the `@`; nothing and all if there is none.
fn around_userinfo(url: &[u8]) -> (&[u8], &[u8]) {
    let found = || {
        let scheme = url.iter().position(|b| b"/?#".contains(b))?;
        let is_scheme = scheme == 0 || url.get(scheme - 1) == Some(&b':');
        let start = scheme + 2;
        if !is_scheme || url.get(scheme..start)? != b"//" {
            return None;
        }
        let authority = url.get(start..)?;
        let end = authority.iter().position(|b| b"/?#".contains(b));
        let authority = authority.get(..end.unwrap_or(authority.len()))?;
        let at = authority.iter().rposition(|&b| b == b'@')?;
        Some((url.get(..start)?, url.get(start + at + 1..)?))
    };
    found().unwrap_or((b"", url))
}

/// The key of `key=value`, and the value.
fn key_of(pair: &[u8]) -> Option<(&[u8], &[u8])> {
    let equals = pair.iter().position(|&b| b == b'=')?;
    Some((pair.get(..equals)?, pair.get(equals + 1..)?))
}

/// A key as the application reads it: percent-decoded, or a client could write around the rule.
fn decoded(key: &[u8]) -> impl Iterator<Item = u8> {
    let mut rest = key;
    std::iter::from_fn(move || {
        if let [b'%', high, low, after @ ..] = rest
            && let (Some(high), Some(low)) = (hex(*high), hex(*low))
        {
            rest = after;
            return Some(high << 4 | low);
        }
        let (first, after) = rest.split_first()?;
        rest = after;
        Some(if *first == b'+' { b' ' } else { *first })
    })
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

trait EqIgnoringCase {
    fn eq_by_ignoring_case(self, text: &str) -> bool;
}

impl<I: Iterator<Item = u8>> EqIgnoringCase for I {
    fn eq_by_ignoring_case(self, text: &str) -> bool {
        self.map(|b| b.to_ascii_lowercase())
            .eq(text.bytes().map(|b| b.to_ascii_lowercase()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::escape::Style;
    use super::*;

    fn written(write: impl FnOnce(&Redaction, &mut Line<'_>)) -> String {
        let redaction = Redaction {
            query_keys: vec!["token".into(), "api key".into()],
            cookies: vec!["session".into()],
            mask: Some(Mask { v4: 24, v6: 48 }),
        };
        let mut buf = Vec::new();
        let mut line = Line::new(&mut buf, Style::Apache, usize::MAX);
        write(&redaction, &mut line);
        String::from_utf8(buf).unwrap()
    }

    fn query(query: &str) -> String {
        written(|redaction, line| redaction.query(query.as_bytes(), line))
    }

    #[test]
    fn values_of_secret_keys_are_left_out() {
        assert_eq!(query("a=1&token=abc&b=2"), "a=1&token=[redacted]&b=2");
        assert_eq!(query("token=abc"), "token=[redacted]");
        assert_eq!(query("token=a;b=1"), "token=[redacted];b=1");
        assert_eq!(
            query("token&tokens=1&token="),
            "token&tokens=1&token=[redacted]"
        );
    }

    #[test]
    fn a_key_may_be_encoded_or_in_another_case() {
        assert_eq!(query("t%6Fken=abc"), "t%6Fken=[redacted]");
        assert_eq!(query("TOKEN=abc"), "TOKEN=[redacted]");
        assert_eq!(
            query("api+key=1&api%20Key=2"),
            "api+key=[redacted]&api%20Key=[redacted]"
        );
        assert_eq!(query("%token=1&%4=2&%=3"), "%token=1&%4=2&%=3");
    }

    #[test]
    fn a_url_is_redacted_in_query_and_fragment() {
        let url = |url: &str| written(|redaction, line| redaction.url(url.as_bytes(), line));
        assert_eq!(url("http://a/token=b"), "http://a/token=b");
        assert_eq!(
            url("http://a/?token=b&c=d"),
            "http://a/?token=[redacted]&c=d"
        );
        assert_eq!(url("/cb#token=b"), "/cb#token=[redacted]");
        assert_eq!(url("/a?next=/b?token=c#d"), "/a?next=/b?token=[redacted]#d");
    }

    #[test]
    fn a_user_and_password_in_a_url_are_left_out() {
        for (url, expected) in [
            ("http://ann:pw@a/b", "http://a/b"),
            ("//ann:p@w@a?token=b", "//a?token=[redacted]"),
            ("https://ann@a", "https://a"),
            ("http://a/@b", "http://a/@b"),
            ("http://a?b@c", "http://a?b@c"),
            ("/a//b@c", "/a//b@c"),
            ("a@b", "a@b"),
            ("", ""),
        ] {
            let with = written(|redaction, line| redaction.url(url.as_bytes(), line));
            assert_eq!(with, expected, "{url}");
        }
        // Also where nothing else is redacted.
        let none = written(|_, line| Redaction::default().url(b"http://ann:pw@a/?b", line));
        assert_eq!(none, "http://a/?b");
    }

    #[test]
    fn secret_cookies_are_left_out() {
        let cookies = written(|r, line| r.cookies(b"a=1; session=s3cret; b=2", line));
        assert_eq!(cookies, "a=1; session=[redacted]; b=2");
        let set = written(|r, line| r.set_cookie(b"session=s3cret; Path=/; HttpOnly", line));
        assert_eq!(set, "session=[redacted]; Path=/; HttpOnly");
        let set = written(|r, line| r.set_cookie(b"a=1; session=2", line));
        assert_eq!(set, "a=1; session=2");
    }

    #[test]
    fn addresses_are_masked() {
        let masked = |v4, v6, ip: &str| {
            let redaction = Redaction {
                mask: Some(Mask { v4, v6 }),
                ..Redaction::default()
            };
            redaction.masked(ip.parse().unwrap()).to_string()
        };
        assert_eq!(masked(24, 48, "192.0.2.77"), "192.0.2.0");
        assert_eq!(masked(24, 48, "2001:db8:1:2:3:4:5:6"), "2001:db8:1::");
        assert_eq!(masked(0, 0, "192.0.2.77"), "0.0.0.0");
        assert_eq!(masked(0, 0, "2001:db8::1"), "::");
        assert_eq!(masked(32, 128, "192.0.2.77"), "192.0.2.77");
        assert_eq!(masked(99, 255, "2001:db8::1"), "2001:db8::1");
    }
}
