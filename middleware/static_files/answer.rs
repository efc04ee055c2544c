//! From a file to a response: preconditions, then ranges (RFC 9110, section 13.2.2).

use std::sync::Arc;

use http::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_RANGES, ALLOW, CACHE_CONTROL, CONTENT_DISPOSITION, ETAG,
    LAST_MODIFIED, LOCATION, VARY,
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};

use super::listing::link;
use super::load::{Content, Variant};
use super::path::{FilePath, file_name};
use super::site::Asked;
use crate::attributes::Unmodified;
use crate::body::{Body, FileRegion};
use crate::represent::{self, Conditions, MOST, Precondition, SKIP, Wanted};

/// The methods that are answered.
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");

/// Answers with a file, if its bytes are not elsewhere.
#[inline]
pub(super) fn file(asked: Asked<'_>, variant: &Variant) -> Option<Response<Body>> {
    let Some(conditions) = Conditions::of(asked.method, asked.headers) else {
        return whole_or_parts(asked, variant);
    };
    match conditions.evaluate(Some(&variant.validators)) {
        Precondition::Failed => {
            let mut res = empty(StatusCode::PRECONDITION_FAILED);
            *res.headers_mut() = variant.headers.clone();
            represent::failed(res.headers_mut());
            Some(res)
        }
        Precondition::NotModified => Some(unmodified(asked, variant)),
        Precondition::Proceed => whole_or_parts(asked, variant),
    }
}

#[inline]
fn unmodified(asked: Asked<'_>, variant: &Variant) -> Response<Body> {
    let mut res = empty(StatusCode::NOT_MODIFIED);
    *res.headers_mut() = variant.unmodified.clone();
    if asked.headers.contains_key(ACCEPT_ENCODING) {
        let would_be = Unmodified::new(&variant.headers, Some(variant.len()));
        res.extensions_mut().insert(would_be);
    }
    res
}

#[inline]
fn whole_or_parts(asked: Asked<'_>, variant: &Variant) -> Option<Response<Body>> {
    let body = body(asked.method, variant)?;
    let mut res = Response::new(body);
    *res.headers_mut() = variant.headers.clone();
    let Some(wanted) = Wanted::of(asked.method, asked.headers) else {
        return Some(res);
    };
    let len = variant.len();
    let ranges = wanted.resolve(
        || {
            let validators = variant.validators.clone();
            validators.telling_codings_apart(&variant.headers)
        },
        std::time::SystemTime::now,
        len,
        MOST,
    );
    Some(represent::answer(res, &ranges, len, SKIP))
}

/// The page that is shown for what is not there: no representation of what was asked for, so
/// that nothing of it is to be kept, compared or cut.
pub(super) fn not_found(asked: Asked<'_>, variant: &Variant) -> Option<Response<Body>> {
    let mut res = Response::new(body(asked.method, variant)?);
    *res.status_mut() = StatusCode::NOT_FOUND;
    let mut headers = variant.headers.clone();
    for name in [
        ACCEPT_RANGES,
        CACHE_CONTROL,
        CONTENT_DISPOSITION,
        ETAG,
        LAST_MODIFIED,
    ] {
        headers.remove(name);
    }
    *res.headers_mut() = headers;
    Some(res)
}

/// Sends the client to the same path with a slash.
///
/// The reference is relative: it is right wherever the files are mounted, and cannot lead to
/// another host, whatever the path was.
pub(super) fn redirect(path: &FilePath<'_>, query: Option<&str>) -> Response<Body> {
    let mut location = link(file_name(path.name()), true);
    if let Some(query) = query {
        location.push('?');
        location.push_str(query);
    }
    match HeaderValue::try_from(location) {
        Ok(location) => {
            let mut res = empty(StatusCode::MOVED_PERMANENTLY);
            res.headers_mut().insert(LOCATION, location);
            res
        }
        Err(_) => empty(StatusCode::BAD_REQUEST),
    }
}

/// A response with a body that is made for this request.
pub(super) fn made(method: &Method, (headers, bytes): (HeaderMap, bytes::Bytes)) -> Response<Body> {
    let body = match *method {
        Method::HEAD => Body::empty(),
        _ => Body::from(bytes),
    };
    let mut res = Response::new(body);
    *res.headers_mut() = headers;
    res
}

/// A refusal; 405 says what is allowed instead (RFC 9110, section 15.5.6).
pub(super) fn refusal(status: StatusCode) -> Response<Body> {
    let mut res = empty(status);
    if status == StatusCode::METHOD_NOT_ALLOWED {
        res.headers_mut().insert(ALLOW, METHODS);
    }
    res
}

/// What can be asked (RFC 9110, section 9.3.7).
pub(super) fn options() -> Response<Body> {
    let mut res = empty(StatusCode::NO_CONTENT);
    res.headers_mut().insert(ALLOW, METHODS);
    res
}

/// Says that the answer would be another one for another `Accept`.
pub(super) fn varies_by_accept(mut res: Response<Body>) -> Response<Body> {
    res.headers_mut().append(VARY, HeaderValue::from(ACCEPT));
    res
}

fn body(method: &Method, variant: &Variant) -> Option<Body> {
    Some(match &variant.content {
        _ if *method == Method::HEAD => Body::empty(),
        Content::Elsewhere => return None,
        Content::Bytes(bytes) => Body::from(bytes.clone()),
        Content::File(file) => {
            let source = Arc::clone(file);
            Body::file(FileRegion::new(source, 0, variant.len()))
        }
    })
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut res = Response::new(Body::empty());
    *res.status_mut() = status;
    res
}
