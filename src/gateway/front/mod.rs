//! The front check: what must not pass although hyper parsed it.
//!
//! It runs before anything else sees a request. What it refuses is answered at once, the
//! connection is closed, and nothing that the client sent behind it is looked at.

use http::header::{COOKIE, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, Version};

mod host;

use crate::middleware::attributes::Protocol;
use host::{is_authority, is_host, without_port};

/// Whether a text is a host, for the fuzzer.
#[cfg(any(fuzzing, test))]
pub(super) fn is_a_host(text: &str) -> bool {
    is_host(text.as_bytes())
}

/// Whether a request may pass; the status to refuse it with if it may not.
#[inline]
pub(crate) fn check<B>(req: &mut Request<B>) -> Result<(), StatusCode> {
    let host = Host::of(req.headers())?;
    // What a front server says is HTTP/3 has the same control data (RFC 9114, section 4.3.1).
    if req.version() >= Version::HTTP_2 {
        http2(req, host)
    } else {
        http1(req, host)
    }
}

/// The host that a request which passed asks for, without its port.
pub(super) fn host<B>(req: &Request<B>) -> Option<&str> {
    if let Some(authority) = req.uri().authority() {
        return Some(authority.host());
    }
    let value = req.headers().get(HOST)?.to_str().ok()?;
    Some(without_port(value))
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
    if !req.uri().scheme_str().is_some_and(is_scheme) || !is_authority(authority) {
        return Err(StatusCode::BAD_REQUEST);
    }
    // RFC 9112, section 3.2.2: the target wins.
    let value = HeaderValue::from_str(authority.as_str()).map_err(|_| StatusCode::BAD_REQUEST)?;
    req.headers_mut().insert(HOST, value);
    Ok(())
}

/// HTTP/2: the control data (RFC 9113, section 8.3.1).
fn http2<B>(req: &mut Request<B>, host: Host) -> Result<(), StatusCode> {
    if req.headers().values().any(is_padded)
        || req
            .uri()
            .scheme_str()
            .is_some_and(|scheme| !is_scheme(scheme))
    {
        return Err(StatusCode::BAD_REQUEST);
    }
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
    if req.method() == Method::CONNECT {
        return match Protocol::of(req) {
            None if req.uri().scheme().is_some() => Err(StatusCode::BAD_REQUEST),
            None => connect(req.uri()),
            // An extended one has a scheme and a path like any other request (RFC 8441, section 4).
            Some(_) if req.uri().scheme().is_none() => Err(StatusCode::BAD_REQUEST),
            Some(_) => origin(req.method(), req.uri()),
        };
    }
    origin(req.method(), req.uri())
}

/// Whether there is white space around a value, which HTTP/1 takes away and which makes a request of HTTP/2
/// malformed (RFC 9113, section 8.2.1).
#[inline]
fn is_padded(value: &HeaderValue) -> bool {
    let blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    blank(value.as_bytes().first()) || blank(value.as_bytes().last())
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

/// A host and a port, which must be there (RFC 9110, section 9.3.6), and nothing else.
fn connect(uri: &Uri) -> Result<(), StatusCode> {
    match uri.authority() {
        Some(authority)
            if uri.scheme().is_none()
                && is_authority(authority)
                && authority.port_u16().is_some() =>
        {
            Ok(())
        }
        _ => Err(StatusCode::BAD_REQUEST),
    }
}

/// RFC 3986, section 3.1; the parser has looked at all but the beginning.
fn is_scheme(scheme: &str) -> bool {
    scheme.starts_with(|first: char| first.is_ascii_alphabetic())
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

#[cfg(test)]
mod tests {
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
        assert_eq!(ask("GET", "/", Version::HTTP_3, &[]).0, Some(400));
    }

    #[test]
    fn the_absolute_form_settles_the_host() {
        let (refused, headers) = ask("GET", "http://b:81/", Version::HTTP_11, &[("host", "a")]);
        assert_eq!(refused, None);
        assert_eq!(headers[HOST], "b:81");
        assert_eq!(h1("GET", "http://me@b/", &[("host", "b")]), Some(400));
        assert_eq!(h1("GET", "http://b/", &[]), Some(400));
        assert_eq!(h1("GET", "1x://b/", &[("host", "b")]), Some(400));
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
        assert_eq!(h1("CONNECT", "http://a:80/", host), Some(400));
        assert_eq!(h1("GET", "//a/b", host), None);
    }

    #[test]
    fn the_host_asked_for_is_the_targets_or_else_the_fields() {
        let host_of = |target: &str, field: &str| {
            let req = Request::builder().uri(target).header("host", field);
            host(&req.body(()).unwrap()).map(str::to_owned)
        };
        assert_eq!(host_of("http://a:1/", "b:2").as_deref(), Some("a"));
        assert_eq!(host_of("/", "b:2").as_deref(), Some("b"));
        assert_eq!(host_of("/", "[::1]:2").as_deref(), Some("[::1]"));
        assert_eq!(host_of("/", "[::1]").as_deref(), Some("[::1]"));
        assert_eq!(host_of("/", "").as_deref(), Some(""));
        let req = Request::builder().uri("/").body(()).unwrap();
        assert_eq!(host(&req), None);
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
    fn an_extended_connect_has_what_a_request_has() {
        let extended = |target: &str| {
            let req = Request::connect(target).version(Version::HTTP_2);
            let mut req = req.extension(Protocol::new("websocket")).body(()).unwrap();
            check(&mut req).err().map(|status| status.as_u16())
        };
        assert_eq!(extended("http://a/chat"), None);
        assert_eq!(extended("a:80"), Some(400));
        // Without `:protocol` it is to a host and a port.
        assert_eq!(h2("CONNECT", "http://a:80/", &[]), Some(400));
    }

    #[test]
    fn http_2_has_one_authority() {
        assert_eq!(h2("GET", "http://a/", &[]), None);
        assert_eq!(h2("GET", "http://a/", &[("host", "A")]), None);
        assert_eq!(h2("GET", "/", &[("host", "a")]), None);
        assert_eq!(h2("GET", "http://a/", &[("host", "b")]), Some(400));
        assert_eq!(h2("GET", "http://u:p@a/", &[]), Some(400));
        assert_eq!(h2("GET", "/", &[]), Some(400));
        assert_eq!(h2("GET", "1x://a/", &[]), Some(400));
        assert_eq!(h2("GET", "http://a/", &[("x", "y ")]), Some(400));
        assert_eq!(h2("CONNECT", "a:80", &[]), None);
        assert_eq!(h2("CONNECT", "a", &[]), Some(400));
    }
}
