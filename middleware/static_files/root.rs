//! Opening files beneath a directory, and nowhere else.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
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
        let directory = rustix::fs::open(path, kernel::PLACE | OFlags::DIRECTORY, Mode::empty())
            .map_err(|errno| {
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

    /// The path of what is called `name` here.
    pub(super) fn path_of(&self, name: &[u8]) -> PathBuf {
        self.path.join(OsStr::from_bytes(name))
    }

    /// Opens a file or directory for reading; an empty `name` is the root itself.
    pub(super) fn read(&self, name: &[u8], links: Links, wait: Wait) -> Result<File, Errno> {
        self.beneath(name, READ, links, wait).map(File::from)
    }

    /// Opens the place of a file or directory, for its metadata only.
    pub(super) fn place(&self, name: &[u8], links: Links, wait: Wait) -> Result<File, Errno> {
        self.beneath(name, kernel::PLACE, links, wait)
            .map(File::from)
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
        let cached = kernel::open_cached(directory, b".", kernel::PLACE, Links::Refused);
        let plain = kernel::open_beneath(directory, b".", kernel::PLACE, Links::Refused);
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
            kernel::PLACE | OFlags::DIRECTORY,
        )?;
        here = Some(next);
        rest = after.get(1..).unwrap_or_default();
    }
    let last = step(here.as_ref().unwrap_or(root), rest, flags)?;
    // Only a place was asked for, and with `O_NOFOLLOW` that is the link itself.
    if rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(&last)?.st_mode).is_symlink() {
        return Err(Errno::LOOP);
    }
    Ok(last)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read as _;
    use std::os::unix::fs::symlink;

    use super::*;

    /// `root/a`, `root/sub/b`, `secret`, and links in all directions.
    fn tree(name: &str) -> PathBuf {
        let base = std::env::temp_dir().join(format!("gopuram-root-{name}-{}", std::process::id()));
        let root = base.join("root");
        fs::create_dir_all(root.join("sub")).unwrap();
        fs::write(root.join("a"), "a").unwrap();
        fs::write(root.join("sub/b"), "b").unwrap();
        fs::write(base.join("secret"), "secret").unwrap();
        symlink("sub/b", root.join("in")).unwrap();
        symlink("sub", root.join("in-dir")).unwrap();
        symlink("../secret", root.join("out")).unwrap();
        symlink("..", root.join("out-dir")).unwrap();
        base
    }

    fn read(root: &Root, name: &str, links: Links) -> Result<String, Errno> {
        let mut text = String::new();
        let mut file = root.read(name.as_bytes(), links, Wait::Allowed)?;
        file.read_to_string(&mut text).unwrap();
        Ok(text)
    }

    #[test]
    fn the_kernel_keeps_the_path_beneath_the_root() {
        let base = tree("kernel");
        let root = Root::open(&base.join("root")).unwrap();
        assert_eq!(read(&root, "sub/b", Links::Beneath).unwrap(), "b");
        for out in ["out", "out-dir/secret", "../secret", "/etc/passwd"] {
            read(&root, out, Links::Beneath).unwrap_err();
            read(&root, out, Links::Refused).unwrap_err();
        }
        fs::remove_dir_all(base).unwrap();
    }

    #[test]
    fn walking_is_as_tight_and_follows_no_link() {
        let base = tree("walk");
        let mut root = Root::open(&base.join("root")).unwrap();
        root.opener = Opener::Walk;
        assert_eq!(read(&root, "a", Links::Beneath).unwrap(), "a");
        assert_eq!(read(&root, "sub/b", Links::Beneath).unwrap(), "b");
        root.read(b"", Links::Beneath, Wait::Allowed).unwrap();
        root.read(b"sub", Links::Beneath, Wait::Allowed).unwrap();
        root.place(b"sub/b", Links::Beneath, Wait::Allowed).unwrap();
        for refused in [
            "in",
            "in-dir/b",
            "out",
            "out-dir/secret",
            "../secret",
            "..",
            "sub/../a",
            "/etc/passwd",
            "sub//b",
            "sub/",
            "a/b",
            "missing",
        ] {
            let name = refused.as_bytes();
            read(&root, refused, Links::Beneath).unwrap_err();
            root.place(name, Links::Beneath, Wait::Allowed).unwrap_err();
        }
        fs::remove_dir_all(base).unwrap();
    }

    #[test]
    fn who_must_not_wait_does_not_walk() {
        let base = tree("wait");
        let mut root = Root::open(&base.join("root")).unwrap();
        for opener in [Opener::Walk, Opener::Kernel { tells: false }] {
            root.opener = opener;
            let opened = root.read(b"a", Links::Beneath, Wait::Never);
            assert_eq!(opened.unwrap_err(), Errno::AGAIN);
        }
        fs::remove_dir_all(base).unwrap();
    }
}
