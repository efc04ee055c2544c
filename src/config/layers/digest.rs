//! Which digests are said.

use super::{Context, Entry, Layer, Problem};
use crate::config::keys::settings;
use crate::config::measure::AtMost;
use crate::config::value::words;
use crate::middleware::Digest;
use crate::middleware::digest::Algorithm;

settings! {
    /// Which digests are said.
    pub(in crate::config) struct Settings {
        /// The algorithm by which `Repr-Digest` is said of every answer.
        always: Sha = "only those that are asked for",
        /// The longest answer whose digest is in its head; that of a longer one comes after it.
        max_size: AtMost = "\"1MiB\"",
    }
}

words! {
    /// An algorithm of digests.
    enum Sha {
        Sha256 = "sha-256",
        Sha512 = "sha-512",
    }
}

impl Entry for Digest {
    type Settings = Settings;
    const SAYS: &'static str = "digests of answers as asked for, and of uploads verified";

    fn build(settings: Settings, _: &mut Context<'_>) -> Result<Layer, Problem> {
        let mut layer = match settings.always {
            None => Self::new(),
            Some(Sha::Sha256) => Self::always(Algorithm::Sha256),
            Some(Sha::Sha512) => Self::always(Algorithm::Sha512),
        };
        if let Some(size) = settings.max_size {
            layer = layer.max_size(size.0);
        }
        Ok(Layer::new(layer))
    }
}
