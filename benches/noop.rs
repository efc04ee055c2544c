//! Layers that do nothing, to see what being there costs.

use std::convert::Infallible;
use std::ops::ControlFlow;

use gopuram::Stack;
use gopuram::middleware::wrap::{OnRequest, OnResponse, Wrapped};
use gopuram::stack::Chain;
use http::{Request, Response};
use tower_layer::Layer;

/// Passes both ways and changes nothing.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "what does nothing has nothing to add"
)]
pub struct Noop;

impl<S> Layer<S> for Noop {
    type Service = Wrapped<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        Wrapped::new(inner, *self)
    }
}

impl<B> OnRequest<B> for Noop {
    type Then = Self;
    type Reply = Infallible;

    fn on_request(&self, _: &mut Request<B>) -> ControlFlow<Infallible, Self> {
        ControlFlow::Continue(*self)
    }
}

impl<C> OnResponse<C> for Noop {
    type Body = C;

    fn on_response(self, res: Response<C>) -> Response<C> {
        res
    }
}

/// Eight of them inside a stack.
pub fn eight<L, P>(stack: Stack<L, P>) -> Stack<Eight<L>, P> {
    let stack = stack.layer(Noop).layer(Noop).layer(Noop).layer(Noop);
    stack.layer(Noop).layer(Noop).layer(Noop).layer(Noop)
}

/// Thirty-two of them inside a stack.
pub fn thirty_two<L, P>(stack: Stack<L, P>) -> Stack<Eight<Eight<Eight<Eight<L>>>>, P> {
    eight(eight(eight(eight(stack))))
}

/// A stack with two more inside.
type Two<L> = Chain<Chain<L, Noop>, Noop>;

/// A stack with eight more inside.
type Eight<L> = Two<Two<Two<Two<L>>>>;
