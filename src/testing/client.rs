//! A client of an application, by the gateway's rules.

use std::error::Error as StdError;
use std::fmt;
use std::future::{IntoFuture, poll_fn};
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST, HeaderName, HeaderValue, TRANSFER_ENCODING};
use http::{Method, Request, Response, StatusCode, Uri, Version};
use http_body::Body as _;
use tower_service::Service;

use super::Received;
use super::lint::{Checked, Linted};
use super::socket;
use crate::middleware::Body;
use crate::middleware::attributes::{Attributes, Connection, Scheme};

/// An application that a gateway can serve: it is shared among requests, and its work moves among
/// threads. There is nothing to implement: every [`Application`](crate::Application) is one.
pub trait Served:
    Service<
        Request<Body>,
        Response = Response<Self::Content>,
        Error: Into<Box<dyn StdError + Send + Sync>>,
        Future: Future<Output = Result<Response<Self::Content>, Self::Error>> + Send + 'static,
    > + Clone
    + Send
    + 'static
{
    /// The body of its responses.
    type Content: http_body::Body<Data = Bytes, Error: Into<Box<dyn StdError + Send + Sync>>>
        + Send
        + 'static;
}

impl<S, C> Served for S
where
    S: Service<Request<Body>, Response = Response<C>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<Box<dyn StdError + Send + Sync>>,
    C: http_body::Body<Data = Bytes> + Send + 'static,
    C::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type Content = C;
}

/// A client of an application, by the gateway's rules.
///
/// The application gets what a gateway would give it: `Host`, [`Attributes`] of a connection, the
/// length of a body that has one. Of the answer the client gets what a gateway would
/// send: no content where there must be none, the length of a body that has one, 500
/// for an error. No `Date`, so that answers can be compared.
///
/// With `GOPURAM_TEST_OVER=socket` in the environment, the same requests go over a loopback
/// connection, through the HTTP gateway: what is tested in the process is then
/// tested on the wire. It needs a tokio runtime with its I/O on.
#[derive(Clone)]
pub struct Client<S> {
    app: S,
    in_process: bool,
    lint: bool,
}

impl<S> Client<S> {
    /// A client of `app`, which [lints](crate::middleware::lint) both sides of each exchange
    /// and panics if a rule is broken.
    pub const fn new(app: S) -> Self {
        Self {
            app,
            in_process: false,
            lint: true,
        }
    }

    /// A client of `app` that stays in the process whatever the environment says.
    ///
    /// For what cannot be seen over a socket: when a stream pauses, where its frames begin,
    /// what the extensions of a response hold.
    pub const fn in_process(app: S) -> Self {
        Self {
            app,
            in_process: true,
            lint: true,
        }
    }

    /// A client of `app` that does not lint, for tests of wrong behaviour.
    pub const fn without_lint(app: S) -> Self {
        Self {
            app,
            in_process: false,
            lint: false,
        }
    }
}

impl<S> Client<S> {
    /// A `DELETE` of `target`.
    ///
    /// # Panics
    ///
    /// As [`request`](Self::request).
    #[track_caller]
    pub fn delete(&self, target: &str) -> RequestBuilder<S>
    where
        S: Served,
    {
        self.request(Method::DELETE, target)
    }

    /// A `GET` of `target`.
    ///
    /// # Panics
    ///
    /// As [`request`](Self::request).
    #[track_caller]
    pub fn get(&self, target: &str) -> RequestBuilder<S>
    where
        S: Served,
    {
        self.request(Method::GET, target)
    }

    /// A `HEAD` of `target`.
    ///
    /// # Panics
    ///
    /// As [`request`](Self::request).
    #[track_caller]
    pub fn head(&self, target: &str) -> RequestBuilder<S>
    where
        S: Served,
    {
        self.request(Method::HEAD, target)
    }

    /// An `OPTIONS` of `target`.
    ///
    /// # Panics
    ///
    /// As [`request`](Self::request).
    #[track_caller]
    pub fn options(&self, target: &str) -> RequestBuilder<S>
    where
        S: Served,
    {
        self.request(Method::OPTIONS, target)
    }

    /// A `POST` to `target`.
    ///
    /// # Panics
    ///
    /// As [`request`](Self::request).
    #[track_caller]
    pub fn post(&self, target: &str) -> RequestBuilder<S>
    where
        S: Served,
    {
        self.request(Method::POST, target)
    }

    /// A `PUT` of `target`.
    ///
    /// # Panics
    ///
    /// As [`request`](Self::request).
    #[track_caller]
    pub fn put(&self, target: &str) -> RequestBuilder<S>
    where
        S: Served,
    {
        self.request(Method::PUT, target)
    }

    /// A request for `target`, a path with or without a query, or a whole URI.
    ///
    /// # Panics
    ///
    /// If `target` is not a request target.
    #[track_caller]
    pub fn request(&self, method: Method, target: &str) -> RequestBuilder<S>
    where
        S: Served,
    {
        let mut req = Request::new(Body::empty());
        *req.method_mut() = method;
        *req.uri_mut() = match target.parse() {
            Ok(uri) => uri,
            Err(error) => panic!("{target:?} is not a request target: {error}"),
        };
        RequestBuilder {
            client: self.clone(),
            req,
        }
    }
}

impl<S> fmt::Debug for Client<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("in_process", &self.in_process)
            .field("lint", &self.lint)
            .finish_non_exhaustive()
    }
}

/// A request being made; awaiting it sends it and reads the whole answer.
#[must_use = "await it"]
pub struct RequestBuilder<S> {
    client: Client<S>,
    req: Request<Body>,
}

impl<S> RequestBuilder<S> {
    /// Adds a field line; the value may be text or bytes.
    ///
    /// # Panics
    ///
    /// If name or value are not allowed in a field.
    #[track_caller]
    pub fn header(mut self, name: impl AsRef<str>, value: impl AsRef<[u8]>) -> Self {
        let (name, value) = (name.as_ref(), value.as_ref());
        let Ok(name) = name.parse::<HeaderName>() else {
            panic!("{name:?} is not a field name");
        };
        let Ok(value) = HeaderValue::from_bytes(value) else {
            panic!("{:?} is not a field value", String::from_utf8_lossy(value));
        };
        self.req.headers_mut().append(name, value);
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Body>) -> Self {
        *self.req.body_mut() = body.into();
        self
    }

    /// Sets the body to a stream, polled frame by frame.
    pub fn stream<B>(self, body: B) -> Self
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        self.body(Body::new(body))
    }

    /// Sets the version of HTTP; any but 1.1 stays in the process.
    ///
    /// From HTTP/2 on, a request has its authority in the target and not in `Host`, as a
    /// gateway has it.
    pub fn version(mut self, version: Version) -> Self {
        *self.req.version_mut() = version;
        self.client.in_process |= version != Version::HTTP_11;
        self
    }

    /// Puts an extension in the request, which stays in the process.
    ///
    /// [`Attributes`] are put in place of those that a gateway would make.
    pub fn extension<T: Clone + Send + Sync + 'static>(mut self, extension: T) -> Self {
        self.req.extensions_mut().insert(extension);
        self.client.in_process = true;
        self
    }

    /// Says what connection the request comes over, in the process.
    pub fn connection(self, connection: Connection) -> Self {
        self.extension(Attributes::new(Arc::new(connection)))
    }

    /// What the application is given, without asking it.
    pub fn into_request(self) -> Request<Body> {
        as_gateway(self.req)
    }

    /// Calls the application in the process and gives what it says, response or error, as it is:
    /// typed, not linted and not touched by a gateway's rules.
    ///
    /// # Errors
    ///
    /// The application's own.
    pub async fn call<C>(self) -> Result<Response<C>, S::Error>
    where
        S: Service<Request<Body>, Response = Response<C>>,
    {
        let mut app = self.client.app;
        poll_fn(|cx| app.poll_ready(cx)).await?;
        app.call(as_gateway(self.req)).await
    }

    /// Sends the request and gives the response with its body still to be read.
    ///
    /// # Panics
    ///
    /// If the lint has found something, now or when the body is read, or if the gateway
    /// closes the connection without an answer.
    pub async fn send(self) -> Response<Body>
    where
        S: Served,
    {
        let Client {
            app,
            in_process,
            lint,
        } = self.client;
        let req = as_gateway(self.req);
        let linted = Linted::new(lint);
        let app = linted.around(app, &req);
        let res = if in_process || !socket::is_chosen() {
            let method = req.method().clone();
            sent(&method, ask(app, req).await)
        } else {
            socket::exchange(app, req).await
        };
        linted.assert();
        res.map(|body| Checked::around(body, linted))
    }
}

impl<S> fmt::Debug for RequestBuilder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.req.fmt(f)
    }
}

impl<S: Served> IntoFuture for RequestBuilder<S> {
    type Output = Received;
    type IntoFuture = Pin<Box<dyn Future<Output = Received> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { Received::of(self.send().await).await })
    }
}

/// Why an application gave no answer, in the words of its error's `Debug`.
#[derive(Clone, Debug)]
pub(super) struct Failure(pub(super) String);

/// Fills in what a gateway knows of a request.
fn as_gateway(mut req: Request<Body>) -> Request<Body> {
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
    req
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
        Err(failure) => {
            let mut res = Response::new(Body::empty());
            *res.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            res.extensions_mut().insert(failure);
            res
        }
    }
}

/// What a gateway sends of a response.
fn sent(method: &Method, mut res: Response<Body>) -> Response<Body> {
    let status = res.status();
    let tunnel = *method == Method::CONNECT && status.is_success();
    let none = status.is_informational()
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
        || tunnel;
    let head = *method == Method::HEAD;
    if matches!(status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT) {
        res.headers_mut().remove(CONTENT_LENGTH);
        *res.body_mut() = Body::empty();
    }
    if !none && !res.headers().contains_key(CONTENT_LENGTH) {
        // That there is nothing here says nothing of what GET would answer.
        let length = res.body().size_hint().exact();
        if let Some(length) = length.filter(|&length| !head || length > 0) {
            res.headers_mut().insert(CONTENT_LENGTH, length.into());
        }
    }
    if none || head {
        *res.body_mut() = Body::empty();
    }
    res
}
