//! Files in the binary.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::SystemTime;

use bytes::Bytes;

use super::config::Dotfiles;
use super::content_hash::content_hash;
use super::path::{FilePath, file_name, join};

/// A file in the binary; see [`StaticFiles::embedded`](super::StaticFiles::embedded).
///
/// ```
/// use gopuram_middleware::static_files::Asset;
///
/// let css = Asset::new("css/site.css", &b"body { margin: 0 }"[..]);
/// # let _ = css;
/// ```
#[derive(Clone, Debug)]
pub struct Asset {
    path: String,
    pub(super) bytes: Bytes,
    pub(super) modified: Option<SystemTime>,
    pub(super) hash: u128,
}

impl Asset {
    /// The file at `path`, relative to the root, its components separated by `/`.
    ///
    /// A `&'static [u8]`, as `include_bytes!` and the crates around it make it, is
    /// not copied.
    pub fn new(path: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self {
            path: path.into(),
            hash: content_hash(&bytes),
            bytes,
            modified: None,
        }
    }

    /// Says in `Last-Modified` when the file was last written; not at all unless said.
    #[must_use]
    pub const fn modified(mut self, at: SystemTime) -> Self {
        self.modified = Some(at);
        self
    }
}

impl<P: Into<String>, D: Into<Bytes>> From<(P, D)> for Asset {
    fn from((path, bytes): (P, D)) -> Self {
        Self::new(path, bytes)
    }
}

/// Why files cannot be a site: two have the same path, or a path is none.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadAsset {
    /// Two files have this path, or one is a file and a directory of another.
    Ambiguous(String),
    /// This is not a relative path of plain components separated by `/`.
    Path(String),
}

impl fmt::Display for BadAsset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ambiguous(path) => write!(f, "two embedded files at {path:?}"),
            Self::Path(path) => write!(f, "not the path of an embedded file: {path:?}"),
        }
    }
}

impl std::error::Error for BadAsset {}

/// The files in the binary, by path, and the directories that those make.
#[derive(Debug)]
pub(super) struct Embedded {
    files: BTreeMap<Box<[u8]>, Asset>,
    directories: BTreeSet<Box<[u8]>>,
}

impl Embedded {
    pub(super) fn new(assets: impl Iterator<Item = Asset>) -> Result<Self, BadAsset> {
        let mut files = BTreeMap::new();
        let mut directories = BTreeSet::from([Box::default()]);
        for asset in assets {
            let path = asset.path.clone();
            if !is_plain(&path) {
                return Err(BadAsset::Path(path));
            }
            for (at, _) in path.match_indices('/') {
                let (directory, _) = path.split_at(at);
                directories.insert(directory.as_bytes().into());
            }
            if files.insert(path.as_bytes().into(), asset).is_some() {
                return Err(BadAsset::Ambiguous(path));
            }
        }
        match files
            .values()
            .find(|file| directories.contains(file.path.as_bytes()))
        {
            Some(both) => Err(BadAsset::Ambiguous(both.path.clone())),
            None => Ok(Self { files, directories }),
        }
    }

    pub(super) fn file(&self, path: &[u8]) -> Option<&Asset> {
        self.files.get(path)
    }

    pub(super) fn is_directory(&self, path: &[u8]) -> bool {
        self.directories.contains(path)
    }

    /// How many files there are.
    pub(super) fn len(&self) -> usize {
        self.files.len()
    }

    /// The names in a directory, and the file that each is if it is one.
    pub(super) fn list(&self, directory: &[u8]) -> impl Iterator<Item = (&[u8], Option<&Asset>)> {
        let beneath = join(directory, b"");
        let depth = beneath.len();
        let inside = move |path: &[u8]| {
            path.starts_with(&beneath)
                && path
                    .get(depth..)
                    .is_some_and(|rest| !rest.is_empty() && !rest.contains(&b'/'))
        };
        let also_inside = inside.clone();
        let files = self.files.iter().filter(move |(path, _)| inside(path));
        let directories = self
            .directories
            .iter()
            .filter(move |path| also_inside(path));
        files
            .map(|(path, asset)| (file_name(path), Some(asset)))
            .chain(directories.map(|path| (file_name(path), None)))
    }
}

/// Whether a request could name this path.
fn is_plain(path: &str) -> bool {
    // `%` needs no decoding here, and is the one byte that parsing would change.
    let asked = format!("/{}", path.replace('%', "%25"));
    FilePath::parse(&asked, Dotfiles::Serve).is_ok_and(|parsed| !parsed.is_directory())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(paths: &[&str]) -> Result<Embedded, BadAsset> {
        Embedded::new(paths.iter().map(|path| Asset::new(*path, "x")))
    }

    #[test]
    fn paths_are_relative_and_plain() {
        for bad in ["", "/a", "a/", "../a", "a//b", "./a", "a\\b", "a\0"] {
            assert_eq!(site(&[bad]).unwrap_err(), BadAsset::Path(bad.to_owned()));
        }
        assert!(site(&["a", "100%.txt", ".well-known/b"]).is_ok());
    }

    #[test]
    fn a_path_is_one_file() {
        let twice = BadAsset::Ambiguous("a".to_owned());
        assert_eq!(site(&["a", "a"]).unwrap_err(), twice);
        assert_eq!(site(&["a", "a/b"]).unwrap_err(), twice);
        assert_eq!(twice.to_string(), "two embedded files at \"a\"");
    }

    #[test]
    fn directories_are_what_paths_make_them() {
        let site = site(&["a/b/c", "a/d", "e", "ab/f"]).unwrap();
        assert!(site.is_directory(b"") && site.is_directory(b"a/b"));
        assert!(!site.is_directory(b"e") && !site.is_directory(b"x"));
        let names = |dir: &[u8]| {
            let names = site
                .list(dir)
                .map(|(name, file)| (name.to_vec(), file.is_some()));
            names.collect::<Vec<_>>()
        };
        assert_eq!(names(b"a"), [(b"d".to_vec(), true), (b"b".to_vec(), false)]);
        assert_eq!(names(b"").len(), 3);
    }
}
