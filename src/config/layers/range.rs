//! Which ranges are cut.

use super::{Context, Entry, Layer, Problem};
use crate::config::keys::settings;
use crate::config::measure::AtMost;
use crate::middleware::Range;

settings! {
    /// Which ranges are cut; all others are answered with everything.
    pub(in crate::config) struct Settings {
        /// How many ranges a request may have; 0 ignores all.
        limit: usize = "200",
        /// How much of a stream is thrown away before a part at most.
        skip: AtMost = "\"1MiB\"",
    }
}

impl Entry for Range {
    type Settings = Settings;
    const SAYS: &'static str = "single, multiple and suffix ranges: 206 and 416";

    fn build(settings: Settings, _: &mut Context<'_>) -> Result<Layer, Problem> {
        let mut layer = Self::new();
        if let Some(most) = settings.limit {
            layer = layer.limit(most);
        }
        if let Some(bytes) = settings.skip {
            layer = layer.skip(bytes.0);
        }
        Ok(Layer::new(layer))
    }
}
