//! A client of an application, by the gateway's rules.

use std::error::Error as StdError;
use std::fmt;

use bytes::Bytes;
use http::{Method, Request, Response};
use tower_service::Service;

use super::request::RequestBuilder;
use crate::middleware::Body;
#[cfg(doc)]
use crate::middleware::attributes::Attributes;

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
/// length of a body that has one, which comes as a stream. What the HTTP gateway refuses before the application
/// sees it is refused here by the same rules. Of the answer the client gets what it would
/// send, checked by the same code: no content where there must be none, the length of a body that has one, 500
/// for an error and for what contradicts itself. But no `Date`, so that answers can be compared, and in
/// the process a panic of the application is one of the test.
///
/// With `GOPURAM_TEST_OVER=socket` in the environment, the same requests go over a loopback
/// connection, through the HTTP gateway: what is tested in the process is then
/// tested on the wire. It needs a tokio runtime with its I/O on.
#[derive(Clone)]
pub struct Client<S> {
    pub(super) app: S,
    pub(super) in_process: bool,
    pub(super) lint: bool,
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
        RequestBuilder::new(self.clone(), req)
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
