//! The application of a connection, kept from request to request.

use std::any::Any;
use std::error::Error as StdError;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use http::Request;

use super::waiting::Waiting;
use crate::Application;
use crate::middleware::{Body, promise};

/// One clone of the application for the connection, not one for each request; none
/// once it failed to become ready, after which it may not be asked again.
pub(super) struct Slot<S>(Mutex<Option<S>>);

/// What became of a request.
pub(super) enum Started<S, F> {
    /// The application was called.
    Called(F),
    /// It is not to become ready.
    Failed(Box<dyn StdError + Send + Sync>),
    /// It panicked.
    Panicked(Box<dyn Any + Send>),
    /// It is not ready yet.
    Unready(Pin<Box<Waiting<S>>>),
}

impl<S: Application> Slot<S> {
    pub(super) const fn new(app: S) -> Self {
        Self(Mutex::new(Some(app)))
    }

    /// Calls the application if it is ready, else takes it for this request, to be ready in time.
    ///
    /// Here and not when the answer is first polled, since an application that is done with the
    /// request at once lets hyper have its buffer back: two allocations less. But here is the task of
    /// the connection, which in HTTP/2 a panic must not take along: it goes on where the answer is polled.
    #[inline]
    pub(super) fn start(&self, req: Request<Body>, time: Duration) -> Started<S, S::Future> {
        let mut slot = self.lock();
        // To be moved once, not into each closure and call on its way.
        let mut req = Some(req);
        // What a panic may have left half done is given up below.
        let started = catch_unwind(AssertUnwindSafe(|| start(&mut slot, &mut req, time)));
        started.unwrap_or_else(|panic| {
            renew(&mut slot);
            Started::Panicked(panic)
        })
    }

    /// Asks this application no more.
    pub(super) fn give_up(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<S>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who finds an application not ready stands in its queues and is woken by them. So that one is taken
/// along, and its clone left for the next request; the real waker is given when the
/// answer is polled.
#[inline]
fn start<S: Application>(
    slot: &mut Option<S>,
    req: &mut Option<Request<Body>>,
    time: Duration,
) -> Started<S, S::Future> {
    let (Some(app), Some(req)) = (slot.as_mut(), req.take()) else {
        return Started::Failed("it failed before".into());
    };
    match app.poll_ready(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(())) => Started::Called(promise::call(app, req)),
        Poll::Ready(Err(error)) => {
            *slot = None;
            Started::Failed(error.into())
        }
        Poll::Pending => {
            let fresh = app.clone();
            let waits = std::mem::replace(app, fresh);
            Started::Unready(Box::pin(Waiting::new(waits, req, time)))
        }
    }
}

/// Puts a clone in the place of an application that panicked, or nothing if that panics too.
#[cold]
fn renew<S: Clone>(slot: &mut Option<S>) {
    let broken = slot.take();
    // It is dropped there whatever happens.
    let fresh = catch_unwind(AssertUnwindSafe(move || broken.clone()));
    *slot = fresh.unwrap_or_default();
}
