//! Which protective fields are said.

use http::{HeaderName, HeaderValue};

use super::{Context, Entry, Layer, Problem};
use crate::config::keys::settings;
use crate::config::value::Named;
use crate::middleware::SecurityHeaders;

settings! {
    /// Which protective fields are said.
    pub(in crate::config) struct Settings {
        /// Fields in place of the preset or beside it, as `{ x-frame-options = "SAMEORIGIN" }`.
        fields: Named<HeaderValue> = "the preset",
        /// Fields of the preset that are left out.
        without: Vec<HeaderName> = "none",
        /// A content security policy with `{nonce}` in it, for which each request gets another; an application in Rust can ask for it.
        csp_nonce: String = "none",
        /// Whether every request is taken for one over TLS, as behind a proxy that takes no others.
        always_https: bool = "false",
    }
}

impl Entry for SecurityHeaders {
    type Settings = Settings;
    const SAYS: &'static str = "a preset of protective response fields";

    fn build(settings: Settings, _: &mut Context<'_>) -> Result<Layer, Problem> {
        let mut layer = Self::default();
        for (name, value) in settings.fields.map_or_else(Vec::new, |Named(all)| all) {
            let name = name
                .parse()
                .map_err(|_| Problem::of("fields", format!("{name:?} is no name of a field")))?;
            layer = layer.field(name, value);
        }
        for name in settings.without.unwrap_or_default() {
            layer = layer.without(name);
        }
        if settings.always_https == Some(true) {
            layer = layer.always_https();
        }
        match settings.csp_nonce {
            None => Ok(Layer::new(layer)),
            Some(policy) => {
                let layer = layer.csp_nonce_in(&policy);
                Ok(Layer::new(
                    layer.map_err(|error| Problem::of("csp_nonce", error))?,
                ))
            }
        }
    }
}
