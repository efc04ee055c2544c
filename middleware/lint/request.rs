//! What is checked of a request's head.

use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TE, TRANSFER_ENCODING, UPGRADE};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, Method, Request, Version};

use super::grammar;
use super::rule::Rule;

pub(super) const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
pub(super) const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// Tells of the rules that the head of `req` breaks.
///
/// Only of what a gateway or a layer is to see to: the fields that are the client's may
/// say anything, and the application knows what it makes of that.
pub(super) fn check<B>(req: &Request<B>, tell: &mut dyn FnMut(Rule, String)) {
    let headers = req.headers();
    target(req, tell);
    host(headers, tell);
    length(headers, tell);
    if req.version() >= Version::HTTP_2 {
        connection(headers, tell);
    }
    white_space(headers, tell);
}

/// The number of bytes that a head promises, if it is one number.
pub(super) fn promised(headers: &HeaderMap) -> Option<u64> {
    let mut lines = headers.get_all(CONTENT_LENGTH).iter();
    match (lines.next(), lines.next()) {
        (Some(only), None) => grammar::number(only.as_bytes()),
        _ => None,
    }
}

/// What both sides say of `Content-Length`.
pub(super) fn length(headers: &HeaderMap, tell: &mut dyn FnMut(Rule, String)) {
    if headers.contains_key(CONTENT_LENGTH) && promised(headers).is_none() {
        let value: Vec<_> = headers.get_all(CONTENT_LENGTH).iter().collect();
        tell(Rule::M2, format!("Content-Length is {value:?}"));
    }
    if headers.contains_key(CONTENT_LENGTH) && headers.contains_key(TRANSFER_ENCODING) {
        let detail = "Content-Length beside Transfer-Encoding".to_owned();
        tell(Rule::M2, detail);
    }
}

/// Tells of fields of the connection where HTTP has none (RFC 9113, section 8.2.2).
pub(super) fn connection(headers: &HeaderMap, tell: &mut dyn FnMut(Rule, String)) {
    for name in [
        CONNECTION,
        KEEP_ALIVE,
        PROXY_CONNECTION,
        TRANSFER_ENCODING,
        UPGRADE,
    ] {
        if headers.contains_key(&name) {
            tell(Rule::M3, format!("`{name}` over HTTP/2 or later"));
        }
    }
    if headers.get_all(TE).iter().any(|te| te != "trailers") {
        tell(Rule::M3, "`te` over HTTP/2 or later".to_owned());
    }
}

/// Tells of values that begin or end with a blank, which no gateway lets in.
pub(super) fn white_space(headers: &HeaderMap, tell: &mut dyn FnMut(Rule, String)) {
    let blank = |b: Option<&u8>| matches!(b, Some(b' ' | b'\t'));
    for (name, value) in headers {
        let value = value.as_bytes();
        if blank(value.first()) || blank(value.last()) {
            tell(Rule::M18, format!("`{name}` begins or ends with a blank"));
        }
    }
}

fn target<B>(req: &Request<B>, tell: &mut dyn FnMut(Rule, String)) {
    let (method, uri) = (req.method(), req.uri());
    let wrong = if *method == Method::CONNECT {
        uri.authority()
            .is_none()
            .then_some("CONNECT without an authority")
    } else if uri.path() == "*" {
        (*method != Method::OPTIONS).then_some("`*` is for OPTIONS")
    } else {
        (!uri.path().starts_with('/')).then_some("the path does not begin with a slash")
    };
    if let Some(wrong) = wrong {
        tell(Rule::M20, wrong.to_owned());
    }
}

fn host(headers: &HeaderMap, tell: &mut dyn FnMut(Rule, String)) {
    let mut lines = headers.get_all(HOST).iter();
    let (first, second) = (lines.next(), lines.next());
    if second.is_some() {
        tell(Rule::M20, "several lines of Host".to_owned());
    }
    let Some(host) = first.map(http::HeaderValue::as_bytes) else {
        return;
    };
    // An empty one is right where the target has no authority.
    let right = host.is_empty() || (Authority::try_from(host).is_ok() && !host.contains(&b'@'));
    if !right {
        tell(
            Rule::M20,
            format!("Host is {:?}", String::from_utf8_lossy(host)),
        );
    }
}
