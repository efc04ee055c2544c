//! What an application is, in one bound.

use std::error::Error as StdError;

use bytes::Bytes;
use http::{Request, Response};
use tower_service::Service;

use crate::middleware::Body;

/// An application: a tower service from requests to responses.
///
/// Nothing implements this by hand: every `tower_service::Service<Request<Body>>` that answers
/// a [`Response`] of any body of [`Bytes`] is one, if it is `Clone`, and it and its futures
/// are `Send`, and if its error and that of the body can become a boxed one. A stack
/// with an application in it is one, and so is an `axum::Router`.
///
/// It says in one word what a function takes or returns:
///
/// ```
/// use gopuram::{Application, Stack};
/// use gopuram::middleware::{CatchPanic, Router};
///
/// fn app() -> impl Application {
///     Stack::new()
///         .with(CatchPanic::default())
///         .app(Router::new().get("/", async |_| "hello"))
/// }
/// # gopuram::serve(app());
/// ```
///
/// A layer that refuses makes an empty body, so what is put in a stack of them has a body with a
/// [`Default`]:
///
/// ```
/// # use gopuram::{Application, Stack};
/// # use gopuram::middleware::{BodyLimit, CatchPanic, Compress};
/// fn production(app: impl Application<ResponseBody: Default>) -> impl Application {
///     Stack::new()
///         .with(CatchPanic::default())
///         .with(BodyLimit::new(1 << 20))
///         .with(Compress::default())
///         .app(app)
/// }
/// # gopuram::serve(production(gopuram::middleware::Router::new()));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an application",
    label = "not a tower service from `Request<Body>` to `Response<_>`, or one that cannot be served",
    note = "an application is a `Service<Request<gopuram::Body>>` that answers an `http::Response`, is `Clone + Send + 'static`, and whose futures are `Send`",
    note = "its error, and that of its response's body, must be `Into<Box<dyn Error + Send + Sync>>`: `Infallible`, `String` or any error",
    note = "an `async fn` becomes one in a router: `Router::new().get(\"/\", handler)`, and a `Stack` by `.app(router)`"
)]
pub trait Application:
    Service<
        Request<Body>,
        Response = Response<<Self as Application>::ResponseBody>,
        Error: Into<Box<dyn StdError + Send + Sync>>,
        Future: Send + 'static,
    > + Clone
    + Send
    + 'static
{
    /// The body of its answers.
    type ResponseBody: http_body::Body<Data = Bytes, Error: Into<Box<dyn StdError + Send + Sync>>>
        + Send
        + 'static;
}

impl<S, C> Application for S
where
    S: Service<Request<Body>, Response = Response<C>> + Clone + Send + 'static,
    S::Error: Into<Box<dyn StdError + Send + Sync>>,
    S::Future: Send + 'static,
    C: http_body::Body<Data = Bytes> + Send + 'static,
    C::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type ResponseBody = C;
}
