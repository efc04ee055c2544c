//! Which answers get a tag.

use super::{Context, Entry, Layer, Problem};
use crate::config::keys::settings;
use crate::config::measure::AtMost;
use crate::middleware::Etag;

settings! {
    /// Which answers get a tag.
    pub(in crate::config) struct Settings {
        /// The longest that does.
        max_size: AtMost = "\"1MiB\"",
        /// Whether tags are weak, behind something that changes bytes and leaves tags.
        weak: bool = "false",
    }
}

impl Entry for Etag {
    type Settings = Settings;
    const SAYS: &'static str = "an entity tag for answers that are there as a whole";

    fn build(settings: Settings, _: &mut Context<'_>) -> Result<Layer, Problem> {
        let mut layer = Self::new();
        if let Some(size) = settings.max_size {
            layer = layer.max_size(size.0);
        }
        if settings.weak == Some(true) {
            layer = layer.weak();
        }
        Ok(Layer::new(layer))
    }
}
