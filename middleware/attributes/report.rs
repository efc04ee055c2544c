//! What is told outwards: reports of inner layers, and marks on responses.

use std::sync::{Arc, Mutex, PoisonError};

use super::{Attributes, MatchedRoute};

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

/// A report that is asked for with one request after the other, and made once.
#[derive(Debug, Default)]
pub(crate) struct Reports {
    asked: Option<Report>,
    /// Not needed while another layer's is shared.
    spare: Option<Report>,
}

impl Reports {
    /// Asks the layers further in to tell what they find out.
    #[inline]
    pub(crate) fn ask(&mut self, attributes: &mut Attributes) {
        let report = match &attributes.report {
            Some(shared) => shared.clone(),
            None => attributes.report_or(self.spare.take().unwrap_or_default()),
        };
        self.asked = Some(report);
    }

    /// What was told since; nothing if nobody was asked.
    pub(crate) fn told(&mut self) -> Told {
        let Some(mut report) = self.asked.take() else {
            return Told::default();
        };
        let Some(told) = report.take() else {
            // Somebody holds it still, and could tell more in it.
            return report.read();
        };
        self.spare = Some(report);
        told
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
