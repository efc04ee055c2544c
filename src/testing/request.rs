//! A request being made, and sent.

use std::error::Error as StdError;
use std::fmt;
use std::future::{IntoFuture, poll_fn};
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use http::{Request, Response, Version};
use tower_service::Service;

use super::exchange::{as_gateway, ask, refusal, sent};
use super::lint::{Checked, Linted};
use super::{Client, Received, Served, socket};
use crate::gateway::answer::Asked;
use crate::gateway::front;
use crate::middleware::Body;
use crate::middleware::attributes::{Attributes, Connection};

/// A request being made; awaiting it sends it and reads the whole answer.
#[must_use = "await it"]
pub struct RequestBuilder<S> {
    client: Client<S>,
    req: Request<Body>,
    /// Where it is made, which is what a test's author wants to know when it panics.
    made: &'static Location<'static>,
}

impl<S> RequestBuilder<S> {
    #[track_caller]
    pub(super) const fn new(client: Client<S>, req: Request<Body>) -> Self {
        let made = Location::caller();
        Self { client, req, made }
    }

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

    /// Sets the body, which comes to the application as a stream that knows its length if it does.
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
    /// closes the connection without an answer. The message says where the request was made.
    pub async fn send(self) -> Response<Body>
    where
        S: Served,
    {
        let Client {
            app,
            in_process,
            lint,
        } = self.client;
        let made = self.made;
        let mut req = as_gateway(self.req);
        let linted = Linted::new(lint, made);
        let app = linted.around(app, &req);
        let res = if !in_process && socket::is_chosen() {
            match socket::exchange(app, req).await {
                Ok(res) => res,
                Err(error) => {
                    panic!("no answer over the socket: {error}\nthe request was made at {made}")
                }
            }
        } else {
            let asked = Asked::of(&req);
            match front::check(&mut req) {
                Ok(()) => sent(asked, ask(app, req).await),
                Err(status) => sent(asked, refusal(status, asked)),
            }
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
