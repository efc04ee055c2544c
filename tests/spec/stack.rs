//! K: layers in order.

use std::fmt;
use std::marker::PhantomData;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use gopuram::middleware::from_fn::Next;
use gopuram::middleware::place::{
    Anywhere, Contain, Content, Direct, Dress, Guard, Identify, Inside, Observe, Outside, Placed,
    Validate,
};
use gopuram::middleware::wrap::{OnRequest, Wrapped};
use gopuram::middleware::{BodyLimit, CatchPanic, SetHeader, Timeout, from_fn};
use gopuram::testing::{Client, app};
use gopuram::{Body, Stack};
use http::header::SERVER;
use http::{Request, Response};
use tower::Service;
use tower_layer::Layer;

#[tokio::test]
async fn k1_what_is_written_first_sees_the_request_first_and_the_response_last() {
    type Seen = Arc<Mutex<Vec<&'static str>>>;
    let order = Seen::default();
    let sees = |inwards: &'static str, outwards: &'static str| {
        let seen = Arc::clone(&order);
        from_fn(move |req: Request<Body>, next: Next| {
            let seen = Arc::clone(&seen);
            async move {
                seen.lock().unwrap().push(inwards);
                let res = next.run(req).await;
                seen.lock().unwrap().push(outwards);
                res
            }
        })
    };
    let stack = Stack::new()
        .layer(sees("in b", "out b"))
        .layer(sees("in c", "out c"));
    let app = Stack::new()
        .layer(sees("in a", "out a"))
        .layer(stack)
        .layer(sees("in d", "out d"))
        .app(app::answer(|_| Response::new(Body::empty())));
    Client::new(app).get("/").await.assert_status(200);
    let expected = [
        "in a", "in b", "in c", "in d", "out d", "out c", "out b", "out a",
    ];
    assert_eq!(*order.lock().unwrap(), expected);
}

/// Asks the compiler whether `Next` may be written after `Previous`.
struct After<Previous, Next>(PhantomData<(Previous, Next)>);

/// The answer if the compiler finds no better one.
trait MayNot {
    const MAY: bool = false;
}

impl<Previous, Next> MayNot for After<Previous, Next> {}

impl<Previous, Next: Inside<Previous>> After<Previous, Next> {
    const MAY: bool = true;
}

/// What may be written after each place, a row each.
macro_rules! matrix {
    ($($previous:ident)*) => { [$(matrix!(@row $previous),)*] };
    (@row $previous:ident) => {
        matrix!(@row $previous: Identify Observe Dress Contain Direct Guard Validate Content)
    };
    (@row $previous:ident: $($next:ident)*) => { [$(After::<$previous, $next>::MAY,)*] };
}

#[test]
fn k2_layers_that_know_their_place_are_checked_while_compiling() {
    let may = matrix!(Identify Observe Dress Contain Direct Guard Validate Content);
    for (previous, row) in may.iter().enumerate() {
        for (next, may) in row.iter().enumerate() {
            assert_eq!(
                *may,
                next >= previous,
                "place {next} after place {previous}"
            );
        }
    }
    assert_eq!(matrix!(Outside), [[true; 8]]);
    assert_eq!(matrix!(@row Content: Anywhere), [true], "some fit anywhere");
}

/// Knows its place and does nothing.
#[derive(Clone, Copy)]
struct Noop;

impl Placed for Noop {
    type Place = Guard;
    const NAME: &'static str = "noop";

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("does nothing")
    }
}

impl<S> Layer<S> for Noop {
    type Service = Wrapped<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        Wrapped::new(inner, *self)
    }
}

impl<B> OnRequest<B> for Noop {
    type Then = ();
    type Reply = std::convert::Infallible;

    fn on_request(&self, _: &mut Request<B>) -> std::ops::ControlFlow<std::convert::Infallible> {
        std::ops::ControlFlow::Continue(())
    }
}

#[test]
fn k3_a_stack_prints_itself_a_layer_a_line_in_the_order_written() {
    let stack = Stack::new()
        .with(CatchPanic::default())
        .with(Timeout::head(Duration::from_secs(30)))
        .with(BodyLimit::new(1 << 20))
        .layer(tower_layer::Identity::new())
        .with(SetHeader::response(SERVER).remove())
        .with(Noop)
        .out_of_place(CatchPanic::default());
    let tower = "\
contain │ catch_panic
        │ timeout      30s
        │ body_limit   1 MiB
        │ Identity
        │ set_header   -server
  guard │ noop         does nothing
contain │ catch_panic";
    assert_eq!(stack.to_string(), tower);
    let with_app = stack.app(app::never_ready()).to_string();
    assert_eq!(with_app, format!("{tower}\n    app │ NeverReady"));
}

/// How many allocations a request takes that is answered at once.
fn allocations(mut app: impl Service<Request<Body>>) -> u64 {
    let mut cx = Context::from_waker(Waker::noop());
    let req = Request::new(Body::empty());
    let counted = allocation_counter::measure(|| {
        assert!(matches!(app.poll_ready(&mut cx), Poll::Ready(Ok(()))));
        let call = pin!(app.call(req));
        assert!(matches!(call.poll(&mut cx), Poll::Ready(Ok(_))));
    });
    counted.count_total
}

#[test]
fn k4_a_layer_that_does_nothing_allocates_nothing_however_many() {
    let hello = || app::answer(|_| Response::new(Body::from("hello")));
    assert_eq!(allocations(Stack::new().with(Noop).app(hello())), 0);
    let eight = Stack::new().with(Noop).with(Noop).with(Noop).with(Noop);
    let eight = eight.with(Noop).with(Noop).with(Noop).with(Noop);
    assert_eq!(allocations(eight.app(hello())), 0);
    let owned = app::answer(|_| Response::new(Body::from(vec![1_u8, 2])));
    assert!(allocations(owned) > 0, "the counter counts");
}
