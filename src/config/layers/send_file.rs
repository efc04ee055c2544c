//! Which files the front server sends.

use std::path::Path;

use super::{Context, Entry, Layer, Problem};
use crate::config::keys::settings;
use crate::config::value::{Named, words};
use crate::middleware::SendFile;

settings! {
    /// Which files the front server sends.
    pub(in crate::config) struct Settings {
        /// The field by which it is told: nginx knows the first, Apache and lighttpd the second.
        by: Field = "\"x-accel-redirect\"",
        /// Directories, and what they are called there: a URI of an internal location of nginx, a path for the others.
        directories: Named<String> = "required",
    }
}

words! {
    /// The field by which a front server is told.
    enum Field {
        Accel = "x-accel-redirect",
        Sendfile = "x-sendfile",
    }
}

impl Entry for SendFile {
    type Settings = Settings;
    const SAYS: &'static str = "`X-Accel-Redirect` and `X-Sendfile`: the front server sends files";

    fn build(settings: Settings, context: &mut Context<'_>) -> Result<Layer, Problem> {
        let directories = settings.directories.map_or_else(Vec::new, |Named(all)| all);
        let mut layer: Option<Self> = None;
        for (directory, name) in directories {
            let directory = context.path(Path::new(&directory));
            let mapped = match (layer, settings.by) {
                (Some(layer), _) => layer.and(directory, &name),
                (None, Some(Field::Sendfile)) => Self::x_sendfile(directory, &name),
                (None, Some(Field::Accel) | None) => Self::x_accel_redirect(directory, &name),
            };
            layer = Some(mapped.map_err(|error| Problem::of("directories", error))?);
        }
        layer
            .map(Layer::new)
            .ok_or_else(|| Problem::missing("directories"))
    }
}
