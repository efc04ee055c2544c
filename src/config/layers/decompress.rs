//! How coded bodies of requests are decoded.

use super::{Context, Entry, Layer, Problem};
use crate::config::keys::settings;
use crate::config::layers::compress::Coding;
use crate::config::measure::AtMost;
use crate::middleware::Decompress;
use crate::middleware::decompress::{Brotli, Deflate, Gzip};

settings! {
    /// How coded bodies of requests are decoded.
    pub(in crate::config) struct Settings {
        /// The codings that are taken; others are answered 415.
        codings: Vec<Coding> = "\"gzip\"",
        /// What a body may decode to; then 413.
        limit: AtMost = "\"1MiB\"",
        /// How many times its size a body may decode to; then 413.
        ratio: u32 = "200",
    }
}

impl Entry for Decompress {
    type Settings = Settings;
    const SAYS: &'static str = "decodes request bodies within limits";

    fn build(settings: Settings, _: &mut Context<'_>) -> Result<Layer, Problem> {
        let codings = settings.codings.unwrap_or_else(|| vec![Coding::Gzip]);
        if codings.is_empty() {
            return Err(Problem::of("codings", "there is none in the list"));
        }
        let mut layer = Self::with(());
        for coding in codings {
            layer = match coding {
                Coding::Brotli => layer.and(Brotli),
                Coding::Deflate => layer.and(Deflate),
                Coding::Gzip => layer.and(Gzip),
                Coding::Zstd => super::zstd::decode(layer)?,
            };
        }
        if let Some(limit) = settings.limit {
            layer = layer.limit(limit.0);
        }
        if let Some(times) = settings.ratio {
            layer = layer.ratio(times);
        }
        Ok(Layer::new(layer))
    }
}
