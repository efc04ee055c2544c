//! How a site is set, apart from where its files are.

use std::time::Duration;

use http::HeaderValue;

use super::patterns::Paths;
use super::root::Links;
use super::siblings::Sibling;

/// Which files and directories whose names begin with a dot are served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dotfiles {
    /// None.
    Refuse,
    /// All but `.` and `..`.
    Serve,
    /// `.well-known` at the root and what is in it ([RFC 8615]), and no other: the default, since
    /// that one is made to be served, and `.git` and `.env` are not.
    ///
    /// [RFC 8615]: https://www.rfc-editor.org/rfc/rfc8615
    #[default]
    WellKnown,
}

/// How small files are kept in memory.
///
/// ```
/// use std::time::Duration;
///
/// use gopuram_middleware::static_files::HotCache;
///
/// let cache = HotCache::memory(8 << 20).check_every(Duration::ZERO);
/// # let _ = cache;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HotCache {
    pub(super) memory: usize,
    pub(super) file: u64,
    pub(super) every: Duration,
}

impl HotCache {
    /// Keeps at most about `bytes` in memory, prepared header fields included.
    ///
    /// 32 MiB unless said otherwise: the styles, scripts and icons of most sites. It is
    /// divided by eight, and no file may be longer than a part.
    pub const fn memory(bytes: usize) -> Self {
        Self {
            memory: bytes,
            file: 1 << 20,
            every: Duration::from_secs(1),
        }
    }

    /// Keeps nothing.
    pub const fn off() -> Self {
        Self::memory(0)
    }

    /// Keeps files of at most `bytes`.
    ///
    /// 1 MiB unless said otherwise: up to there a file from memory costs the gateway about a third
    /// less than one that is read, above, it makes little difference. Files of more than
    /// 64 KiB are kept only while there is room and push out no others: they are
    /// read in pieces otherwise, so that many slow clients hold little of them.
    #[must_use]
    pub const fn file(mut self, bytes: u64) -> Self {
        self.file = bytes;
        self
    }

    /// Looks at the file again when it was last looked at longer than `interval` ago.
    ///
    /// So long a change may go unseen. One second unless said otherwise: a deployment does
    /// not notice it, and a busy file is opened once a second instead of a
    /// hundred thousand times. [`Duration::ZERO`] looks every time, [`Duration::MAX`] never again.
    #[must_use]
    pub const fn check_every(mut self, interval: Duration) -> Self {
        self.every = interval;
        self
    }
}

impl Default for HotCache {
    fn default() -> Self {
        Self::memory(32 << 20)
    }
}

#[derive(Clone, Debug)]
pub(super) struct Config {
    pub(super) index: Vec<Box<str>>,
    pub(super) siblings: Vec<Sibling>,
    pub(super) cache_control: Vec<(Paths, HeaderValue)>,
    pub(super) attachments: Vec<Paths>,
    pub(super) media_types: Vec<(Box<str>, HeaderValue)>,
    pub(super) single_page: Option<Box<str>>,
    pub(super) not_found_page: Option<Box<str>>,
    pub(super) listing: bool,
    pub(super) dotfiles: Dotfiles,
    pub(super) links: Links,
    pub(super) hot: HotCache,
    pub(super) inode: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            index: vec!["index.html".into()],
            siblings: Vec::new(),
            cache_control: Vec::new(),
            attachments: Vec::new(),
            media_types: Vec::new(),
            single_page: None,
            not_found_page: None,
            listing: false,
            dotfiles: Dotfiles::default(),
            links: Links::Beneath,
            hot: HotCache::default(),
            inode: true,
        }
    }
}
