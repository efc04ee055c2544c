//! What content is taken and made.

use super::{Context, Entry, Layer, Problem};
use crate::config::keys::settings;
use crate::middleware::ContentRules;

settings! {
    /// What content is taken and made.
    pub(in crate::config) struct Settings {
        /// The media types that are taken: `application/json`, `text/*`, `application/*+json`; others are answered 415.
        takes: Vec<String> = "all",
        /// The charsets that are taken, if one is said.
        charsets: Vec<String> = "all",
        /// The codings that are taken, besides none.
        codings: Vec<String> = "all",
        /// The media types that are all there are; clients that accept none are answered 406.
        makes: Vec<String> = "not looked at",
    }
}

impl Entry for ContentRules {
    type Settings = Settings;
    const SAYS: &'static str = "415 and 406 for content that is not taken or made";

    fn build(settings: Settings, _: &mut Context<'_>) -> Result<Layer, Problem> {
        let mut layer = Self::new();
        if let Some(list) = settings.takes {
            let set = layer.takes(list.iter().map(String::as_str));
            layer = set.map_err(|error| Problem::of("takes", error))?;
        }
        if let Some(list) = settings.charsets {
            let set = layer.charsets(list.iter().map(String::as_str));
            layer = set.map_err(|error| Problem::of("charsets", error))?;
        }
        if let Some(list) = settings.codings {
            let set = layer.codings(list.iter().map(String::as_str));
            layer = set.map_err(|error| Problem::of("codings", error))?;
        }
        if let Some(list) = settings.makes {
            let set = layer.makes(list.iter().map(String::as_str));
            layer = set.map_err(|error| Problem::of("makes", error))?;
        }
        Ok(Layer::new(layer))
    }
}
