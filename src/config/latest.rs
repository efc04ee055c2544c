//! An application that may be another for the next connection.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use http::{Request, Response};

use super::service::{Answer, ErasedService, Failure};
use crate::middleware::{Body, promise};
use crate::stack::App;

/// An application that may be another for the next connection: at its first request a connection gets the newest, and keeps it.
///
/// From [`Running::app`](super::Running::app). A clone of one that was used is of the same; one that was not, as servers clone
/// for each connection, holds none, so that what is replaced is gone with its last connection.
#[derive(Clone, Debug)]
pub struct Latest {
    newest: Arc<Mutex<App<ErasedService>>>,
    own: Option<ErasedService>,
}

impl Latest {
    pub(super) fn new(app: App<ErasedService>) -> Self {
        Self {
            newest: Arc::new(Mutex::new(app)),
            own: None,
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
        lock(&self.newest)
    }

    /// The one that this connection has.
    #[inline]
    fn own(&mut self) -> &mut ErasedService {
        let newest = &self.newest;
        self.own
            .get_or_insert_with(|| lock(newest).clone().into_inner())
    }
}

fn lock(newest: &Mutex<App<ErasedService>>) -> MutexGuard<'_, App<ErasedService>> {
    newest.lock().unwrap_or_else(PoisonError::into_inner)
}

impl tower_service::Service<Request<Body>> for Latest {
    type Response = Response<Body>;
    type Error = Failure;
    type Future = Answer;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        tower_service::Service::<Request<Body>>::poll_ready(self.own(), cx)
    }

    fn call(&mut self, req: Request<Body>) -> Answer {
        let answer = self.own().call(req);
        // A service whose type is gone sees to itself.
        promise::used(self);
        answer
    }
}
