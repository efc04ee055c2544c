//! Stacks: their order, their print, and what they cost the types.

use std::convert::Infallible;
use std::fmt;

use gopuram::middleware::from_fn::Next;
use gopuram::middleware::place::{Guard, Identify, Observe, Placed};
use gopuram::middleware::{SetHeader, from_fn};
use gopuram::stack::{App, Innermost, Optional};
use gopuram::testing::{Client, app};
use gopuram::{Body, Stack};
use http::header::{SERVER, VIA};
use http::{HeaderValue, Request, Response};
use tower::limit::ConcurrencyLimitLayer;
use tower_layer::{Identity, Layer};

#[derive(Clone, Copy)]
struct Id;

impl Placed for Id {
    type Place = Identify;
    const NAME: &'static str = "id";
}

#[derive(Clone, Copy)]
struct Log(&'static str);

impl Placed for Log {
    type Place = Observe;
    const NAME: &'static str = "log";

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

#[derive(Clone, Copy)]
struct Password;

impl Placed for Password {
    type Place = Guard;
    const NAME: &'static str = "password";
}

macro_rules! does_nothing {
    ($($layer:ty)*) => {
        $(impl<S> Layer<S> for $layer {
            type Service = S;

            fn layer(&self, inner: S) -> S {
                inner
            }
        })*
    };
}

does_nothing!(Id Log Password);

fn via(name: &'static str) -> (SetHeader, SetHeader) {
    let value = HeaderValue::from_static(name);
    let inwards = SetHeader::request(VIA).append(value.clone());
    (inwards, SetHeader::response(VIA).append(value))
}

fn hello(_: Request<Body>) -> Response<Body> {
    Response::new(Body::from("hello"))
}

/// Answers with the `Via` of the request.
#[expect(
    clippy::needless_pass_by_value,
    reason = "an application is given its request"
)]
fn told(req: Request<Body>) -> Response<Body> {
    let via: Vec<_> = req.headers().get_all(VIA).iter().collect();
    Response::new(Body::from(format!("{via:?}")))
}

#[tokio::test]
async fn what_is_written_first_sees_the_request_first_and_the_response_last() {
    let ((a_in, a_out), (b_in, b_out)) = (via("a"), via("b"));
    let app = Stack::new()
        .with(a_in)
        .with(a_out)
        .layer(b_in)
        .out_of_place(b_out)
        .app(app::answer(told));
    let res = Client::new(app).get("/").await;
    res.assert_body(r#"["a", "b"]"#)
        .assert_header("via", "b, a");
}

#[tokio::test]
async fn a_stack_is_a_layer_of_a_stack() {
    let ((a, _), (b, _), (c, _)) = (via("a"), via("b"), via("c"));
    let middle = Stack::new().with(b.clone()).with(b);
    let app = Stack::new()
        .with(a)
        .layer(middle)
        .with(c)
        .app(app::answer(told));
    Client::new(app)
        .get("/")
        .await
        .assert_body(r#"["a", "b", "b", "c"]"#);
    let (a, _) = via("a");
    let alone = Layer::layer(&Stack::new().with(a), app::answer(told));
    Client::new(alone).get("/").await.assert_body(r#"["a"]"#);
}

#[tokio::test]
async fn a_layer_that_is_off_does_nothing() {
    /// The type is the same either way.
    fn stack(
        on: bool,
    ) -> App<impl Innermost<Body = Body, Error = Infallible, Future: Send> + Clone + Send> {
        let (inwards, outwards) = via("a");
        Stack::new()
            .when(on, inwards)
            .when(on, outwards)
            .app(app::answer(told))
    }
    let res = Client::new(stack(true)).get("/").await;
    res.assert_body(r#"["a"]"#).assert_header("via", "a");
    let res = Client::new(stack(false)).get("/").await;
    res.assert_body("[]").assert_no_header("via");
}

#[tokio::test]
async fn any_tower_layer_may_be_off_too() {
    let limit = |on| Optional::new(on, ConcurrencyLimitLayer::new(1));
    for on in [true, false] {
        let app = Stack::new().layer(limit(on)).app(app::answer(hello));
        Client::new(app).get("/").await.assert_body("hello");
    }
}

#[test]
fn a_stack_prints_itself_as_a_tower() {
    let stack = Stack::new()
        .with(Id)
        .with(Log("combined"))
        .with(Log("json"))
        .when(false, Log("common"))
        .layer(ConcurrencyLimitLayer::new(1))
        .with(SetHeader::response(SERVER).remove())
        .with(Password)
        .out_of_place(Log("late"));
    let tower = "\
        identify │ id\n \
         observe │ log                    combined\n         \
                 │ log                    json\n         \
                 │ log                    off\n         \
                 │ ConcurrencyLimitLayer\n         \
                 │ set_header             -server\n   \
           guard │ password\n \
         observe │ log                    late";
    assert_eq!(stack.to_string(), tower);
    let names =
        r#"["id", "log", "log", "log", "ConcurrencyLimitLayer", "set_header", "password", "log"]"#;
    assert_eq!(format!("{stack:?}"), names);
    assert_eq!(Stack::new().to_string(), "");
}

#[test]
fn an_app_prints_its_stack_and_itself() {
    #[derive(Clone)]
    struct Hello<T>(T);

    impl<T> tower_service::Service<Request<Body>> for Hello<T> {
        type Response = Response<Body>;
        type Error = Infallible;
        type Future = std::future::Ready<Result<Response<Body>, Infallible>>;

        fn poll_ready(
            &mut self,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Result<(), Infallible>> {
            std::task::Poll::Ready(Ok(()))
        }

        fn call(&mut self, req: Request<Body>) -> Self::Future {
            let _ = &self.0;
            std::future::ready(Ok(hello(req)))
        }
    }

    let app = Stack::new().with(Id).app(Hello(Some(1_u8)));
    assert_eq!(
        app.to_string(),
        "identify │ id\n     app │ Hello<Option<u8>>"
    );
    assert_eq!(format!("{app:?}"), r#"["id", "Hello<Option<u8>>"]"#);
}

#[test]
fn a_stack_may_be_cloned_and_used_twice() {
    let stack = Stack::default().with(Id).layer(Identity::new());
    let one = stack.clone().app(app::answer(hello));
    let two = stack.app(app::answer(told));
    assert_eq!(one.to_string().lines().count(), 3);
    assert_eq!(
        two.to_string().lines().next(),
        one.to_string().lines().next()
    );
}

#[tokio::test]
async fn the_application_gets_a_body_whatever_the_layers_make_of_it() {
    let wraps = tower::util::MapRequestLayer::new(|req: Request<Body>| {
        req.map(|body| http_body_util::Limited::new(body, 10))
    });
    let echo = app::answer(|req: Request<Body>| Response::new(req.into_body()));
    let app = Stack::new().layer(wraps).app(echo);
    let again = app.clone();
    let client = Client::new(app);
    client.post("/").body("hello").await.assert_body("hello");
    let client = Client::in_process(again);
    let res = client.post("/").body("much too long").await;
    assert!(res.error().is_some());
}

#[tokio::test]
async fn functions_are_layers_of_a_stack() {
    let app = Stack::new()
        .layer(from_fn(async |req: Request<Body>, next: Next| {
            let mut res = next.run(req).await;
            res.headers_mut()
                .insert(SERVER, HeaderValue::from_static("ours"));
            res
        }))
        .app(app::answer(hello));
    let res = Client::new(app).get("/").await;
    res.assert_header("server", "ours").assert_body("hello");
}
