//! The front check: what must not pass although hyper parsed it.
//!
//! It runs before anything else sees a request. What it refuses is answered at once, the
//! connection is closed, and nothing that the client sent behind it is looked at.

use std::net::Ipv6Addr;

use http::header::{COOKIE, HOST, TRANSFER_ENCODING};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, Version};

/// Whether a request may pass; the status to refuse it with if it may not.
#[inline]
pub(super) fn check<B>(req: &mut Request<B>) -> Result<(), StatusCode> {
    let host = Host::of(req.headers())?;
    if req.version() == Version::HTTP_2 {
        http2(req, host)
    } else {
        http1(req, host)
    }
}

/// The `Host` field of a request, checked.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Host {
    Missing,
    Given,
}

impl Host {
    /// Looks at all fields once.
    #[inline]
    fn of(headers: &HeaderMap) -> Result<Self, StatusCode> {
        let mut host = Self::Missing;
        for (name, value) in headers {
            if *name == HOST {
                // RFC 9112, section 3.2: more than one line, or no valid value.
                if host == Self::Given || !is_host(value.as_bytes()) {
                    return Err(StatusCode::BAD_REQUEST);
                }
                host = Self::Given;
            } else if *name == TRANSFER_ENCODING {
                codings(headers)?;
            }
        }
        Ok(host)
    }
}

/// HTTP/1: the four forms of a target (RFC 9112, section 3.2).
#[inline]
fn http1<B>(req: &mut Request<B>, host: Host) -> Result<(), StatusCode> {
    if host == Host::Missing && req.version() == Version::HTTP_11 {
        return Err(StatusCode::BAD_REQUEST);
    }
    if req.method() == Method::CONNECT {
        return connect(req.uri());
    }
    let Some(authority) = req.uri().authority() else {
        return origin(req.method(), req.uri());
    };
    // Without a scheme it is the authority form, which is for `CONNECT` only.
    if req.uri().scheme().is_none() || !is_authority(authority) {
        return Err(StatusCode::BAD_REQUEST);
    }
    // RFC 9112, section 3.2.2: the target wins.
    let value = HeaderValue::from_str(authority.as_str()).map_err(|_| StatusCode::BAD_REQUEST)?;
    req.headers_mut().insert(HOST, value);
    Ok(())
}

/// HTTP/2: the control data (RFC 9113, section 8.3.1).
fn http2<B>(req: &mut Request<B>, host: Host) -> Result<(), StatusCode> {
    join_cookies(req.headers_mut());
    let authority = req.uri().authority();
    if let Some(authority) = authority {
        if !is_authority(authority) {
            return Err(StatusCode::BAD_REQUEST);
        }
        if let Some(host) = req.headers().get(HOST)
            && !host
                .as_bytes()
                .eq_ignore_ascii_case(authority.as_str().as_bytes())
        {
            return Err(StatusCode::BAD_REQUEST);
        }
    } else if host == Host::Missing {
        return Err(StatusCode::BAD_REQUEST);
    }
    // An extended `CONNECT` has a path like any other request (RFC 8441, section 4).
    if req.method() == Method::CONNECT && req.uri().path_and_query().is_none() {
        return connect(req.uri());
    }
    origin(req.method(), req.uri())
}

/// Makes one line of cookies that HTTP/2 sent as several (RFC 9113, section 8.2.3).
#[inline]
fn join_cookies(headers: &mut HeaderMap) {
    let cookies = headers.get_all(COOKIE);
    if cookies.iter().nth(1).is_none() {
        return;
    }
    let lines: Vec<_> = cookies.iter().map(HeaderValue::as_bytes).collect();
    // Field values with `; ` between them are one.
    if let Ok(joined) = HeaderValue::from_bytes(&lines.join(b"; ".as_slice())) {
        headers.insert(COOKIE, joined);
    }
}

/// An absolute path, or an asterisk for `OPTIONS`.
#[inline]
fn origin(method: &Method, uri: &Uri) -> Result<(), StatusCode> {
    let target = uri.path_and_query().map_or("", |target| target.as_str());
    match target.as_bytes() {
        [b'/', ..] => Ok(()),
        b"*" if method == Method::OPTIONS => Ok(()),
        _ => Err(StatusCode::BAD_REQUEST),
    }
}

/// A host and a port, which must be there (RFC 9110, section 9.3.6).
fn connect(uri: &Uri) -> Result<(), StatusCode> {
    match uri.authority() {
        Some(authority) if is_authority(authority) && authority.port_u16().is_some() => Ok(()),
        _ => Err(StatusCode::BAD_REQUEST),
    }
}

/// The only transfer coding there is to undo is `chunked`, once (RFC 9112, section 6.1).
///
/// That the last one is `chunked` hyper has seen to.
#[cold]
fn codings(headers: &HeaderMap) -> Result<(), StatusCode> {
    let mut chunked = 0_usize;
    for line in headers.get_all(TRANSFER_ENCODING) {
        for coding in line.as_bytes().split(|&byte| byte == b',') {
            match coding.trim_ascii() {
                // An empty element of a list is none (RFC 9110, section 5.6.1).
                b"" => {}
                coding if coding.eq_ignore_ascii_case(b"chunked") => chunked += 1,
                _ => return Err(StatusCode::NOT_IMPLEMENTED),
            }
        }
    }
    if chunked == 1 {
        Ok(())
    } else {
        Err(StatusCode::BAD_REQUEST)
    }
}

/// An authority that is a host and perhaps a port, without anyone's name or password
/// (RFC 9110, section 4.2.4).
fn is_authority(authority: &Authority) -> bool {
    let authority = authority.as_str().as_bytes();
    !authority.is_empty() && is_host(authority)
}

/// `uri-host [ ":" port ]`, or nothing, for a target without an authority.
fn is_host(value: &[u8]) -> bool {
    let end = match value {
        [] => return true,
        [b'[', literal @ ..] => match literal.iter().position(|&byte| byte == b']') {
            Some(end) if is_ip_literal(literal.get(..end).unwrap_or_default()) => end + 2,
            _ => return false,
        },
        _ => match reg_name(value) {
            Some(end) if end > 0 => end,
            _ => return false,
        },
    };
    match value.get(end..) {
        Some([b':', port @ ..]) => is_port(port),
        Some(rest) => rest.is_empty(),
        None => false,
    }
}

/// Where the registered name or IPv4 address ends (RFC 3986, section 3.2.2).
fn reg_name(value: &[u8]) -> Option<usize> {
    let mut end = 0;
    loop {
        let rest = value.get(end..)?;
        let Some(plain) = rest.iter().position(|&byte| !is_reg_name(byte)) else {
            return Some(value.len());
        };
        end += plain;
        match rest.get(plain..)? {
            [b':', ..] => return Some(end),
            [b'%', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                end += 3;
            }
            _ => return None,
        }
    }
}

#[inline]
fn is_reg_name(byte: u8) -> bool {
    REG_NAME.get(usize::from(byte)) == Some(&true)
}

/// Unreserved characters and sub-delimiters (RFC 3986, section 2).
const REG_NAME: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        #[expect(clippy::indexing_slicing, reason = "a byte is below 256")]
        {
            table[byte as usize] = byte.is_ascii_alphanumeric()
                || matches!(
                    byte,
                    b'-' | b'.'
                        | b'_'
                        | b'~'
                        | b'!'
                        | b'$'
                        | b'&'
                        | b'\''
                        | b'('
                        | b')'
                        | b'*'
                        | b'+'
                        | b','
                        | b';'
                        | b'='
                );
        }
        byte += 1;
    }
    table
};

/// What is between brackets: an IPv6 address, or one of a version to come.
fn is_ip_literal(literal: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(literal) else {
        return false;
    };
    let Some((version, address)) = text
        .strip_prefix(['v', 'V'])
        .and_then(|rest| rest.split_once('.'))
    else {
        return text.parse::<Ipv6Addr>().is_ok();
    };
    let is_address = |byte| byte == b':' || is_reg_name(byte);
    !version.is_empty()
        && version.bytes().all(|byte| byte.is_ascii_hexdigit())
        && !address.is_empty()
        && address.bytes().all(is_address)
}

/// Digits, or nothing; none that no port can have.
fn is_port(port: &[u8]) -> bool {
    port.iter()
        .try_fold(0_u16, |port, byte| match byte {
            b'0'..=b'9' => port.checked_mul(10)?.checked_add(u16::from(byte - b'0')),
            _ => None,
        })
        .is_some()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ask(
        method: &str,
        target: &str,
        version: Version,
        fields: &[(&str, &str)],
    ) -> (Option<u16>, HeaderMap) {
        let mut req = Request::builder()
            .method(method)
            .uri(target)
            .version(version);
        for (name, value) in fields {
            req = req.header(*name, *value);
        }
        let mut req = req.body(()).unwrap();
        let refused = check(&mut req).err().map(|status| status.as_u16());
        (refused, req.into_parts().0.headers)
    }

    fn h1(method: &str, target: &str, fields: &[(&str, &str)]) -> Option<u16> {
        ask(method, target, Version::HTTP_11, fields).0
    }

    fn h2(method: &str, target: &str, fields: &[(&str, &str)]) -> Option<u16> {
        ask(method, target, Version::HTTP_2, fields).0
    }

    #[test]
    fn one_valid_host_is_needed_since_1_1() {
        assert_eq!(h1("GET", "/", &[("host", "a")]), None);
        assert_eq!(h1("GET", "/", &[("host", "")]), None);
        assert_eq!(h1("GET", "/", &[]), Some(400));
        assert_eq!(h1("GET", "/", &[("host", "a"), ("host", "a")]), Some(400));
        assert_eq!(h1("GET", "/", &[("host", "a b")]), Some(400));
        assert_eq!(ask("GET", "/", Version::HTTP_10, &[]).0, None);
    }

    #[test]
    fn the_absolute_form_settles_the_host() {
        let (refused, headers) = ask("GET", "http://b:81/", Version::HTTP_11, &[("host", "a")]);
        assert_eq!(refused, None);
        assert_eq!(headers[HOST], "b:81");
        assert_eq!(h1("GET", "http://me@b/", &[("host", "b")]), Some(400));
        assert_eq!(h1("GET", "http://b/", &[]), Some(400));
    }

    #[test]
    fn each_form_of_target_has_its_method() {
        let host = &[("host", "a")];
        assert_eq!(h1("OPTIONS", "*", host), None);
        assert_eq!(h1("GET", "*", host), Some(400));
        assert_eq!(h1("GET", "a:80", host), Some(400));
        assert_eq!(h1("CONNECT", "a:80", host), None);
        assert_eq!(h1("CONNECT", "a", host), Some(400));
        assert_eq!(h1("CONNECT", "/", host), Some(400));
        assert_eq!(h1("GET", "//a/b", host), None);
    }

    #[test]
    fn chunked_once_is_the_only_coding() {
        let with = |coding| h1("POST", "/", &[("host", "a"), ("transfer-encoding", coding)]);
        assert_eq!(with("chunked"), None);
        assert_eq!(with(", Chunked ,"), None);
        assert_eq!(with("chunked, chunked"), Some(400));
        assert_eq!(with("gzip, chunked"), Some(501));
        assert_eq!(with("identity, chunked"), Some(501));
        assert_eq!(
            h1(
                "POST",
                "/",
                &[
                    ("host", "a"),
                    ("transfer-encoding", "chunked"),
                    ("transfer-encoding", "chunked")
                ]
            ),
            Some(400)
        );
    }

    #[test]
    fn http_2_has_one_authority() {
        assert_eq!(h2("GET", "http://a/", &[]), None);
        assert_eq!(h2("GET", "http://a/", &[("host", "A")]), None);
        assert_eq!(h2("GET", "/", &[("host", "a")]), None);
        assert_eq!(h2("GET", "http://a/", &[("host", "b")]), Some(400));
        assert_eq!(h2("GET", "http://u:p@a/", &[]), Some(400));
        assert_eq!(h2("GET", "/", &[]), Some(400));
        assert_eq!(h2("CONNECT", "a:80", &[]), None);
        assert_eq!(h2("CONNECT", "a", &[]), Some(400));
    }

    #[test]
    fn hosts_follow_the_grammar() {
        for host in [
            "a",
            "A-b_c~d.example",
            "127.0.0.1:8000",
            "a:",
            "[::1]",
            "[::1]:80",
            "[v1.a:b]",
            "a%20b",
            "x!$&'()*+,;=",
            "a:65535",
        ] {
            assert!(is_host(host.as_bytes()), "{host}");
        }
        for host in [
            " ",
            "a b",
            "a/b",
            "a@b",
            ":80",
            "[::1",
            "[::1]80",
            "[]",
            "[fe80::1%25a]",
            "[v.a]",
            "[v1.]",
            "a%2",
            "a%zz",
            "a:b",
            "a:80:80",
            "a:65536",
            "a?b",
            "a#b",
            "\u{e4}",
            "a\\b",
            "[1.2.3.4]",
            "a,b:-1",
        ] {
            assert!(!is_host(host.as_bytes()), "{host}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_host_or_not(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            is_host(&bytes);
        }

        #[test]
        fn addresses_of_all_kinds_are_hosts(v6: [u16; 8], v4: [u8; 4], port: u16) {
            let v6 = std::net::SocketAddr::from((v6, port)).to_string();
            let v4 = std::net::SocketAddr::from((v4, port)).to_string();
            prop_assert!(is_host(v6.as_bytes()));
            prop_assert!(is_host(v4.as_bytes()));
        }
    }
}
