//! Whether a gateway is about to end.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

/// Tells that a gateway is about to end, so that what has no end of its own can come to one.
///
/// Streams of events and `WebSocket`s last as long as their clients like. A gateway that drains waits for them until its
/// deadline and then cuts them; who awaits this may say goodbye before.
///
/// ```
/// use gopuram_middleware::attributes::{Attributes, Draining};
///
/// async fn events<B>(req: http::Request<B>) {
///     let draining = Draining::of(&req);
///     // ... in a loop, beside the next event:
///     if draining.has_begun() {
///         return;
///     }
///     draining.begins().await;
/// }
/// # drop(events(http::Request::new(())));
/// ```
///
/// Cheap to clone. Without a gateway that tells, it never begins.
#[derive(Clone, Default)]
pub struct Draining(Option<Arc<dyn Drains>>);

/// A gateway that can be asked.
pub trait Drains: Send + Sync {
    /// Whether it is about to end.
    fn has_begun(&self) -> bool;

    /// Ready when it is about to end.
    fn begins(self: Arc<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

impl Draining {
    pub(super) const NEVER: Self = Self(None);

    /// What this gateway tells.
    pub fn by(gateway: Arc<dyn Drains>) -> Self {
        Self(Some(gateway))
    }

    /// What the gateway of this request tells.
    pub fn of<B>(req: &http::Request<B>) -> Self {
        let connection = super::Attributes::of(req).and_then(super::Attributes::connection);
        connection.map_or_else(Self::default, |connection| connection.draining.clone())
    }

    /// Whether the gateway is about to end.
    pub fn has_begun(&self) -> bool {
        self.0.as_ref().is_some_and(|gateway| gateway.has_begun())
    }

    /// Waits until the gateway is about to end.
    pub async fn begins(&self) {
        match &self.0 {
            Some(gateway) => Arc::clone(gateway).begins().await,
            None => std::future::pending().await,
        }
    }
}

impl fmt::Debug for Draining {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Draining").field(&self.has_begun()).finish()
    }
}
