//! What is told outwards: reports of inner layers, and marks on responses.

use std::sync::{Arc, Mutex, PoisonError};

use super::MatchedRoute;

/// What inner layers find out, for outer layers to read on the way out.
///
/// Made by [`Attributes::report`](super::Attributes::report) where a layer wants one: one allocation.
#[derive(Clone, Debug, Default)]
pub struct Report(Arc<Mutex<Told>>);

/// What a [`Report`] says so far.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Told {
    /// The route that matched.
    pub route: Option<MatchedRoute>,
    /// Who the client proved to be.
    pub user: Option<Arc<str>>,
}

impl Report {
    /// What was told so far.
    pub fn read(&self) -> Told {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Takes what was told out of it, for use in another request; nothing if anybody else holds it.
    pub fn take(&mut self) -> Option<Told> {
        let told = Arc::get_mut(&mut self.0)?;
        let told = told.get_mut().unwrap_or_else(PoisonError::into_inner);
        Some(std::mem::take(told))
    }

    pub(super) fn update<T>(&self, tell: impl FnOnce(&mut Told) -> T) -> T {
        tell(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Marks a response as one that was made of a panic: an extension of the response.
///
/// The layer that caught the panic inserts it, so that outer layers can tell its 500
/// from any other.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Panicked;

/// Marks a response as one that a deadline made: an extension of the response.
///
/// The layer that gave up on the inner service inserts it, so that outer layers can tell a
/// 503 of a deadline from any other.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct TimedOut;
