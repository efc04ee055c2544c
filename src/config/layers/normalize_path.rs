//! What is done about slashes.

use super::{Context, Entry, Layer, Problem};
use crate::config::keys::settings;
use crate::config::value::words;
use crate::middleware::NormalizePath;

settings! {
    /// What is done about slashes.
    pub(in crate::config) struct Settings {
        /// Whether paths end in one: `"append"` does it to those whose last segment has no extension.
        trailing: Trailing = "\"keep\"",
        /// Whether the target is changed for what is inside, in place of a redirect.
        rewrite: bool = "false",
        /// Whether double slashes are merged.
        merge: bool = "true",
    }
}

words! {
    /// What becomes of a slash at the end.
    enum Trailing {
        Append = "append",
        Keep = "keep",
        Trim = "trim",
    }
}

impl Entry for NormalizePath {
    type Settings = Settings;
    const SAYS: &'static str = "trailing and double slashes";

    fn build(settings: Settings, _: &mut Context<'_>) -> Result<Layer, Problem> {
        let mut layer = match settings.trailing {
            Some(Trailing::Append) => Self::append(),
            Some(Trailing::Trim) => Self::trim(),
            Some(Trailing::Keep) | None => Self::merge(),
        };
        if settings.rewrite == Some(true) {
            layer = layer.rewrite();
        }
        if settings.merge == Some(false) {
            layer = layer.keep_double_slashes();
        }
        Ok(Layer::new(layer))
    }
}
