//! Where probes ask.

use super::{Context, Entry, Layer, Problem};
use crate::config::keys::settings;
use crate::middleware::Health;

settings! {
    /// Where probes ask.
    pub(in crate::config) struct Settings {
        /// Where it is asked whether the process works.
        live: String = "\"/livez\"",
        /// Where it is asked whether the process may take requests, which it may not any more when it is about to end.
        ready: String = "\"/readyz\"",
    }
}

impl Entry for Health {
    type Settings = Settings;
    const SAYS: &'static str = "answers probes: does it work, and may it take requests";

    fn build(settings: Settings, _: &mut Context<'_>) -> Result<Layer, Problem> {
        let mut layer = Self::new();
        for (key, path) in [("live", &settings.live), ("ready", &settings.ready)] {
            if path.as_ref().is_some_and(|path| !path.starts_with('/')) {
                return Err(Problem::of(key, "a path begins with a slash"));
            }
        }
        if let Some(path) = settings.live {
            layer = layer.live(path);
        }
        if let Some(path) = settings.ready {
            layer = layer.ready(path);
        }
        Ok(Layer::new(layer))
    }
}
