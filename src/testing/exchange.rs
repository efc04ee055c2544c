//! What a gateway does before an application is asked and after it has answered, in the process.

use std::error::Error as StdError;
use std::future::poll_fn;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderValue, TRANSFER_ENCODING};
use http::{Method, Request, Response, StatusCode, Uri, Version};
use http_body::{Body as _, Frame, SizeHint};
use tower_service::Service;

use crate::gateway::answer::{self, Asked, Content};
use crate::gateway::exact::Exact;
use crate::middleware::Body;
use crate::middleware::attributes::{Attributes, Connection, Scheme};
use crate::middleware::body::Error;

/// Why an application gave no answer, in the words of its error's `Debug`, or none that can be sent.
#[derive(Clone, Debug)]
pub(super) struct Failure(pub(super) String);

/// Fills in what a gateway knows of a request.
pub(super) fn as_gateway(mut req: Request<Body>) -> Request<Body> {
    const LOCALHOST: HeaderValue = HeaderValue::from_static("localhost");
    if req.version() >= Version::HTTP_2 {
        give_authority(&mut req);
    } else if !req.headers().contains_key(HOST) {
        let authority = req.uri().authority().map(|a| a.as_str().try_into());
        let host = authority.and_then(Result::ok).unwrap_or(LOCALHOST);
        req.headers_mut().insert(HOST, host);
    }
    let framed =
        req.headers().contains_key(CONTENT_LENGTH) || req.headers().contains_key(TRANSFER_ENCODING);
    let expects = matches!(*req.method(), Method::POST | Method::PUT | Method::PATCH);
    match req.body().size_hint().exact() {
        _ if framed => {}
        Some(0) if !expects => {}
        Some(length) => {
            req.headers_mut().insert(CONTENT_LENGTH, length.into());
        }
        None if req.version() == Version::HTTP_11 => {
            let chunked = HeaderValue::from_static("chunked");
            req.headers_mut().insert(TRANSFER_ENCODING, chunked);
        }
        None => {}
    }
    if Attributes::of(&req).is_none() {
        let end = |port| Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        let connection = Connection::new(end(80), end(50_000), Scheme::Http);
        req.extensions_mut()
            .insert(Attributes::new(Arc::new(connection)));
    }
    req.map(|body| {
        if body.is_end_stream() {
            Body::empty()
        } else {
            Body::new(Incoming(body))
        }
    })
}

/// Puts the authority in the target, where HTTP/2 has it.
fn give_authority(req: &mut Request<Body>) {
    if req.uri().authority().is_some() {
        return;
    }
    let host = req.headers_mut().remove(HOST);
    let host = host.as_ref().and_then(|host| host.to_str().ok());
    let path = req.uri().path_and_query().map_or("/", |p| p.as_str());
    let uri = Uri::builder()
        .scheme("http")
        .authority(host.unwrap_or("localhost"))
        .path_and_query(path)
        .build();
    if let Ok(uri) = uri {
        *req.uri_mut() = uri;
    }
}

/// Asks the application; its error becomes its words.
pub(super) async fn ask<S, C>(mut app: S, req: Request<Body>) -> Response<Body>
where
    S: Service<Request<Body>, Response = Response<C>>,
    S::Error: Into<Box<dyn StdError + Send + Sync>>,
    C: http_body::Body<Data = Bytes> + Send + 'static,
    C::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    let words = |error: S::Error| Failure(format!("{:?}", error.into()));
    let answer = match poll_fn(|cx| app.poll_ready(cx).map_err(words)).await {
        Ok(()) => app.call(req).await.map_err(words),
        Err(failure) => Err(failure),
    };
    match answer {
        Ok(res) => res.map(Body::new),
        Err(failure) => internal_error(failure),
    }
}

fn internal_error(failure: Failure) -> Response<Body> {
    let mut res = Response::new(Body::empty());
    *res.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    res.extensions_mut().insert(failure);
    res
}

/// What the gateway answers itself, without asking the application.
pub(super) fn refusal(status: StatusCode, asked: Asked) -> Response<Body> {
    const CLOSE: HeaderValue = HeaderValue::from_static("close");
    let mut res = Response::new(Body::empty());
    *res.status_mut() = status;
    if !asked.http2 {
        res.headers_mut().insert(CONNECTION, CLOSE);
    }
    res
}

/// What the gateway sends of a response.
pub(super) fn sent(asked: Asked, mut res: Response<Body>) -> Response<Body> {
    let content = answer::check(asked, &mut res).unwrap_or_else(|problem| {
        res = internal_error(Failure(problem.to_owned()));
        Content::All
    });
    let length = match content {
        Content::All => res.body().size_hint().exact(),
        // HTTP/1 needs one (RFC 9112, section 6.3).
        Content::Nothing if res.status() == StatusCode::RESET_CONTENT => Some(0),
        _ => None,
    };
    if let Some(length) = length.filter(|&length| length > 0 || !asked.http2) {
        let headers = res.headers_mut();
        headers.entry(CONTENT_LENGTH).or_insert(length.into());
    }
    res.map(|body| match content {
        Content::All | Content::Chunks(None) => body,
        Content::Exactly(length) | Content::Chunks(Some(length)) => {
            Body::new(Exact::new(body, Some(length)))
        }
        Content::Nothing | Content::Upgrade => Body::empty(),
    })
}

/// A body that comes from a client, and so is a stream that cannot be taken whole.
struct Incoming(Body);

impl http_body::Body for Incoming {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        Pin::new(&mut self.0).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}
