//! A client of an application in the same process.
//!
//! It speaks by the gateway's rules without a socket.

use std::error::Error as StdError;
use std::fmt;
use std::future::{IntoFuture, poll_fn};
use std::pin::{Pin, pin};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body::Body as _;
use tower_service::Service;

use crate::middleware::Body;

/// A client of an application in the same process.
#[derive(Clone)]
pub struct Client<S> {
    app: S,
}

impl<S> Client<S> {
    /// A client of `app`.
    pub const fn new(app: S) -> Self {
        Self { app }
    }

    /// A `GET` of `target`.
    pub fn get(&self, target: &str) -> RequestBuilder<S>
    where
        S: Clone,
    {
        self.request(Method::GET, target)
    }

    /// A request for `target`; a bad one panics, this is for tests.
    pub fn request(&self, method: Method, target: &str) -> RequestBuilder<S>
    where
        S: Clone,
    {
        let mut req = Request::new(Body::empty());
        *req.method_mut() = method;
        *req.uri_mut() = target.parse().unwrap_or_default();
        *req.version_mut() = Version::HTTP_11;
        RequestBuilder {
            app: self.app.clone(),
            req,
        }
    }
}

impl<S> fmt::Debug for Client<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

/// A request being made; awaiting it sends it.
#[must_use = "await it"]
pub struct RequestBuilder<S> {
    app: S,
    req: Request<Body>,
}

impl<S> fmt::Debug for RequestBuilder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.req.fmt(f)
    }
}

impl<S> RequestBuilder<S> {
    /// Adds a field line.
    ///
    /// # Panics
    ///
    /// If name or value are not allowed in a field.
    #[expect(clippy::expect_used, reason = "this is for tests")]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name: HeaderName = name.parse().expect("a field name");
        let value = HeaderValue::from_bytes(value.as_bytes()).expect("a field value");
        self.req.headers_mut().append(name, value);
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Body>) -> Self {
        *self.req.body_mut() = body.into();
        self
    }
}

impl<S, C> IntoFuture for RequestBuilder<S>
where
    S: Service<Request<Body>, Response = Response<C>> + Send + 'static,
    S::Future: Send + 'static,
    S::Error: fmt::Debug,
    C: http_body::Body<Data = Bytes> + Send + 'static,
    C::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type Output = Received;
    type IntoFuture = Pin<Box<dyn Future<Output = Received> + Send>>;

    #[expect(clippy::expect_used, reason = "this is for tests")]
    fn into_future(mut self) -> Self::IntoFuture {
        Box::pin(async move {
            poll_fn(|cx| self.app.poll_ready(cx))
                .await
                .expect("the application is ready");
            let res = self
                .app
                .call(self.req)
                .await
                .expect("the application answers");
            let (head, body) = res.into_parts();
            let mut body = pin!(Body::new(body));
            let mut bytes = BytesMut::new();
            let mut trailers = None;
            let mut error = None;
            while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
                match frame.map(http_body::Frame::into_data) {
                    Ok(Ok(data)) => bytes.extend_from_slice(&data),
                    Ok(Err(frame)) => trailers = frame.into_trailers().ok(),
                    Err(broke) => error = Some(broke),
                }
            }
            Received {
                status: head.status,
                headers: head.headers,
                bytes: bytes.freeze(),
                trailers,
                error,
            }
        })
    }
}

/// What was answered, as a whole.
#[derive(Debug)]
pub struct Received {
    status: StatusCode,
    headers: HeaderMap,
    bytes: Bytes,
    trailers: Option<HeaderMap>,
    error: Option<crate::middleware::body::Error>,
}

impl Received {
    /// The status.
    pub const fn status(&self) -> StatusCode {
        self.status
    }
    /// The header fields.
    pub const fn headers(&self) -> &HeaderMap {
        &self.headers
    }
    /// The value of a field, its lines joined by a comma.
    pub fn header(&self, name: &str) -> Option<String> {
        let values: Vec<_> = self
            .headers
            .get_all(name)
            .iter()
            .map(|v| String::from_utf8_lossy(v.as_bytes()))
            .collect();
        (!values.is_empty()).then(|| values.join(", "))
    }
    /// The body.
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
    /// The trailers.
    pub const fn trailers(&self) -> Option<&HeaderMap> {
        self.trailers.as_ref()
    }
    /// Why the body broke off, if it did.
    pub const fn error(&self) -> Option<&crate::middleware::body::Error> {
        self.error.as_ref()
    }
    /// Asserts the status.
    ///
    /// # Panics
    ///
    /// If it is another.
    #[track_caller]
    pub fn assert_status(&self, status: u16) -> &Self {
        assert_eq!(self.status.as_u16(), status, "status of {self:?}");
        self
    }
    /// Asserts the value of a field, its lines joined by a comma.
    ///
    /// # Panics
    ///
    /// If it is another or there is none.
    #[track_caller]
    pub fn assert_header(&self, name: &str, value: &str) -> &Self {
        assert_eq!(
            self.header(name).as_deref(),
            Some(value),
            "{name} of {self:?}"
        );
        self
    }
    /// Asserts that there is no such field.
    ///
    /// # Panics
    ///
    /// If there is one.
    #[track_caller]
    pub fn assert_no_header(&self, name: &str) -> &Self {
        assert_eq!(self.header(name), None, "{name} of {self:?}");
        self
    }
    /// Asserts the body, and that it did not break off.
    ///
    /// # Panics
    ///
    /// If it is another.
    #[track_caller]
    pub fn assert_body(&self, body: impl AsRef<[u8]>) -> &Self {
        assert!(self.error.is_none(), "the body broke off: {self:?}");
        assert_eq!(self.bytes, body.as_ref(), "body of {self:?}");
        self
    }
}
