//! Layers around bodies whose error is a box already, as those of tower-http are.

use std::convert::Infallible;
use std::error::Error as StdError;

use bytes::Bytes;
use gopuram::Application;
use gopuram::middleware::{Body, BodyLimit, CatchPanic, Compress, Range, StaticFiles, Timeout};
use gopuram::testing::Client;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use tower::service_fn;
use tower_layer::Layer;
use tower_service::Service;

type BoxError = Box<dyn StdError + Send + Sync>;
type Boxed = UnsyncBoxBody<Bytes, BoxError>;

/// An application that answers with such a body, to requests with any.
fn app<B>()
-> impl Service<Request<B>, Response = Response<Boxed>, Error = Infallible, Future: Send + 'static>
+ Clone
+ Send
+ Sync
+ 'static
where
    B: http_body::Body<Error: Into<BoxError>> + Send + 'static,
{
    service_fn(|_: Request<B>| async {
        let body = Full::new(Bytes::from_static(b"hello")).map_err(BoxError::from);
        Ok(Response::new(UnsyncBoxBody::new(body)))
    })
}

/// Compiles if it can be served, which asks for an error that goes into a box.
async fn served<S, C>(app: S)
where
    S: Service<Request<Body>, Response = Response<C>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static,
    C: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    fn is_application(_: &impl Application) {}
    is_application(&app);
    let res = Client::in_process(app).get("/none").await;
    res.assert_status(200).assert_body("hello");
}

#[tokio::test]
async fn what_answers_with_boxed_errors_can_be_served_through_any_layer() {
    served(Compress::default().layer(app())).await;
    served(Timeout::bodies().layer(app())).await;
    served(CatchPanic::default().layer(app())).await;
    served(BodyLimit::default().layer(app())).await;
    served(Range::default().layer(app())).await;
    let files = StaticFiles::new(env!("CARGO_MANIFEST_DIR"));
    served(files.expect("the root").layer(app())).await;
}

#[tokio::test]
async fn requests_with_boxed_errors_pass_the_layers_that_wrap_their_bodies() {
    async fn answered<S>(mut app: S)
    where
        S: Service<Request<Boxed>, Error = Infallible>,
    {
        let body = Full::new(Bytes::new()).map_err(BoxError::from);
        let req = Request::new(UnsyncBoxBody::new(body));
        assert!(app.call(req).await.is_ok());
    }
    answered(Timeout::bodies().layer(app())).await;
    answered(BodyLimit::default().layer(app())).await;
}
