//! What is checked of a response's head, knowing the request's.

use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Version};
use http_body::Body;

use super::exchange::Exchange;
use super::grammar::{self, ContentRange};
use super::request::{self, KEEP_ALIVE, PROXY_CONNECTION};
use super::rule::Rule;

/// Told of a rule and how it is broken.
type Tell<'a> = &'a mut dyn FnMut(Rule, String);

/// Tells of the rules that the head of `res` breaks.
pub(super) fn check<C: Body>(asked: &Exchange, res: &Response<C>, tell: Tell<'_>) {
    let (status, headers) = (res.status(), res.headers());
    statuses(asked, status, headers, tell);
    request::length(headers, tell);
    no_length(&asked.method, status, headers, tell);
    connection(asked, status, headers, tell);
    upgrade(asked, status, headers, tell);
    partial(asked, res, tell);
    required(status, headers, tell);
    validators(headers, tell);
    codings(asked, headers, tell);
    for cookie in headers.get_all(header::SET_COOKIE) {
        if let Some(fault) = grammar::cookie_fault(cookie.as_bytes()) {
            tell(Rule::M11, fault.to_owned());
        }
    }
    cross_origin(headers, tell);
    singletons(headers, tell);
    cache_control(headers, tell);
    request::white_space(headers, tell);
    well_formed(headers, tell);
}

/// Why an answer has no content, if it has none (RFC 9110, section 6.4.1).
pub(super) fn without_content(method: &Method, status: StatusCode) -> Option<(Rule, &'static str)> {
    match status {
        _ if status.is_informational() => Some((Rule::M1, "1xx")),
        StatusCode::NO_CONTENT => Some((Rule::M1, "204")),
        StatusCode::RESET_CONTENT => Some((Rule::M1, "205")),
        StatusCode::NOT_MODIFIED => Some((Rule::M1, "304")),
        _ if *method == Method::HEAD => Some((Rule::M22, "an answer to HEAD")),
        _ if *method == Method::CONNECT && status.is_success() => {
            Some((Rule::M1, "a tunnel's answer"))
        }
        _ => None,
    }
}

/// The number of bytes that the body must have.
///
/// Not that of `Content-Length` where it is of the content that is not sent.
pub(super) fn promised<C>(method: &Method, res: &Response<C>) -> Option<u64> {
    match without_content(method, res.status()) {
        None => request::promised(res.headers()),
        Some(_) => None,
    }
}

fn statuses(asked: &Exchange, status: StatusCode, headers: &HeaderMap, tell: Tell<'_>) {
    if status.as_u16() > 599 {
        tell(Rule::M17, format!("the status is {}", status.as_u16()));
    }
    let conditional = asked.headers.contains_key(header::IF_NONE_MATCH)
        || asked.headers.contains_key(header::IF_MODIFIED_SINCE);
    let reads = matches!(asked.method, Method::GET | Method::HEAD);
    if status == StatusCode::NOT_MODIFIED && !(conditional && reads) {
        let detail = "304 without a condition that it could answer".to_owned();
        tell(Rule::M10, detail);
    }
    if status == StatusCode::RESET_CONTENT
        && request::promised(headers).is_some_and(|length| length > 0)
    {
        tell(Rule::M1, "205 that announces content".to_owned());
    }
}

/// RFC 9110, section 8.6: not in 1xx, 204 and what opens a tunnel. 304 and answers to HEAD
/// may say the length of what they leave out.
fn no_length(method: &Method, status: StatusCode, headers: &HeaderMap, tell: Tell<'_>) {
    let tunnel = *method == Method::CONNECT && status.is_success();
    let none = status.is_informational() || status == StatusCode::NO_CONTENT || tunnel;
    if none && headers.contains_key(header::CONTENT_LENGTH) {
        tell(Rule::M2, format!("{} with Content-Length", status.as_u16()));
    }
}

/// How a message is framed and a connection kept is between gateways. `Connection: close` and
/// `Upgrade` are a wish that an application of HTTP/1 may have.
fn connection(asked: &Exchange, status: StatusCode, headers: &HeaderMap, tell: Tell<'_>) {
    if asked.version >= Version::HTTP_2 {
        request::connection(headers, tell);
        return;
    }
    for name in [
        header::TE,
        header::TRANSFER_ENCODING,
        KEEP_ALIVE,
        PROXY_CONNECTION,
    ] {
        if headers.contains_key(&name) {
            tell(Rule::M3, format!("`{name}` set by the application"));
        }
    }
    // RFC 9110, section 7.8: a sender of Upgrade must list it in Connection.
    if headers.contains_key(header::UPGRADE) && !has_token(headers, &header::CONNECTION, b"upgrade")
    {
        let detail = format!("{} with Upgrade, not in Connection", status.as_u16());
        tell(Rule::M3, detail);
    }
}

/// RFC 9110, sections 7.8 and 15.2.2.
fn upgrade(asked: &Exchange, status: StatusCode, headers: &HeaderMap, tell: Tell<'_>) {
    if status != StatusCode::SWITCHING_PROTOCOLS {
        if status.is_informational() {
            let detail = format!("{} is not a final answer", status.as_u16());
            tell(Rule::M4, detail);
        }
        return;
    }
    if asked.version != Version::HTTP_11 {
        tell(Rule::M4, format!("101 over {:?}", asked.version));
    }
    let mut chosen = tokens(headers, &header::UPGRADE).peekable();
    if chosen.peek().is_none() {
        tell(Rule::M4, "101 without Upgrade".to_owned());
    }
    for protocol in chosen {
        if !has_token(&asked.headers, &header::UPGRADE, protocol) {
            let protocol = String::from_utf8_lossy(protocol);
            tell(
                Rule::M4,
                format!("101 to `{protocol}`, which was not offered"),
            );
        }
    }
}

/// RFC 9110, sections 14.2, 14.4, 15.3.7 and 15.5.17.
fn partial<C: Body>(asked: &Exchange, res: &Response<C>, tell: Tell<'_>) {
    let headers = res.headers();
    let range = headers
        .get(header::CONTENT_RANGE)
        .map(HeaderValue::as_bytes);
    let said = range.and_then(grammar::content_range);
    let mut tell = |detail: &str| tell(Rule::M5, detail.to_owned());
    if range.is_some() && said.is_none() {
        tell("a Content-Range that is none");
        return;
    }
    match res.status() {
        StatusCode::PARTIAL_CONTENT => {
            if asked.method != Method::GET || !asked.headers.contains_key(header::RANGE) {
                tell("206 to what is not a GET with Range");
            }
            let media_type = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
            let multipart = media_type.is_some_and(grammar::is_multipart_with_boundary);
            let length = request::promised(headers).or_else(|| res.body().size_hint().exact());
            match said {
                Some(_) if multipart => tell("a multipart 206 with Content-Range"),
                Some(ContentRange::Part { first, last })
                    if length.is_some_and(|len| len != (last - first).saturating_add(1)) =>
                {
                    tell("206 whose Content-Range is not as long as its content");
                }
                Some(ContentRange::Unsatisfied) => tell("206 that satisfies no range"),
                None if !multipart => tell("206 that does not say which part it is"),
                _ => {}
            }
        }
        StatusCode::RANGE_NOT_SATISFIABLE => {
            let right = matches!(
                said,
                Some(ContentRange::Unsatisfied | ContentRange::OtherUnit)
            );
            if !right {
                tell("416 without the length in `Content-Range: bytes */n`");
            }
        }
        _ if said.is_some() => tell("Content-Range with a status that gives it no meaning"),
        _ => {}
    }
}

/// RFC 9110, sections 15.5.2, 15.5.6, 15.5.8 and 15.5.22.
fn required(status: StatusCode, headers: &HeaderMap, tell: Tell<'_>) {
    let name = match status {
        StatusCode::UNAUTHORIZED => header::WWW_AUTHENTICATE,
        StatusCode::METHOD_NOT_ALLOWED => header::ALLOW,
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => header::PROXY_AUTHENTICATE,
        StatusCode::UPGRADE_REQUIRED => header::UPGRADE,
        _ => return,
    };
    if !headers.contains_key(&name) {
        tell(Rule::M6, format!("{} without `{name}`", status.as_u16()));
    }
}

fn validators(headers: &HeaderMap, tell: Tell<'_>) {
    let mut wrong = |name: &HeaderName| tell(Rule::M7, format!("`{name}` is malformed"));
    for tag in headers.get_all(header::ETAG) {
        if !grammar::is_entity_tag(tag.as_bytes()) {
            wrong(&header::ETAG);
        }
    }
    for name in [header::DATE, header::EXPIRES, header::LAST_MODIFIED] {
        for value in headers.get_all(&name) {
            if grammar::date(value.as_bytes()).is_none() {
                wrong(&name);
            }
        }
    }
    let date = |name| grammar::date(headers.get::<HeaderName>(name)?.as_bytes());
    if let (Some(modified), Some(sent)) = (date(header::LAST_MODIFIED), date(header::DATE))
        && modified > sent
    {
        tell(Rule::M7, "Last-Modified is after Date".to_owned());
    }
}

/// RFC 9110, sections 8.4 and 12.5.3.
fn codings(asked: &Exchange, headers: &HeaderMap, tell: Tell<'_>) {
    for coding in tokens(headers, &header::CONTENT_ENCODING) {
        let name = String::from_utf8_lossy(coding);
        if coding.eq_ignore_ascii_case(b"identity") {
            tell(Rule::M9, "`identity` as a Content-Encoding".to_owned());
        } else if refused(&asked.headers, coding) {
            tell(Rule::M9, format!("coded in `{name}`, which was refused"));
        }
    }
}

/// Whether `Accept-Encoding` gives a coding the weight of nothing.
fn refused(headers: &HeaderMap, coding: &[u8]) -> bool {
    let mut by_star = false;
    for element in elements(headers, &header::ACCEPT_ENCODING) {
        let mut parts = grammar::split(element, b';');
        let name = parts.next().unwrap_or_default();
        let zero = |p: &[u8]| {
            grammar::split_once(p, b'=').is_some_and(|(q, weight)| {
                q.trim_ascii().eq_ignore_ascii_case(b"q")
                    && matches!(
                        weight.trim_ascii(),
                        b"0" | b"0." | b"0.0" | b"0.00" | b"0.000"
                    )
            })
        };
        let zero = parts.any(zero);
        if name.eq_ignore_ascii_case(coding) {
            return zero;
        }
        by_star |= zero && name == b"*";
    }
    by_star
}

/// Fetch, sections 3.3.3 and 3.3.5.
fn cross_origin(headers: &HeaderMap, tell: Tell<'_>) {
    let mut tell = |detail: &str| tell(Rule::M12, detail.to_owned());
    let credentials = headers.get(header::ACCESS_CONTROL_ALLOW_CREDENTIALS);
    if credentials.is_some_and(|value| value != "true") {
        tell("Access-Control-Allow-Credentials that is not `true`");
    }
    let Some(origin) = headers.get(header::ACCESS_CONTROL_ALLOW_ORIGIN) else {
        return;
    };
    if origin == "*" && credentials.is_some() {
        tell("any origin is allowed, with credentials");
    }
    if origin.as_bytes().iter().any(|b| matches!(b, b',' | b' ')) {
        tell("Access-Control-Allow-Origin is not one origin");
    }
}

fn singletons(headers: &HeaderMap, tell: Tell<'_>) {
    for name in [
        header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        header::ACCESS_CONTROL_MAX_AGE,
        header::AGE,
        header::CONTENT_DISPOSITION,
        header::CONTENT_LOCATION,
        header::CONTENT_RANGE,
        header::CONTENT_TYPE,
        header::DATE,
        header::ETAG,
        header::EXPIRES,
        header::LAST_MODIFIED,
        header::LOCATION,
        header::RETRY_AFTER,
        header::SERVER,
    ] {
        if headers.get_all(&name).iter().nth(1).is_some() {
            tell(Rule::M13, format!("several lines of `{name}`"));
        }
    }
}

fn cache_control(headers: &HeaderMap, tell: Tell<'_>) {
    let (mut public, mut private) = (false, false);
    for directive in elements(headers, &header::CACHE_CONTROL) {
        let (name, value) = match grammar::split_once(directive, b'=') {
            Some((name, value)) => (name, Some(value)),
            None => (directive, None),
        };
        let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
        let seconds = [
            "max-age",
            "s-maxage",
            "stale-if-error",
            "stale-while-revalidate",
        ];
        if !grammar::is_token(name) {
            let directive = String::from_utf8_lossy(directive);
            tell(Rule::M14, format!("`{directive}` is no directive"));
        }
        if seconds.into_iter().any(is) && value.and_then(grammar::number).is_none() {
            let name = String::from_utf8_lossy(name);
            tell(Rule::M14, format!("`{name}` without a number of seconds"));
        }
        public |= is("public");
        // With a list of fields it is only those that are private.
        private |= is("private") && value.is_none();
    }
    if public && private {
        tell(Rule::M14, "both public and private".to_owned());
    }
}

fn well_formed(headers: &HeaderMap, tell: Tell<'_>) {
    let mut check = |name: &HeaderName, right: fn(&[u8]) -> bool| {
        for value in headers.get_all(name) {
            if !right(value.as_bytes()) {
                tell(Rule::M21, format!("`{name}` is {value:?}"));
            }
        }
    };
    let seconds = |text: &[u8]| grammar::number(text).is_some();
    for name in [header::CONTENT_ENCODING, header::VARY] {
        check(&name, is_list_of_tokens);
    }
    // That no method is allowed is said with an empty Allow (RFC 9110, section 10.2.1).
    check(&header::ALLOW, |text| {
        text.is_empty() || is_list_of_tokens(text)
    });
    check(&header::CONTENT_TYPE, grammar::is_media_type);
    check(&header::AGE, seconds);
    check(&header::RETRY_AFTER, |text| {
        grammar::number(text).is_some() || grammar::date(text).is_some()
    });
    for name in [header::CONTENT_LOCATION, header::LOCATION] {
        check(&name, grammar::is_uri_reference);
    }
}

fn is_list_of_tokens(text: &[u8]) -> bool {
    grammar::split(text, b',').all(grammar::is_token)
}

/// The elements of all lines of a list; empty ones are for the recipient to ignore.
fn elements<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
    headers
        .get_all(name)
        .iter()
        .flat_map(|value| grammar::split(value.as_bytes(), b','))
        .filter(|element| !element.is_empty())
}

fn tokens<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
    elements(headers, name)
}

fn has_token(headers: &HeaderMap, name: &HeaderName, token: &[u8]) -> bool {
    tokens(headers, name).any(|t| t.eq_ignore_ascii_case(token))
}
