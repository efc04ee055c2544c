//! Opening files beneath a directory, and nowhere else.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::kernel;

/// For reading, and without waiting for the other end of a FIFO or for a tape; what
/// is opened becomes nobody's terminal and is not inherited by child processes.
const READ: OFlags = OFlags::RDONLY
    .union(OFlags::CLOEXEC)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY);

/// Only a place in the tree; needs no right to read, and opens no device.
const PLACE: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);

/// A directory, and the way to open what is beneath it.
#[derive(Debug)]
pub(super) struct Root {
    directory: OwnedFd,
    path: PathBuf,
    opener: Opener,
}

/// Who keeps the path beneath the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opener {
    /// The kernel, in one call.
    Kernel {
        /// It can also say that it would have to wait for a disk.
        tells: bool,
    },
    /// This module, component by component, following no symbolic link at all.
    Walk,
}

/// Whether a symbolic link may be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Links {
    /// If it leads to what is beneath the root.
    Beneath,
    /// No.
    Refused,
}

/// Whether the calling thread may wait for a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// It may.
    Allowed,
    /// It must not: what would wait fails with `EAGAIN`.
    Never,
}

impl Root {
    /// Opens the directory itself; its path may contain symbolic links.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let directory =
            rustix::fs::open(path, PLACE | OFlags::DIRECTORY, Mode::empty()).map_err(|errno| {
                let error = io::Error::from(errno);
                io::Error::new(error.kind(), format!("{}: {error}", path.display()))
            })?;
        let opener = Opener::of(&directory);
        Ok(Self {
            directory,
            path: path.to_owned(),
            opener,
        })
    }

    /// The path by which the directory was opened.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens a file or directory for reading; an empty `name` is the root itself.
    pub(super) fn read(&self, name: &[u8], links: Links, wait: Wait) -> Result<File, Errno> {
        self.beneath(name, READ, links, wait).map(File::from)
    }

    /// Opens the place of a file or directory, for its metadata only.
    pub(super) fn place(&self, name: &[u8], links: Links, wait: Wait) -> Result<File, Errno> {
        self.beneath(name, PLACE, links, wait).map(File::from)
    }

    fn beneath(
        &self,
        name: &[u8],
        flags: OFlags,
        links: Links,
        wait: Wait,
    ) -> Result<OwnedFd, Errno> {
        let name = if name.is_empty() { b"." } else { name };
        match (self.opener, wait) {
            (Opener::Kernel { tells: true }, Wait::Never) => {
                kernel::open_cached(&self.directory, name, flags, links)
            }
            (_, Wait::Never) => Err(Errno::AGAIN),
            (Opener::Kernel { .. }, Wait::Allowed) => {
                kernel::open_beneath(&self.directory, name, flags, links)
            }
            (Opener::Walk, Wait::Allowed) => walk(&self.directory, name, flags),
        }
    }
}

impl Opener {
    /// What the kernel can do here. A seccomp filter of a container answers for a call that it does
    /// not know with `EPERM` or `ENOSYS`, hence it is tried once, on the directory itself.
    fn of(directory: &OwnedFd) -> Self {
        let cached = kernel::open_cached(directory, b".", PLACE, Links::Refused);
        let plain = kernel::open_beneath(directory, b".", PLACE, Links::Refused);
        match (plain, cached) {
            (Err(Errno::NOSYS | Errno::PERM | Errno::INVAL | Errno::OPNOTSUPP), _) => Self::Walk,
            (_, Ok(_) | Err(Errno::AGAIN)) => Self::Kernel { tells: true },
            // `RESOLVE_CACHED` is younger (Linux 5.12) than the call (5.6).
            _ => Self::Kernel { tells: false },
        }
    }
}

/// Opens by going down a component at a time, each of which must be no symbolic link.
///
/// Whatever is renamed meanwhile, each step starts from the directory that the step before
/// opened and goes down from there.
fn walk(root: &OwnedFd, name: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    let step = |from: &OwnedFd, component: &[u8], flags: OFlags| match component {
        b"" | b".." => Err(Errno::XDEV),
        _ => rustix::fs::openat(from, component, flags | OFlags::NOFOLLOW, Mode::empty()),
    };
    let mut here: Option<OwnedFd> = None;
    let mut rest = name;
    while let Some(slash) = rest.iter().position(|b| *b == b'/') {
        let (component, after) = rest.split_at(slash);
        let next = step(
            here.as_ref().unwrap_or(root),
            component,
            PLACE | OFlags::DIRECTORY,
        )?;
        here = Some(next);
        rest = after.get(1..).unwrap_or_default();
    }
    let last = step(here.as_ref().unwrap_or(root), rest, flags)?;
    // `O_PATH` with `O_NOFOLLOW` opens the link itself.
    if flags.contains(OFlags::PATH)
        && rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(&last)?.st_mode).is_symlink()
    {
        return Err(Errno::LOOP);
    }
    Ok(last)
}
