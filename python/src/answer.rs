//! What is answered in the application's stead.

use gopuram::Body;
use gopuram::environ::Refused;
use http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};

/// The application failed before its head was sent.
pub(crate) fn failed() -> Response<Body> {
    plain(StatusCode::INTERNAL_SERVER_ERROR)
}

/// No thread of Python had time for the request.
pub(crate) fn busy() -> Response<Body> {
    let mut res = plain(StatusCode::SERVICE_UNAVAILABLE);
    let soon = HeaderValue::from_static("1");
    res.headers_mut().insert(RETRY_AFTER, soon);
    res
}

/// The application took too long.
pub(crate) fn late() -> Response<Body> {
    plain(StatusCode::GATEWAY_TIMEOUT)
}

/// The request has no environ.
pub(crate) fn refused(refused: &Refused) -> Response<Body> {
    let mut res = plain(refused.status());
    if let Some(location) = refused.location() {
        res.headers_mut().insert(LOCATION, location.clone());
    }
    res
}

fn plain(status: StatusCode) -> Response<Body> {
    let mut res = Response::new(Body::from(status.canonical_reason().unwrap_or_default()));
    *res.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    res.headers_mut().insert(CONTENT_TYPE, plain);
    res
}
