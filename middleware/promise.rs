//! Whether a call used what readiness had reserved for it.
//!
//! A service that says it is ready may hold something for the call: `tower`'s `ConcurrencyLimit` a place, its
//! `Buffer` a slot. If a layer replies itself, inner is not called and goes on holding it, for as long as
//! the service is kept: who keeps one between requests would keep the others waiting. A fresh
//! clone holds nothing, and to drop the other gives all back. To make one each time is what servers of tower services
//! do, and costs a count for almost every layer.
//!
//! So those who know that nothing is left say so, and the clone is made where nobody does. A service says
//! that it is [`used`] at the end of its `call`, if then neither it nor what it wraps holds anything: as what is
//! always ready never does. Who keeps a service calls it by [`call`]. As what wraps a service
//! calls it only if it was called itself, the word of one is good for all around it. One that asks several
//! whether they are ready, and calls one of them, sees to the others itself.
//!
//! ```
//! use std::convert::Infallible;
//! use std::future::{Ready, ready};
//! use std::task::{Context, Poll};
//!
//! use gopuram_middleware::{Body, promise};
//! use http::{Request, Response};
//! use tower_service::Service;
//!
//! #[derive(Clone)]
//! struct Hello;
//!
//! impl Service<Request<Body>> for Hello {
//!     type Response = Response<Body>;
//!     type Error = Infallible;
//!     type Future = Ready<Result<Response<Body>, Infallible>>;
//!
//!     fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
//!         Poll::Ready(Ok(())) // nothing is reserved
//!     }
//!
//!     fn call(&mut self, _: Request<Body>) -> Self::Future {
//!         promise::used(self); // saves a clone for each request
//!         ready(Ok(Response::new(Body::from("hello"))))
//!     }
//! }
//! # let future = promise::call(&mut Hello, Request::new(Body::empty()));
//! # assert!(future.into_inner().is_ok());
//! ```

use std::cell::Cell;

use tower_service::Service;

thread_local! {
    /// The address of the last service that said it is used; 0 for none.
    static USED: Cell<usize> = const { Cell::new(0) };
}

/// Says, at the end of its `call`, that neither `service` nor what it wraps holds anything for a call.
#[inline]
pub fn used<S>(service: &S) {
    USED.set(std::ptr::from_ref(service).addr());
}

/// Calls a service that is ready and will be kept, and puts a clone in its place unless it says that it is [`used`].
#[inline]
pub fn call<S, R>(service: &mut S, req: R) -> S::Future
where
    S: Service<R> + Clone,
{
    USED.set(0);
    let future = service.call(req);
    // By its address, since a service may call another that is no part of it. One of no size may be at
    // the very end.
    let start = std::ptr::from_ref(service).addr();
    let end = start.saturating_add(size_of::<S>());
    if !(start..=end).contains(&USED.take()) {
        *service = service.clone();
    }
    future
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::{Ready, ready};
    use std::task::{Context, Poll};

    use super::*;

    /// Counts its clones; what it is asked decides what it does.
    struct Counted(u32, Option<Box<Counted>>);

    impl Clone for Counted {
        fn clone(&self) -> Self {
            Self(self.0 + 1, None)
        }
    }

    impl Service<&str> for Counted {
        type Response = ();
        type Error = Infallible;
        type Future = Ready<Result<(), Infallible>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, req: &str) -> Self::Future {
            match (req, &mut self.1) {
                ("calls another", Some(other)) => drop(other.call("says so")),
                ("says so", _) => used(self),
                _ => {}
            }
            ready(Ok(()))
        }
    }

    fn clones(req: &str) -> u32 {
        let mut service = Counted(0, Some(Box::new(Counted(0, None))));
        drop(call(&mut service, req));
        service.0
    }

    #[test]
    fn one_that_says_so_is_kept_and_any_other_is_not() {
        assert_eq!(clones("says so"), 0);
        assert_eq!(clones("says nothing"), 1);
    }

    #[test]
    fn the_word_of_another_does_not_count() {
        assert_eq!(clones("calls another"), 1);
    }

    /// Wraps one, behind something else.
    #[derive(Clone)]
    struct Around(u64, Counted);

    impl Service<&str> for Around {
        type Response = ();
        type Error = Infallible;
        type Future = Ready<Result<(), Infallible>>;

        fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            self.1.poll_ready(cx)
        }

        fn call(&mut self, req: &str) -> Self::Future {
            self.0 += 1;
            self.1.call(req)
        }
    }

    #[test]
    fn the_word_of_the_innermost_is_enough() {
        let mut service = Around(0, Counted(0, None));
        drop(call(&mut service, "says so"));
        assert_eq!((service.0, service.1.0), (1, 0));
    }
}
