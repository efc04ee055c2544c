//! A layer for the requests that a predicate chooses.
//!
//! ```
//! use gopuram_middleware::{SetHeader, When};
//! use http::HeaderValue;
//! use http::header::CACHE_CONTROL;
//! # use tower_layer::Layer as _;
//! # let app = ();
//!
//! let no_store = SetHeader::response(CACHE_CONTROL).value(HeaderValue::from_static("no-store"));
//! let app = When::new(|head| head.headers.contains_key("authorization"), no_store).layer(app);
//! # let _ = app;
//! ```
//!
//! The predicate is asked of each request, with its head as the outer layers left it: its path is the rest behind
//! the prefix of a mount, and its fields are the client's word. Where it does not hold, the request goes to
//! the inner service as if the layer were not there. What is known when the stack is built is decided there, by
//! `Stack::when`, which takes a `bool`. What is text, as in a file, becomes a predicate by [`Requests`].
//!
//! [`Placed`] where the layer is that it wraps; around any other tower layer it goes wherever that goes. The
//! layer is made once, as always: what it counts or keeps, it counts for the requests that it sees.
//!
//! # Security
//!
//! A path comes as the client wrote it: `/%61ccount` is `/account` to a router, and not to a predicate that compares
//! text. What guards a part of a site belongs inside of its route, group or mount, which every spelling leads to.
//!
//! # Bodies and readiness
//!
//! The answer has a [`Body`] either way. What is one already stays as it is, a region of a file too; a body of
//! another type, as of a layer that wraps one, is boxed.
//!
//! It is ready when the inner service is. Only the layer itself, where it is chosen, is waited for once the
//! request is there, and asks the inner service anew, whose first promise is given back before: what
//! counts its calls counts one, and a limit of one call at a time does not wait for itself.
//!
//! # Cost
//!
//! A request that is not chosen costs the predicate and moves its head twice. One that is chosen costs two clones
//! of the inner service more, and one of the layer's.

mod requests;

use std::error::Error as StdError;
use std::fmt;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response, request};
use tower_layer::Layer;
use tower_service::Service;

use crate::body::Body;
use crate::future::{Either, Oneshot};
use crate::place::Placed;
use crate::promise;
use crate::wrap::with_parts;

pub use requests::{NoPattern, Requests};

/// A layer for the requests that a predicate chooses.
///
/// See the [module documentation](self) for an example.
#[derive(Clone, Copy)]
pub struct When<P, L> {
    predicate: P,
    layer: L,
}

impl<P, L> When<P, L>
where
    P: Fn(&request::Parts) -> bool,
{
    /// Puts `layer` around the inner service for requests of which `predicate` holds.
    pub const fn new(predicate: P, layer: L) -> Self {
        Self { predicate, layer }
    }
}

#[diagnostic::do_not_recommend]
impl<P, L: Placed> Placed for When<P, L> {
    type Place = L::Place;
    const NAME: &'static str = "when";

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", L::NAME)?;
        self.layer.describe(f)
    }
}

impl<S: Clone, P: Clone, L: Layer<S>> Layer<S> for When<P, L> {
    type Service = WhenService<P, L::Service, S>;

    fn layer(&self, inner: S) -> Self::Service {
        WhenService {
            predicate: self.predicate.clone(),
            chosen: self.layer.layer(inner.clone()),
            inner,
        }
    }
}

/// A service with a layer around it for some requests.
#[derive(Clone, Copy)]
pub struct WhenService<P, A, S> {
    predicate: P,
    /// With the layer around it; asked for readiness only where it is called.
    chosen: A,
    inner: S,
}

impl<P, A, S, B, C, D> Service<Request<B>> for WhenService<P, A, S>
where
    P: Fn(&request::Parts) -> bool,
    A: Service<Request<B>, Response = Response<C>, Error = S::Error> + Clone,
    S: Service<Request<B>, Response = Response<D>> + Clone,
    C: http_body::Body<Data = Bytes> + Send + 'static,
    C::Error: Into<Box<dyn StdError + Send + Sync>>,
    D: http_body::Body<Data = Bytes> + Send + 'static,
    D::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Either<Oneshot<A, Request<B>, A::Future>, S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut req: Request<B>) -> Self::Future {
        if !with_parts(&mut req, |head| (self.predicate)(head)) {
            return Either::right(self.inner.call(req));
        }
        // A clone is not ready, and what this one held for the call is free for the layer's.
        self.inner = self.inner.clone();
        promise::used(self);
        Either::left(Oneshot::new(self.chosen.clone(), req))
    }
}

impl<P, L: fmt::Debug> fmt::Debug for When<P, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("When").field(&self.layer).finish()
    }
}

impl<P, A: fmt::Debug, S> fmt::Debug for WhenService<P, A, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WhenService").field(&self.chosen).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::SetHeader;
    use crate::endpoint::Endpoint;
    use http::header::SERVER;

    #[test]
    fn it_is_where_its_layer_is_and_says_so() {
        fn described<L: Placed>(layer: L) -> String {
            struct Described<L>(L);
            impl<L: Placed> fmt::Display for Described<L> {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    self.0.describe(f)
                }
            }
            Described(layer).to_string()
        }
        let layer = When::new(|_| true, SetHeader::response(SERVER).remove());
        assert_eq!(described(layer), "set_header -server");
    }

    #[test]
    fn the_head_is_there_after_the_predicate_has_seen_it() {
        let app = Endpoint::<Infallible>::handler(|req: Request<Body>| {
            std::future::ready(format!("{} {}", req.method(), req.uri()))
        });
        let is_post = |head: &request::Parts| head.method == http::Method::POST;
        let layer = When::new(is_post, SetHeader::response(SERVER).remove());
        let mut service = layer.layer(app);
        for method in [http::Method::GET, http::Method::POST] {
            let text = format!("{method} /x?y");
            let req = Request::builder().method(method).uri("/x?y");
            let answer = std::pin::pin!(service.call(req.body(Body::empty()).unwrap()));
            let mut cx = Context::from_waker(std::task::Waker::noop());
            let Poll::Ready(Ok(res)) = answer.poll(&mut cx) else {
                panic!("it is there at once");
            };
            assert_eq!(res.into_body().try_into_bytes().unwrap(), text);
        }
    }
}
