//! How long bodies of requests may be.

use super::{Context, Entry, Layer, Problem};
use crate::config::keys::settings;
use crate::config::measure::AtMost;
use crate::config::value::Named;
use crate::middleware::BodyLimit;

settings! {
    /// How long bodies of requests may be.
    pub(in crate::config) struct Settings {
        /// For all paths but those below.
        limit: AtMost = "\"1MiB\"",
        /// For paths and what is below them, the longest first: `{ "/upload" = "1GiB" }`.
        at: Named<AtMost> = "none",
    }
}

impl Entry for BodyLimit {
    type Settings = Settings;
    const SAYS: &'static str = "413 for request bodies that are too long";

    fn build(settings: Settings, _: &mut Context<'_>) -> Result<Layer, Problem> {
        let limit = settings.limit;
        let layer = limit.map_or_else(Self::default, |limit| Self::new(limit.0));
        let paths = settings.at.map_or_else(Vec::new, |Named(paths)| paths);
        let layer = paths
            .into_iter()
            .fold(layer, |layer, (prefix, limit)| layer.at(&prefix, limit.0));
        Ok(Layer::new(layer))
    }
}
