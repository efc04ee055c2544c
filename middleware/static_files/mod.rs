//! A directory as an application or a layer.
//!
//! ```no_run
//! use gopuram_middleware::StaticFiles;
//! use gopuram_middleware::static_files::{Paths, Sibling};
//! use http::HeaderValue;
//!
//! let forever = HeaderValue::from_static("public, max-age=31536000, immutable");
//! let files = StaticFiles::new("public")?
//!     .precompressed(Sibling::ALL)
//!     .cache_control(Paths::fingerprinted(), forever)
//!     .cache_control(Paths::all(), HeaderValue::from_static("no-cache"));
//! # let _ = files;
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! As an application it answers every request; as a layer ([`Layer`](tower_layer::Layer))
//! it passes on what names no file, and what is neither `GET` nor `HEAD`. It looks at
//! the request's path alone, which a mount has made relative to where the files are, and every
//! reference that it sends is relative: it works under any prefix.
//!
//! # What is served
//!
//! Regular files and nothing else, beneath the root and nowhere else. The root is opened
//! once, and every file beneath that handle by `openat2` with `RESOLVE_BENEATH`: the kernel refuses
//! what would leave it, also while links and directories are being swapped. A symbolic
//! link may lead to what is beneath the root, by a relative path, unless
//! [`symlinks_refused`](StaticFiles::symlinks_refused). Where that call is missing, or a
//! container forbids it, paths are walked component by component and no link is followed
//! at all. If the directory itself is replaced by another one, the old one is served on;
//! point to what changes with a link *in* the root.
//!
//! | request | answer |
//! |---|---|
//! | a file | 200, 206, 304, 412 or 416, by [RFC 9110], sections 13 and 14 |
//! | a directory, with a slash at the end | its index file, else its listing, else 404 |
//! | a directory without | 301 to `./name/` and the same query, if there is an index or a listing |
//! | a bad percent-encoding, NUL | 400 |
//! | `.` or `..`, an empty component, `%2F`, a backslash, a dotfile | 404 |
//! | a FIFO, a device, a socket, a link out of the root, a name that is too long | 404 |
//! | a file that may not be read | 403 |
//! | too many open files, no memory, a lookup that raced with renames eight times | 503 |
//! | any other error of the disk | 500 |
//! | `OPTIONS` | 204 with `Allow` |
//! | another method | 405 with `Allow` |
//!
//! As a layer, the inner service is asked where this says 400, 404, 405, or `OPTIONS`. Paths
//! are percent-decoded once, and names are bytes: they need not be UTF-8. `.well-known` at the
//! root is the one dotfile that is served, see [`Dotfiles`].
//!
//! # Validators
//!
//! The `ETag` is strong, of the file's time of modification to the nanosecond, its length
//! and its inode; each precompressed sibling has its own. A file that was written within
//! the last two seconds, which is how coarse the clock of a file system may be, could
//! change again with no trace: until then its tag is weak and another one (section
//! 8.8.1), ranges with `If-Range` get everything, and nothing is kept in memory.
//!
//! A time before 1990 was made up: images of containers, Nix, ZIP and npm date all files
//! alike, and another version of a file then has the time of the one before. Such a time
//! is not said in `Last-Modified`. The tag of a file that is kept in memory is of its content
//! then, and that of a larger one of the time at which the system saw it change, which
//! nobody sets. Where that says nothing either, as in read-only images, or is not the same on
//! all machines that [share](StaticFiles::shared_validators) tags, it has none. Other times that
//! are the same for all versions cannot be told from true ones: give what is dated so another
//! name when it changes.
//!
//! A file that shrinks or is rewritten in place while it is sent breaks the body off, since
//! padding it, or mixing two contents under one tag, would be worse. Replace files by
//! renaming: who has begun to read the old one then gets it whole. A log that is written all the
//! time has a weak tag, and if it grows it is sent up to its announced length.
//!
//! # Cost
//!
//! Files of up to 1 MiB that are asked for are kept in memory, their header fields ready,
//! 32 MiB in all ([`HotCache`]): such a request opens nothing and costs two allocations, and
//! a change is seen a second later. For others, what the kernel has in its caches is opened
//! and read at once (`RESOLVE_CACHED`, `RWF_NOWAIT`), and what must wait for the disk on one of
//! tokio's blocking threads, unless the client leaves before: the thread that serves never waits. Where the file system has no
//! reads that do not wait, as overlays of containers, those threads do all reading. Outside of a
//! tokio runtime all is done on the calling thread.
//!
//! [RFC 9110]: https://www.rfc-editor.org/rfc/rfc9110

mod answer;
mod blocking;
mod buffers;
mod config;
mod content_hash;
mod disposition;
mod embedded;
mod hot;
mod kernel;
mod listing;
mod load;
mod media_types;
mod open_file;
mod path;
mod patterns;
mod root;
mod service;
mod siblings;
mod site;
mod source;

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use http::HeaderValue;

use config::Config;
use embedded::Embedded;
use hot::Hot;
use root::{Links, Root};
use site::Site;
use source::Source;

use crate::place::{Content, Placed};

#[cfg(any(fuzzing, test))]
pub(crate) use path::file_path;

pub use config::{Dotfiles, HotCache};
pub use embedded::{Asset, BadAsset};
pub use patterns::Paths;
pub use service::{Answering, ResponseFuture, StaticFilesService};
pub use siblings::Sibling;

/// A directory as an application or a layer.
///
/// See the [module documentation](self) for an example and for what is served. A clone
/// serves the same files from the same memory; setting anything starts with an empty one.
#[derive(Clone)]
pub struct StaticFiles {
    site: Arc<Site>,
}

impl StaticFiles {
    /// The files in the directory `root`.
    ///
    /// # Errors
    ///
    /// If it cannot be opened, or is no directory; the error names it.
    pub fn new(root: impl AsRef<Path>) -> io::Result<Self> {
        let root = Root::open(root.as_ref())?;
        Ok(Self::of(
            Source::Directory(Arc::new(root)),
            Config::default(),
        ))
    }

    /// Files in the binary.
    ///
    /// ```
    /// use gopuram_middleware::StaticFiles;
    ///
    /// let files = StaticFiles::embedded([
    ///     ("index.html", &b"<h1>Hello</h1>"[..]),
    ///     ("css/site.css", b"h1 { color: teal }"),
    /// ])?;
    /// # let _ = files;
    /// # Ok::<(), gopuram_middleware::static_files::BadAsset>(())
    /// ```
    ///
    /// All else is as with a directory, precompressed siblings and listings too. An [`Asset`] can
    /// also have a date. The `ETag` is of the content, and so the same on every machine. The
    /// crates that gather files at build time give path and bytes as they are taken here:
    /// `dir.files().map(|file| (path, file.contents()))` of `include_dir`,
    /// `Assets::iter().map(|path| (path, Assets::get(&path)))` of `rust-embed`.
    ///
    /// # Errors
    ///
    /// If two files have the same path, or a path is not relative and plain.
    pub fn embedded(files: impl IntoIterator<Item = impl Into<Asset>>) -> Result<Self, BadAsset> {
        let files = Embedded::new(files.into_iter().map(Into::into))?;
        Ok(Self::of(
            Source::Embedded(Arc::new(files)),
            Config::default(),
        ))
    }

    /// What is served for a directory, the first of these names that is there.
    ///
    /// `index.html` unless said otherwise, as everywhere; none for no names.
    #[must_use]
    pub fn index(self, names: &[&str]) -> Self {
        self.set(|config| config.index = names.iter().map(|name| (*name).into()).collect())
    }

    /// Serves the coded files that stand beside others, by what the client accepts.
    ///
    /// The server's preference among what the client likes equally is the order given; the plain
    /// file is sent if the client accepts none of them, or says nothing. A sibling that is
    /// older than its file is ignored: it was made of another. Off unless said otherwise,
    /// since `Vary: Accept-Encoding` is then on every file, and so many more names are looked
    /// up for those that are not in memory.
    #[must_use]
    pub fn precompressed(self, siblings: &[Sibling]) -> Self {
        self.set(|config| config.siblings = siblings.to_vec())
    }

    /// Says `Cache-Control: value` with these files; of several rules the first that fits counts,
    /// as in a table that is read from the top: write the exceptions before the rule.
    ///
    /// Nothing is said unless there is a rule: a cache then goes by the age of the file
    /// ([RFC 9111, section 4.2.2](https://www.rfc-editor.org/rfc/rfc9111#section-4.2.2)).
    #[must_use]
    pub fn cache_control(self, paths: impl Into<Paths>, value: HeaderValue) -> Self {
        self.set(|config| config.cache_control.push((paths.into(), value)))
    }

    /// Has these files saved rather than shown: `Content-Disposition: attachment` with their name
    /// ([RFC 6266](https://www.rfc-editor.org/rfc/rfc6266)).
    #[must_use]
    pub fn attachment(self, paths: impl Into<Paths>) -> Self {
        self.set(|config| config.attachments.push(paths.into()))
    }

    /// The media type of files with this extension, in any case; `""` for those that have none.
    ///
    /// Others have the one of a table, text with `charset=utf-8`, and what is in no table is
    /// `application/octet-stream`. An extension has one type: the one that was said last.
    #[must_use]
    pub fn media_type(self, extension: &str, value: HeaderValue) -> Self {
        self.set(|config| config.media_types.push((extension.into(), value)))
    }

    /// Answers navigations to what is not there with this file, for an application of a
    /// single page that has its routes in the browser.
    ///
    /// A navigation is a `GET` or `HEAD` that accepts `text/html` by name, of a path without an
    /// extension: a script that is missing stays 404, and so does what a script fetches, and
    /// a dotfile that is hidden. `Vary` says so, on what the inner service or the page for a 404
    /// answers too. The path may be one that can name no file, as `/search/AC%2FDC`.
    #[must_use]
    pub fn single_page(self, path: &str) -> Self {
        self.set(|config| config.single_page = Some(path.into()))
    }

    /// Shows this file with a 404, as an application; as a layer the inner service says what it likes.
    #[must_use]
    pub fn not_found_page(self, path: &str) -> Self {
        self.set(|config| config.not_found_page = Some(path.into()))
    }

    /// Lists directories that have no index file: as a page that sorts by its links, or as JSON
    /// for whoever accepts `application/json` rather than HTML.
    ///
    /// Both are sorted by the query, `?sort=name&order=asc` unless it says otherwise: by `name`,
    /// numbers in it by their value, by `size` or by `modified`; `desc` the other way round.
    /// Directories come first.
    ///
    /// Off unless said otherwise, since a listing tells of files that nothing links to. What
    /// would be refused is not listed. At most 10,000 names are shown, and it says if there are
    /// more. The page has a `Content-Security-Policy` of its own that allows its style and
    /// nothing else.
    #[must_use]
    pub fn listing(self) -> Self {
        self.set(|config| config.listing = true)
    }

    /// Which dotfiles are served: `.well-known` alone unless said otherwise.
    #[must_use]
    pub fn dotfiles(self, which: Dotfiles) -> Self {
        self.set(|config| config.dotfiles = which)
    }

    /// Follows no symbolic link, not even to what is beneath the root.
    #[must_use]
    pub fn symlinks_refused(self) -> Self {
        self.set(|config| config.links = Links::Refused)
    }

    /// Leaves the inode out of the `ETag`, for several machines behind one balancer with copies
    /// of the same files.
    ///
    /// The copies must have equal times of modification, as `rsync -t` and `tar` make them. It
    /// is in unless said otherwise: it tells apart two files of one length that took each
    /// other's place with one time.
    #[must_use]
    pub fn shared_validators(self) -> Self {
        self.set(|config| config.inode = false)
    }

    /// How small files are kept in memory; [`HotCache`] says what is so unless said otherwise.
    #[must_use]
    pub fn hot_cache(self, hot: HotCache) -> Self {
        self.set(|config| config.hot = hot)
    }

    fn of(source: Source, config: Config) -> Self {
        let hot = Hot::new(config.hot);
        let site = Arc::new(Site {
            source,
            config,
            hot,
        });
        Self { site }
    }

    fn set(self, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = self.site.config.clone();
        change(&mut config);
        // What was kept had the header fields of before.
        Self::of(self.site.source.clone(), config)
    }
}

#[diagnostic::do_not_recommend]
impl Placed for StaticFiles {
    type Place = Content;
    const NAME: &'static str = "static_files";

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.site.source {
            Source::Directory(root) => write!(f, "{}", root.path().display()),
            Source::Embedded(files) => write!(f, "{} embedded", files.len()),
        }
    }
}

impl fmt::Debug for StaticFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StaticFiles").field(&self.site).finish()
    }
}
