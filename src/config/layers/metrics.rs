//! How many routes have a label, and who sees the page.

use super::{Context, Entry, Layer, Problem};
use crate::config::counted::Counted;
use crate::config::keys::settings;
use crate::config::measure::Count;
use crate::middleware::Metrics;

settings! {
    /// How many routes have a label, and who sees the page.
    pub(in crate::config) struct Settings {
        /// The path of the page, as `"/metrics"`. All that a proxy on this machine passes on comes from this machine, unless it says by
        /// `X-Forwarded-For` or the like for whom, and so does all that comes over a Unix socket: there keep the path from clients in the proxy.
        at: String = "required",
        /// The networks that may see it besides this machine, as `"10.0.0.0/8"`.
        allow: Vec<String> = "none",
        /// How many routes have a label of their own, at most 16384; of a file that is read again this stays as it was.
        routes: Count = "256",
    }
}

impl Entry for Metrics {
    type Settings = Settings;
    const SAYS: &'static str = "requests, latencies and sizes for Prometheus";

    fn build(settings: Settings, context: &mut Context<'_>) -> Result<Layer, Problem> {
        let at = settings.at.ok_or_else(|| Problem::missing("at"))?;
        if !at.starts_with('/') {
            let text = format!("{at:?} is no path: it begins with a slash");
            return Err(Problem::of("at", text));
        }
        if context.kept.counted.is_some() {
            let text = "there is one already, and both would count every request";
            return Err(Problem::new(text));
        }
        let counted = context.before.counted.clone();
        let counted = counted.unwrap_or_else(|| {
            let routes = settings.routes.map(Count::get);
            Counted::new(routes.map_or_else(Self::new, Self::for_routes))
        });
        let mut layer = counted.metrics().clone().at(at);
        context.kept.counted = Some(counted);
        if let Some(networks) = settings.allow {
            let allowed = layer.allow(&networks.join(","));
            layer = allowed.map_err(|error| Problem::of("allow", error))?;
        }
        Ok(Layer::new(layer))
    }
}
