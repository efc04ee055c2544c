//! What only Linux can do: paths kept beneath a directory by the kernel, and reads
//! that never wait.
//!
//! Elsewhere these calls say that they are not there, and the callers do without.

#[cfg(target_os = "linux")]
pub(super) use linux::{PLACE, open_beneath, open_cached, read_now};
#[cfg(not(target_os = "linux"))]
pub(super) use other::{PLACE, open_beneath, open_cached, read_now};

#[cfg(target_os = "linux")]
mod linux {
    use std::fs::File;
    use std::io::IoSliceMut;
    use std::os::fd::OwnedFd;

    use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
    use rustix::io::{Errno, ReadWriteFlags, preadv2};

    use crate::static_files::root::Links;

    /// To open only a place in the tree; needs no right to read, and opens no device.
    pub(in super::super) const PLACE: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);

    /// How often a lookup is tried again that raced with a rename.
    const TRIES: usize = 8;

    /// Opens `name` beneath `root`, waiting for the disk if need be.
    pub(in super::super) fn open_beneath(
        root: &OwnedFd,
        name: &[u8],
        flags: OFlags,
        links: Links,
    ) -> Result<OwnedFd, Errno> {
        let mut opened = Err(Errno::AGAIN);
        for _ in 0..TRIES {
            opened = openat2(root, name, flags, Mode::empty(), resolve(links));
            // The kernel could not tell whether a `..` in a link's target stayed beneath
            // the root, since something was renamed meanwhile.
            if !matches!(opened, Err(Errno::AGAIN | Errno::INTR)) {
                break;
            }
        }
        opened
    }

    /// Opens `name` beneath `root` if the kernel knows all of the path; else `EAGAIN`.
    pub(in super::super) fn open_cached(
        root: &OwnedFd,
        name: &[u8],
        flags: OFlags,
        links: Links,
    ) -> Result<OwnedFd, Errno> {
        let resolve = resolve(links) | ResolveFlags::CACHED;
        openat2(root, name, flags, Mode::empty(), resolve)
    }

    /// Reads what the page cache has; else `EAGAIN`.
    pub(in super::super) fn read_now(
        file: &File,
        into: &mut [u8],
        offset: u64,
    ) -> Result<usize, Errno> {
        preadv2(
            file,
            &mut [IoSliceMut::new(into)],
            offset,
            ReadWriteFlags::NOWAIT,
        )
    }

    fn resolve(links: Links) -> ResolveFlags {
        let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        match links {
            Links::Beneath => beneath,
            Links::Refused => beneath | ResolveFlags::NO_SYMLINKS,
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod other {
    use std::fs::File;
    use std::os::fd::OwnedFd;

    use rustix::fs::OFlags;
    use rustix::io::Errno;

    use crate::static_files::root::Links;

    /// To open a place in the tree, by what there is instead.
    pub(in super::super) const PLACE: OFlags = OFlags::RDONLY
        .union(OFlags::CLOEXEC)
        .union(OFlags::NONBLOCK);

    /// There is no such call.
    pub(in super::super) fn open_beneath(
        _: &OwnedFd,
        _: &[u8],
        _: OFlags,
        _: Links,
    ) -> Result<OwnedFd, Errno> {
        Err(Errno::NOSYS)
    }

    /// There is no such call.
    pub(in super::super) fn open_cached(
        _: &OwnedFd,
        _: &[u8],
        _: OFlags,
        _: Links,
    ) -> Result<OwnedFd, Errno> {
        Err(Errno::NOSYS)
    }

    /// There is no such call.
    pub(in super::super) fn read_now(_: &File, _: &mut [u8], _: u64) -> Result<usize, Errno> {
        Err(Errno::AGAIN)
    }
}
