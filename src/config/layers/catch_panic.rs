//! What becomes of panics.

use super::{Context, Entry, Layer, Problem};
use crate::config::keys::settings;
use crate::middleware::CatchPanic;

settings! {
    /// What becomes of panics.
    pub(in crate::config) struct Settings {
        /// Whether each is told in the log as well, where the standard error is read by nobody.
        log: bool = "false",
    }
}

impl Entry for CatchPanic {
    type Settings = Settings;
    const SAYS: &'static str = "a panic becomes 500 or an aborted stream";

    fn build(settings: Settings, _: &mut Context<'_>) -> Result<Layer, Problem> {
        let mut layer = Self::default();
        if settings.log == Some(true) {
            layer = layer.report(|panic| {
                tracing::error!(message = panic.message(), stage = %panic.stage(), "a panic was caught");
            });
        }
        Ok(Layer::new(layer))
    }
}
