//! How answers are coded.

use super::{Context, Entry, Layer, Problem};
use crate::config::keys::settings;
use crate::config::measure::Size;
use crate::config::value::words;
use crate::middleware::Compress;
use crate::middleware::compress::{Brotli, Deflate, Gzip, is_compressible};

settings! {
    /// How answers are coded.
    pub(in crate::config) struct Settings {
        /// The codings that are offered, the most preferred first.
        codings: Vec<Coding> = "\"gzip\"",
        /// How much work is put into each: the more, the smaller and the slower.
        levels: Levels = "as each says",
        /// Answers of less are left alone, as far as their length is known before: with its head that is one packet either way.
        min_size: Size = "\"1KiB\"",
        /// Types that are coded besides those known to shrink: `model/gltf-binary`, `font/*`.
        media_types: Vec<String> = "none",
        /// How much memory is for coded variants of answers that are sent again and again.
        keep: Size = "0",
    }
}

words! {
    /// A coding of content.
    enum Coding {
        Brotli = "br",
        Deflate = "deflate",
        Gzip = "gzip",
        Zstd = "zstd",
    }
}

settings! {
    /// How much work is put into each coding.
    pub(in crate::config) struct Levels {
        /// 0 to 11; from 10 on for files that are coded once.
        br: u32 = "5",
        /// 1 to 9.
        deflate: u32 = "6",
        /// 1 to 9.
        gzip: u32 = "6",
        /// 1 to 22; beyond 9 it takes much memory.
        zstd: u32 = "3",
    }
}

impl Entry for Compress {
    type Settings = Settings;
    const SAYS: &'static str = "gzip, brotli, zstd by negotiation";

    fn build(settings: Settings, _: &mut Context<'_>) -> Result<Layer, Problem> {
        let levels = settings.levels.unwrap_or_default();
        let codings = settings.codings.unwrap_or_else(|| vec![Coding::Gzip]);
        if codings.is_empty() {
            return Err(Problem::of("codings", "there is none in the list"));
        }
        let mut layer = Self::with(());
        for coding in codings {
            layer = match coding {
                Coding::Brotli => layer.and(levels.br.map_or_else(Brotli::default, Brotli::level)),
                Coding::Deflate => {
                    layer.and(levels.deflate.map_or_else(Deflate::default, Deflate::level))
                }
                Coding::Gzip => layer.and(levels.gzip.map_or_else(Gzip::default, Gzip::level)),
                Coding::Zstd => super::zstd::offer(layer, levels.zstd)?,
            };
        }
        if let Some(size) = settings.min_size {
            layer = layer.min_size(size.0);
        }
        if let Some(types) = settings.media_types {
            layer = layer.media_types(move |it| {
                is_compressible(it) || types.iter().any(|pattern| is_like(pattern, it))
            });
        }
        if let Some(keep) = settings.keep
            && keep.0 > 0
        {
            layer = layer.keep(keep.of_memory());
        }
        Ok(Layer::new(layer))
    }
}

/// Whether a media type is this one, or with `type/*` any of those.
fn is_like(pattern: &str, media_type: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) if start.ends_with('/') => {
            let head = media_type.get(..start.len());
            head.is_some_and(|head| head.eq_ignore_ascii_case(start))
        }
        _ => pattern.eq_ignore_ascii_case(media_type),
    }
}
