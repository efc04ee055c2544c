//! What the layer `metrics` has counted, for who serves by several processes.

use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::middleware::Metrics;
use crate::middleware::metrics::Snapshot;

type Peers = dyn Fn() -> Vec<Snapshot> + Send + Sync;

/// What the layer `metrics` of a file has counted.
///
/// Of [`Config::counted`](super::Config::counted). Readings of the same file share it: what was counted before goes on.
#[derive(Clone)]
pub struct Counted {
    metrics: Metrics,
    peers: Arc<OnceLock<Box<Peers>>>,
}

impl Counted {
    pub(super) fn new(metrics: Metrics) -> Self {
        let peers = Arc::<OnceLock<Box<Peers>>>::default();
        let asked = Arc::clone(&peers);
        let all = move || asked.get().map(|peers| peers()).unwrap_or_default();
        Self {
            metrics: metrics.peers(all),
            peers,
        }
    }

    /// The layer, which counts with all others that were made of it.
    pub const fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Has pages add up what these tell with the numbers of this process; said once, for good.
    pub fn peers(&self, peers: impl Fn() -> Vec<Snapshot> + Send + Sync + 'static) {
        // Who has said it before knows better.
        self.peers.set(Box::new(peers)).ok();
    }
}

impl fmt::Debug for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Counted").field(&self.metrics).finish()
    }
}
