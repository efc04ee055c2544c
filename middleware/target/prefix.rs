//! Mounted applications see the rest of the path.

use http::header::LOCATION;
use http::uri::PathAndQuery;
use http::{HeaderValue, Request, Response, StatusCode, Uri};

use super::encoding;
use crate::attributes::{Attributes, MatchedRoute};
use crate::body::Body;
use crate::response::IntoResponse;

/// How the route of everything under a prefix ends: the rest has no name.
pub(crate) const OPEN: &str = "/{*}";

/// Moves the prefix, the first `end` bytes of the path, from the target to the mount, or answers instead.
///
/// The rest begins with a slash and is as it was received, query included. Where it is empty,
/// there is no such target, and the answer is a redirect to the slash.
#[expect(clippy::result_large_err, reason = "a response is what is answered")]
pub(crate) fn enter(mut req: Request<Body>, end: usize) -> Result<Request<Body>, Response<Body>> {
    let uri = req.uri();
    if end == 0 {
        return Ok(req);
    }
    if end >= uri.path().len() {
        return Err(to_slash(uri));
    }
    let target = uri.path_and_query().map_or("", PathAndQuery::as_str);
    let rest = PathAndQuery::try_from(target.get(end..).unwrap_or_default());
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = rest.ok();
    // The rest of a path that http took is one that it takes.
    let Ok(inner) = Uri::from_parts(parts) else {
        return Err(StatusCode::BAD_REQUEST.into_response());
    };
    let outer = std::mem::replace(req.uri_mut(), inner);
    let attributes = Attributes::of_mut(&mut req);
    attributes.keep_original_uri(&outer);
    attributes.enter_mount(outer.path().get(..end).unwrap_or_default());
    Ok(req)
}

/// Says which route it is, behind the pattern of the mount that it is in.
#[inline]
pub(crate) fn set_route(attributes: &mut Attributes, route: &MatchedRoute) {
    let outer = attributes.route();
    let route = match outer.and_then(|outer| outer.as_str().strip_suffix(OPEN)) {
        Some(outer) => MatchedRoute::new([outer, route.as_str()].concat()),
        None => route.clone(),
    };
    attributes.set_route(route);
}

/// To the same path with a slash after it, the query kept, for any method.
///
/// The location is relative to the last segment, which is right behind any prefix that was
/// taken off the path on its way here.
fn to_slash(uri: &Uri) -> Response<Body> {
    let path = uri.path();
    let segment = path.rsplit_once('/').map_or(path, |(_, segment)| segment);
    let mut location = String::from("./");
    location.push_str(&encoding::normal(segment));
    location.push('/');
    if let Some(query) = uri.query() {
        location.push('?');
        location.push_str(query);
    }
    match HeaderValue::from_bytes(location.as_bytes()) {
        Ok(location) => {
            let mut res = StatusCode::PERMANENT_REDIRECT.into_response();
            res.headers_mut().insert(LOCATION, location);
            res
        }
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}
