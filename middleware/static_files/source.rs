//! Where files come from: a directory, or the binary.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::StatusCode;
use rustix::fs::Dir;
use rustix::io::Errno;

use super::embedded::{Asset, Embedded};
use super::open_file::{OpenFile, Stamp, errno};
use super::path::join;
use super::root::{Links, Root, Wait};

/// Where files come from.
#[derive(Clone, Debug)]
pub(super) enum Source {
    Directory(Arc<Root>),
    Embedded(Arc<Embedded>),
}

/// What stands at a path.
#[derive(Debug)]
pub(super) enum Node {
    Directory,
    File(Opened),
}

/// A file, ready to be read.
#[derive(Debug)]
pub(super) enum Opened {
    Disk(Arc<OpenFile>),
    Memory(Asset),
}

/// What tells one state of a file's content from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Disk(Stamp),
    Memory {
        len: u64,
        hash: u128,
        modified: Option<SystemTime>,
    },
}

/// A name in a directory.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: Vec<u8>,
    pub(super) kind: EntryKind,
    pub(super) modified: Option<SystemTime>,
}

/// What a name in a directory stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EntryKind {
    Directory,
    /// A file and its length.
    File(u64),
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Miss {
    /// A disk must be waited for; ask again where that is allowed.
    Later,
    /// There is none; this says why.
    Status(StatusCode),
}

impl Miss {
    pub(super) const NOT_FOUND: Self = Self::Status(StatusCode::NOT_FOUND);
}

impl Source {
    /// Opens what stands at `path`; what is neither a file nor a directory is not found.
    pub(super) fn open(&self, path: &[u8], links: Links, wait: Wait) -> Result<Node, Miss> {
        let miss = |errno| miss(errno, wait);
        match self {
            Self::Directory(root) => {
                let file = root.read(path, links, wait).map_err(miss)?;
                let metadata = file
                    .metadata()
                    .map_err(|error| errno(&error))
                    .map_err(miss)?;
                if metadata.is_dir() {
                    Ok(Node::Directory)
                } else if metadata.is_file() {
                    let stamp = Stamp::of(&metadata);
                    let path = root.path_of(path);
                    let file = Arc::new(OpenFile::new(file, stamp, path, SystemTime::now()));
                    Ok(Node::File(Opened::Disk(file)))
                } else {
                    Err(Miss::NOT_FOUND)
                }
            }
            Self::Embedded(site) => match site.file(path) {
                Some(asset) => Ok(Node::File(Opened::Memory(asset.clone()))),
                None if site.is_directory(path) => Ok(Node::Directory),
                None => Err(Miss::NOT_FOUND),
            },
        }
    }

    /// At most `most` of the names in a directory that `shown` lets pass, in no order, each with what
    /// a request for it would find; and whether there are more.
    pub(super) fn list(
        &self,
        path: &[u8],
        links: Links,
        wait: Wait,
        most: usize,
        shown: impl Fn(&[u8]) -> bool,
    ) -> Result<(Vec<Entry>, bool), Miss> {
        match self {
            // Reading a directory may always wait for the disk.
            Self::Directory(_) if wait == Wait::Never => Err(Miss::Later),
            Self::Directory(root) => {
                list(root, path, links, most, shown).map_err(|errno| miss(errno, wait))
            }
            Self::Embedded(site) => {
                let mut entries: Vec<_> = site
                    .list(path)
                    .filter(|(name, _)| shown(name))
                    .take(most.saturating_add(1))
                    .map(|(name, asset)| Entry {
                        name: name.to_vec(),
                        kind: asset.map_or(EntryKind::Directory, |asset| {
                            EntryKind::File(asset.bytes.len() as u64)
                        }),
                        modified: asset.and_then(|asset| asset.modified),
                    })
                    .collect();
                let more = entries.len() > most;
                entries.truncate(most);
                Ok((entries, more))
            }
        }
    }
}

fn list(
    root: &Root,
    path: &[u8],
    links: Links,
    most: usize,
    shown: impl Fn(&[u8]) -> bool,
) -> Result<(Vec<Entry>, bool), Errno> {
    let mut entries = Vec::new();
    for entry in Dir::new(root.read(path, links, Wait::Allowed)?)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if !shown(name) {
            continue;
        }
        if entries.len() == most {
            return Ok((entries, true));
        }
        // What vanished meanwhile, or leads out of the root, is not there.
        let place = root.place(&join(path, name), links, Wait::Allowed);
        let Some(metadata) = place.ok().and_then(|place| place.metadata().ok()) else {
            continue;
        };
        let kind = if metadata.is_dir() {
            EntryKind::Directory
        } else if metadata.is_file() {
            EntryKind::File(metadata.len())
        } else {
            continue;
        };
        entries.push(Entry {
            name: name.to_vec(),
            kind,
            modified: Stamp::of(&metadata).modified(),
        });
    }
    Ok((entries, false))
}

impl Opened {
    pub(super) fn state(&self) -> State {
        match self {
            Self::Disk(file) => State::Disk(file.stamp()),
            Self::Memory(asset) => State::Memory {
                len: asset.bytes.len() as u64,
                hash: asset.hash,
                modified: asset.modified,
            },
        }
    }

    /// Whether the content may change without a change of the state.
    pub(super) fn is_new(&self) -> bool {
        match self {
            Self::Disk(file) => file.is_new(),
            Self::Memory(_) => false,
        }
    }

    /// The bytes, if they are no more than `most` and did not change while they were read.
    pub(super) fn whole(&self, most: u64, wait: Wait) -> Result<Option<Bytes>, Miss> {
        match self {
            Self::Memory(asset) => Ok(Some(asset.bytes.clone())),
            Self::Disk(file) if file.stamp().len > most => Ok(None),
            Self::Disk(file) => file.read_whole(wait).map_err(|errno| miss(errno, wait)),
        }
    }
}

impl State {
    pub(super) const fn len(&self) -> u64 {
        match self {
            Self::Disk(stamp) => stamp.len,
            Self::Memory { len, .. } => *len,
        }
    }

    pub(super) fn modified(&self) -> Option<SystemTime> {
        match self {
            Self::Disk(stamp) => stamp.modified(),
            Self::Memory { modified, .. } => *modified,
        }
    }
}

/// What a client is told of an error.
fn miss(errno: Errno, wait: Wait) -> Miss {
    Miss::Status(match errno {
        Errno::AGAIN if wait == Wait::Never => return Miss::Later,
        Errno::ACCESS | Errno::PERM => StatusCode::FORBIDDEN,
        // No such name here: it leads out of the root, is too long or not allowed
        // by the file system, or stands for a socket.
        Errno::NOENT
        | Errno::NOTDIR
        | Errno::XDEV
        | Errno::LOOP
        | Errno::NAMETOOLONG
        | Errno::NXIO
        | Errno::NODEV
        | Errno::ILSEQ
        | Errno::INVAL => StatusCode::NOT_FOUND,
        // It may be there in a moment.
        Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::AGAIN | Errno::INTR | Errno::STALE => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_its_status() {
        let status = |errno| match miss(errno, Wait::Allowed) {
            Miss::Status(status) => status.as_u16(),
            Miss::Later => 0,
        };
        assert_eq!(status(Errno::ACCESS), 403);
        assert_eq!(status(Errno::XDEV), 404);
        assert_eq!(status(Errno::NAMETOOLONG), 404);
        assert_eq!(status(Errno::MFILE), 503);
        assert_eq!(status(Errno::AGAIN), 503);
        assert_eq!(status(Errno::IO), 500);
        assert_eq!(miss(Errno::AGAIN, Wait::Never), Miss::Later);
    }
}
