//! How files are served.

use std::fmt;
use std::path::PathBuf;

use http::HeaderValue;

use super::{Context, Entry, Layer, Problem};
use crate::config::keys::settings;
use crate::config::measure::{Deadline, Size};
use crate::config::service::{ErasedService, Failure};
use crate::config::value::{Named, words};
use crate::middleware::endpoint::Endpoint;
use crate::middleware::place::{Content, Placed};
use crate::middleware::static_files::{Dotfiles, HotCache, Paths, Sibling};
use crate::middleware::{Mount, StaticFiles};

settings! {
    /// How files are served.
    pub(in crate::config) struct Settings {
        /// The directory.
        root: PathBuf = "required",
        /// The prefix under which they are, as `"/static"`: there they answer everything, 404 too, and all else is passed on. Without
        /// it what names no file is passed on.
        at: String = "none",
        /// What is served for a directory, the first that is there.
        index: Vec<String> = "\"index.html\"",
        /// The coded files beside others that are served to who accepts them, the most preferred first.
        precompressed: Vec<Coded> = "none",
        /// What is said in `Cache-Control`, by the first rule that fits.
        cache_control: Vec<CacheControl> = "nothing",
        /// The files that are saved rather than shown: `*.pdf`, `downloads/**`.
        attachments: Vec<String> = "none",
        /// The media types of extensions, as `{ wasm = "application/wasm" }`.
        media_types: Named<HeaderValue> = "as a table has them",
        /// The file that answers navigations to what is not there.
        single_page: String = "none",
        /// The file that is shown with a 404, of what is under `at`.
        not_found_page: String = "none",
        /// Whether directories without an index are listed.
        listing: bool = "false",
        /// Which names that begin with a dot are served.
        dotfiles: Dots = "\"well_known\"",
        /// Whether symbolic links are followed to what is beneath the root.
        symlinks: bool = "true",
        /// Whether tags are the same on all machines that have copies of the same times.
        shared_validators: bool = "false",
        /// What is kept of small files.
        memory: Memory = "as each says",
    }
}

words! {
    /// A coding of files that stand beside others.
    enum Coded {
        Brotli = "br",
        Gzip = "gzip",
        Zstd = "zstd",
    }
}

words! {
    /// Which names that begin with a dot are served.
    enum Dots {
        Refuse = "refuse",
        Serve = "serve",
        WellKnown = "well_known",
    }
}

settings! {
    /// What is said of some files in `Cache-Control`.
    pub(in crate::config) struct CacheControl {
        /// Which files: a pattern, `*.css` of names or `assets/**` of paths; `"fingerprinted"` for those that have a hash in their name.
        paths: String = "all",
        /// What is said.
        value: HeaderValue = "required",
    }
}

settings! {
    /// What is kept of small files.
    pub(in crate::config) struct Memory {
        /// How much in all; 0 keeps nothing.
        size: Size = "\"32MiB\"",
        /// The largest file that is kept.
        file: Size = "\"1MiB\"",
        /// For how long a file is not looked at again.
        check_every: Deadline = "\"1s\"",
    }
}

/// Files as a file has them: beneath a prefix, or wherever a path names one.
#[derive(Clone, Debug)]
pub(super) struct Files {
    files: StaticFiles,
    mount: Option<(String, Mount<Failure>)>,
}

impl Placed for Files {
    type Place = Content;
    const NAME: &'static str = StaticFiles::NAME;

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.files.describe(f)?;
        match &self.mount {
            Some((prefix, _)) => write!(f, " at {prefix}"),
            None => Ok(()),
        }
    }
}

impl tower_layer::Layer<ErasedService> for Files {
    type Service = ErasedService;

    fn layer(&self, inner: ErasedService) -> ErasedService {
        match &self.mount {
            Some((_, mount)) => ErasedService::new(mount.layer(inner)),
            None => ErasedService::new(self.files.layer(inner)),
        }
    }
}

impl Entry for Files {
    type Settings = Settings;
    const SAYS: &'static str = "the files of a directory, under a prefix or wherever there is one";

    fn build(settings: Settings, context: &mut Context<'_>) -> Result<Layer, Problem> {
        let root = settings.root.as_ref();
        let root = context.path(root.ok_or_else(|| Problem::missing("root"))?);
        let files = StaticFiles::new(root).map_err(|error| Problem::of("root", error))?;
        let prefix = settings.at.clone();
        let files = set(settings, files)?;
        let mount = prefix.map(|prefix| {
            let mut mount = Mount::fallible();
            mount
                .try_at(&prefix, Endpoint::service(files.clone()))
                .map_err(|error| Problem::of("at", error))?;
            Ok((prefix, mount))
        });
        Ok(Layer::new(Self {
            files,
            mount: mount.transpose()?,
        }))
    }
}

fn set(settings: Settings, mut files: StaticFiles) -> Result<StaticFiles, Problem> {
    if let Some(names) = settings.index {
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        files = files.index(&names);
    }
    if let Some(coded) = settings.precompressed {
        let siblings: Vec<_> = coded.into_iter().map(Sibling::from).collect();
        files = files.precompressed(&siblings);
    }
    for rule in settings.cache_control.unwrap_or_default() {
        let value = rule
            .value
            .ok_or_else(|| Problem::of("cache_control", "a rule has no `value`"))?;
        files = files.cache_control(paths(rule.paths.as_deref()), value);
    }
    for pattern in settings.attachments.unwrap_or_default() {
        files = files.attachment(pattern.as_str());
    }
    if let Some(Named(types)) = settings.media_types {
        for (extension, value) in types {
            files = files.media_type(&extension, value);
        }
    }
    if let Some(page) = settings.single_page {
        files = files.single_page(&page);
    }
    if let Some(page) = settings.not_found_page {
        files = files.not_found_page(&page);
    }
    if settings.listing == Some(true) {
        files = files.listing();
    }
    if let Some(which) = settings.dotfiles {
        files = files.dotfiles(which.into());
    }
    if settings.symlinks == Some(false) {
        files = files.symlinks_refused();
    }
    if settings.shared_validators == Some(true) {
        files = files.shared_validators();
    }
    if let Some(memory) = settings.memory {
        files = files.hot_cache(memory.into());
    }
    Ok(files)
}

fn paths(text: Option<&str>) -> Paths {
    match text {
        None | Some("all") => Paths::all(),
        Some("fingerprinted") => Paths::fingerprinted(),
        Some(pattern) => pattern.into(),
    }
}

impl From<Coded> for Sibling {
    fn from(coded: Coded) -> Self {
        match coded {
            Coded::Brotli => Self::Brotli,
            Coded::Gzip => Self::Gzip,
            Coded::Zstd => Self::Zstd,
        }
    }
}

impl From<Dots> for Dotfiles {
    fn from(dots: Dots) -> Self {
        match dots {
            Dots::Refuse => Self::Refuse,
            Dots::Serve => Self::Serve,
            Dots::WellKnown => Self::WellKnown,
        }
    }
}

impl From<Memory> for HotCache {
    fn from(memory: Memory) -> Self {
        let mut cache = memory
            .size
            .map_or_else(Self::default, |size| Self::memory(size.of_memory()));
        if let Some(file) = memory.file {
            cache = cache.file(file.0);
        }
        match memory.check_every {
            Some(every) => cache.check_every(every.0),
            None => cache,
        }
    }
}
