//! A router as a service.

use std::convert::Infallible;
use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body as _;
use tower_service::Service;

use super::Router;
use super::table::{Choice, Kind, Paths, Route, Table};
use crate::attributes::Attributes;
use crate::body::Body;
use crate::endpoint::EndpointFuture;
use crate::promise;
use crate::response::IntoResponse;
use crate::target::{host, prefix};

impl<E, B> Service<Request<B>> for Router<E>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type Response = Response<Body>;
    type Error = E;
    type Future = ResponseFuture<E>;

    #[inline]
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), E>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, req: Request<B>) -> ResponseFuture<E> {
        let future = match self.table.found(&req) {
            Some(found) => found.answer(req.map(Body::new)),
            None => ResponseFuture::ready(StatusCode::NOT_FOUND.into_response()),
        };
        promise::used(self);
        future
    }
}

/// Where a request goes.
pub(super) enum Found<'a, E> {
    /// `OPTIONS *` asks about the server as a whole.
    Server(&'a HeaderValue),
    /// A path, and whether the request's is in the normal form.
    Paths(&'a Paths<E>, bool),
}

impl<E> Table<E> {
    #[inline]
    pub(super) fn found<B>(&self, req: &Request<B>) -> Option<Found<'_, E>> {
        let host = if self.hosts.is_empty() {
            None
        } else {
            host::of(req)
        };
        let path = req.uri().path();
        match self.find(host, path) {
            Some((paths, normal)) => Some(Found::Paths(paths, normal)),
            None if path == "*" && *req.method() == Method::OPTIONS => {
                Some(Found::Server(self.allow.value()))
            }
            None => None,
        }
    }
}

impl<E> Found<'_, E> {
    pub(super) fn answer(&self, mut req: Request<Body>) -> ResponseFuture<E> {
        let (paths, normal) = match *self {
            Self::Paths(paths, normal) => (paths, normal),
            Self::Server(allow) => return ResponseFuture::refusal(req.method(), allow),
        };
        match paths.choose(req.method()) {
            Choice::Route { route, is_head } => {
                if route.kind != Kind::Fallback {
                    matched(route, normal, &mut req);
                }
                if route.kind == Kind::Mount {
                    let end = route.pattern.walk(req.uri().path(), normal).end();
                    req = match prefix::enter(req, end) {
                        Ok(req) => req,
                        Err(res) => return ResponseFuture::ready(res),
                    };
                }
                let then = if is_head { Then::Head } else { Then::Nothing };
                ResponseFuture::running(route.endpoint.start(req), then)
            }
            Choice::Automatic => {
                let attributes = req.extensions_mut().get_mut::<Attributes>();
                if let (Some(attributes), Some(route)) = (attributes, paths.routes.first()) {
                    prefix::set_route(attributes, &route.pattern.text);
                }
                let allow = paths.allow.value();
                match &paths.automatic {
                    Some(wrapped) => {
                        ResponseFuture::running(wrapped.start(req), Then::Allow(allow.clone()))
                    }
                    None => ResponseFuture::refusal(req.method(), allow),
                }
            }
        }
    }
}

/// Says in the request's attributes which route it is, and its parameters.
#[inline]
fn matched<E>(route: &Route<E>, normal: bool, req: &mut Request<Body>) {
    let pattern = &*route.pattern;
    if pattern.names.is_empty() {
        return prefix::set_route(Attributes::of_mut(req), &pattern.text);
    }
    // Taken out, so that it can be read while the attributes are written.
    let uri = std::mem::take(req.uri_mut());
    let attributes = Attributes::of_mut(req);
    prefix::set_route(attributes, &pattern.text);
    if let Some(path) = uri.path_and_query() {
        let names = Arc::clone(&pattern.names);
        let values = pattern.walk(path.path(), normal);
        attributes.params_mut().push(names, path.clone(), values);
    }
    *req.uri_mut() = uri;
}

/// What is left to do to the response.
#[derive(Debug)]
enum Then {
    /// Say the methods, if the router's answer came through the layers as it was.
    Allow(HeaderValue),
    /// Drop the body.
    Head,
    Nothing,
}

impl Then {
    fn apply(&self, mut res: Response<Body>) -> Response<Body> {
        match self {
            Self::Nothing => res,
            Self::Head => head(res),
            Self::Allow(allow) => {
                if matches!(
                    res.status(),
                    StatusCode::NO_CONTENT | StatusCode::METHOD_NOT_ALLOWED
                ) {
                    res.headers_mut()
                        .entry(ALLOW)
                        .or_insert_with(|| allow.clone());
                }
                res
            }
        }
    }
}

/// What the router says itself for a path that has no route for `method`.
pub(super) fn automatic(method: &Method) -> StatusCode {
    if method == Method::OPTIONS {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::METHOD_NOT_ALLOWED
    }
}

/// The answer to `GET` without its body, but with its length (RFC 9110, section 9.3.2).
fn head(mut res: Response<Body>) -> Response<Body> {
    let body = std::mem::take(res.body_mut());
    let status = res.status();
    let has_no_length = status.is_informational()
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let headers = res.headers_mut();
    if let Some(len) = body.size_hint().exact()
        && !has_no_length
        && !headers.contains_key(CONTENT_LENGTH)
        && !headers.contains_key(TRANSFER_ENCODING)
    {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(len));
    }
    res
}

/// The future of a [`Router`].
pub struct ResponseFuture<E = Infallible>(State<E>);

enum State<E> {
    Ready(Option<Response<Body>>),
    Running(EndpointFuture<E>, Then),
}

impl<E> ResponseFuture<E> {
    pub(super) const fn ready(res: Response<Body>) -> Self {
        Self(State::Ready(Some(res)))
    }

    const fn running(future: EndpointFuture<E>, then: Then) -> Self {
        Self(State::Running(future, then))
    }

    fn refusal(method: &Method, allow: &HeaderValue) -> Self {
        let mut res = automatic(method).into_response();
        res.headers_mut().insert(ALLOW, allow.clone());
        Self::ready(res)
    }
}

impl<E> Future for ResponseFuture<E> {
    type Output = Result<Response<Body>, E>;

    #[inline]
    #[expect(
        clippy::expect_used,
        reason = "a future is not polled after it is ready"
    )]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Ready(res) => Poll::Ready(Ok(res.take().expect("polled after ready"))),
            State::Running(future, then) => Pin::new(future)
                .poll(cx)
                .map(|res| res.map(|res| then.apply(res))),
        }
    }
}

impl<E> fmt::Debug for ResponseFuture<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResponseFuture")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn length(status: StatusCode, body: Body) -> Option<String> {
        let res = head((status, body).into_response());
        assert_eq!(res.body().size_hint().exact(), Some(0));
        let length = res.headers().get(CONTENT_LENGTH);
        length.map(|v| v.to_str().unwrap().to_owned())
    }

    #[test]
    fn head_says_the_length_that_get_would() {
        assert_eq!(length(StatusCode::OK, Body::from("abc")).unwrap(), "3");
        assert_eq!(length(StatusCode::OK, Body::empty()).unwrap(), "0");
        assert_eq!(length(StatusCode::NO_CONTENT, Body::empty()), None);
        assert_eq!(length(StatusCode::NOT_MODIFIED, Body::empty()), None);
    }
}
