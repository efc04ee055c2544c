//! An application that may be another for the next connection.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use http::{Request, Response};

use super::service::{Answer, ErasedService, Failure};
use crate::middleware::{Body, promise};
use crate::stack::App;

/// An application that may be another for the next connection: each clone, of which a connection has one, is of the newest.
///
/// From [`Running::app`](super::Running::app).
#[derive(Debug)]
pub struct Latest {
    newest: Arc<Mutex<App<ErasedService>>>,
    own: ErasedService,
}

impl Latest {
    pub(super) fn new(app: App<ErasedService>) -> Self {
        Self {
            own: app.clone().into_inner(),
            newest: Arc::new(Mutex::new(app)),
        }
    }

    /// From now on connections get this one.
    pub(super) fn replace(&self, app: App<ErasedService>) {
        let before = std::mem::replace(&mut *self.lock(), app);
        // Whatever its end takes, nobody waits for it.
        drop(before);
    }

    /// The layers that the next connection gets, and what they are around, as a tower.
    pub fn tower(&self) -> String {
        self.lock().to_string()
    }

    fn lock(&self) -> MutexGuard<'_, App<ErasedService>> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clone for Latest {
    fn clone(&self) -> Self {
        Self {
            newest: Arc::clone(&self.newest),
            own: self.lock().clone().into_inner(),
        }
    }
}

impl tower_service::Service<Request<Body>> for Latest {
    type Response = Response<Body>;
    type Error = Failure;
    type Future = Answer;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        tower_service::Service::<Request<Body>>::poll_ready(&mut self.own, cx)
    }

    fn call(&mut self, req: Request<Body>) -> Answer {
        let answer = self.own.call(req);
        // A service whose type is gone sees to itself.
        promise::used(self);
        answer
    }
}
