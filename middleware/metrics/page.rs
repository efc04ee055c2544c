//! The page with all numbers, and who may see it.

use std::convert::Infallible;
use std::fmt;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, FORWARDED, VIA};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use tower_service::Service;

use super::Config;
use super::text::Format;
use crate::attributes::Attributes;
use crate::body::Body;
use crate::header::accept;
use crate::networks::Networks;
use crate::promise;

/// The page with all numbers, as an application: for a router, or a port of its own.
///
/// Made by [`Metrics::page`](super::Metrics::page). It answers whoever asks, whatever the path.
#[derive(Clone)]
pub struct Page(pub(super) Arc<Config>);

impl<B> Service<Request<B>> for Page {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, req: Request<B>) -> Self::Future {
        promise::used(self);
        ready(Ok(answer(&self.0, &req)))
    }
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Page")
    }
}

/// The page, in the format that the client would rather have.
pub(super) fn answer<B>(config: &Config, req: &Request<B>) -> Response<Body> {
    let mut res = Response::new(Body::empty());
    if *req.method() != Method::GET && *req.method() != Method::HEAD {
        let allowed = HeaderValue::from_static("GET, HEAD, OPTIONS");
        res.headers_mut().insert(ALLOW, allowed);
        *res.status_mut() = if *req.method() == Method::OPTIONS {
            StatusCode::NO_CONTENT
        } else {
            StatusCode::METHOD_NOT_ALLOWED
        };
        return res;
    }
    let newer = accept::quality(req.headers(), "application/openmetrics-text");
    let format = if newer > accept::quality(req.headers(), "text/plain") {
        Format::OpenMetrics
    } else {
        Format::Prometheus
    };
    let text = config.numbers().text(format);
    let headers = res.headers_mut();
    let media_type = HeaderValue::from_static(format.media_type());
    headers.insert(CONTENT_TYPE, media_type);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if *req.method() == Method::HEAD {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(text.len()));
    } else {
        *res.body_mut() = Body::from(text);
    }
    res
}

/// Fields by which proxies say that a request is not of their own.
const BY_OTHERS: [&str; 2] = ["x-forwarded-for", "x-real-ip"];

/// Whether the layer answers this request itself: to clients of this machine and of networks that are allowed.
#[cold]
pub(super) fn is_for<B>(allowed: &Networks, req: &Request<B>) -> bool {
    let Some(attributes) = Attributes::of(req) else {
        return false;
    };
    let connection = attributes.connection();
    let peer = connection.and_then(|connection| connection.peer);
    let client = attributes.client().map(|client| client.ip);
    // Whoever passes on for others is not the client, and nobody said who that is.
    if attributes.is_relayed() {
        return false;
    }
    let is_peer = client == peer.map(|peer| peer.ip().to_canonical());
    let headers = req.headers();
    if is_peer
        && (headers.contains_key(FORWARDED)
            || headers.contains_key(VIA)
            || BY_OTHERS.iter().any(|name| headers.contains_key(*name)))
    {
        return false;
    }
    match client {
        Some(ip) => ip.is_loopback() || allowed.contain(ip),
        // A Unix socket has no address; nor has what a proxy does not tell.
        None => connection.is_some_and(|connection| connection.proxied.is_none()),
    }
}
