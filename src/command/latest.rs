//! An application that may be another for the next connection.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use gopuram::Body;
use gopuram::config::{Answer, Failure, Service};
use gopuram::middleware::promise;
use gopuram::stack::App;
use http::{Request, Response};

type Layers = App<Service>;

/// An application that may be another for the next connection: each clone, of which a connection has one, is of the newest.
#[derive(Debug)]
pub(super) struct Latest {
    newest: Arc<Mutex<Layers>>,
    own: Layers,
}

impl Latest {
    pub(super) fn new(app: Layers) -> Self {
        Self {
            newest: Arc::new(Mutex::new(app.clone())),
            own: app,
        }
    }

    /// From now on connections get this one.
    pub(super) fn replace(&self, app: Layers) {
        let before = std::mem::replace(&mut *lock(&self.newest), app);
        drop(before);
    }
}

fn lock(newest: &Mutex<Layers>) -> MutexGuard<'_, Layers> {
    newest.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Clone for Latest {
    fn clone(&self) -> Self {
        Self {
            newest: Arc::clone(&self.newest),
            own: lock(&self.newest).clone(),
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
        let answer = promise::call(&mut self.own, req);
        promise::used(self);
        answer
    }
}
