//! Which types are said of answers that say none.

use super::{Context, Entry, Layer, Problem};
use crate::config::keys::settings;
use crate::config::value::Named;
use crate::middleware::ContentType;

settings! {
    /// Which types are said of answers that say none.
    pub(in crate::config) struct Settings {
        /// The type of all but those below.
        media_type: String = "\"application/octet-stream\"",
        /// The types of paths that end so, as `{ json = "application/json" }`.
        extensions: Named<String> = "none",
        /// The charset of texts that say none.
        charset: String = "none",
    }
}

impl Entry for ContentType {
    type Settings = Settings;
    const SAYS: &'static str = "the media type of answers that do not say it, the charset of texts";

    fn build(settings: Settings, _: &mut Context<'_>) -> Result<Layer, Problem> {
        let mut layer = Self::default();
        if let Some(text) = settings.media_type {
            layer = Self::or(&text).map_err(|error| Problem::of("media_type", error))?;
        }
        for (extension, text) in settings.extensions.map_or_else(Vec::new, |Named(all)| all) {
            let set = layer.extension(&extension, &text);
            layer = set.map_err(|error| Problem::of("extensions", error))?;
        }
        if let Some(charset) = settings.charset {
            let set = layer.charset(&charset);
            layer = set.map_err(|error| Problem::of("charset", error))?;
        }
        Ok(Layer::new(layer))
    }
}
