//! Which ids are taken, and where they are said.

use http::HeaderName;

use super::{Context, Entry, Layer, Problem};
use crate::config::keys::settings;
use crate::middleware::RequestId;
use crate::middleware::networks::Networks;

settings! {
    /// Which ids are taken, and where they are said.
    pub(in crate::config) struct Settings {
        /// The field that carries the id.
        header: HeaderName = "\"x-request-id\"",
        /// The longest that is taken, in bytes.
        max_len: usize = "128",
        /// The networks of proxies whose ids are taken, as `"10.0.0.0/8"`; `"all"` where clients cannot reach this server but through
        /// one that sets the field itself.
        trust: Vec<String> = "none",
    }
}

impl Entry for RequestId {
    type Settings = Settings;
    const SAYS: &'static str = "takes or mints an id for every request";

    fn build(settings: Settings, _: &mut Context<'_>) -> Result<Layer, Problem> {
        let mut layer = Self::default();
        if let Some(name) = settings.header {
            layer = layer.header(name);
        }
        if let Some(bytes) = settings.max_len {
            layer = layer.max_len(bytes);
        }
        if let Some(trust) = settings.trust {
            layer = match trust.as_slice() {
                [all] if all == "all" => layer.trust_inbound(),
                networks => {
                    let text = networks.join(",");
                    let networks = text.parse::<Networks>();
                    let networks = networks.map_err(|error| Problem::of("trust", error))?;
                    layer.trust_inbound_if(move |attributes| {
                        let peer = attributes.connection().and_then(|it| it.peer);
                        peer.is_some_and(|peer| networks.contain(peer.ip()))
                    })
                }
            };
        }
        Ok(Layer::new(layer))
    }
}
