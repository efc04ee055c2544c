//! Unix sockets to listen on, and their files.

use std::fs::{File, Metadata, TryLockError};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::fs::{Access, AtFlags, CWD, accessat};
use socket2::{Domain, SockAddr, Socket, Type};
use tracing::warn;

use super::super::address::Options;
use super::accounts;

/// Binds a socket file.
///
/// All is done under a lock on the directory. Of two servers that start at once the second would else take the first
/// one's file, which is there before anybody listens on it, for one that is stale.
pub(super) async fn bind(path: &Path, options: &Options) -> io::Result<(UnixListener, SocketFile)> {
    let wanted = Permissions::of(options)?;
    let lock = lock_directory(path).await?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    let address = SockAddr::unix(path)?;
    if let Err(error) = socket.bind(&address) {
        if error.kind() != io::ErrorKind::AddrInUse {
            return Err(error);
        }
        remove_stale(path)?;
        socket.bind(&address)?;
    }
    let file = SocketFile::new(path)?;
    // Before `listen`, so that nobody connects under other permissions.
    file.adjust(&wanted)?;
    socket.listen(options.backlog.try_into().unwrap_or(i32::MAX))?;
    drop(lock);
    Ok((socket.into(), file))
}

/// Whether a socket file could be bound, or taken from who listens there no more; nothing is made.
pub(super) fn look(path: &Path, options: &Options) -> io::Result<()> {
    Permissions::of(options)?;
    SockAddr::unix(path)?;
    match std::fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // As one, so that a file in its place is told as such.
    let directory = directory(path).join(".");
    let access = Access::WRITE_OK | Access::EXEC_OK;
    Ok(accessat(CWD, &directory, access, AtFlags::EACCESS)?)
}

/// Binds a name that has no file.
pub(super) fn bind_abstract(name: &std::ffi::OsStr, options: &Options) -> io::Result<UnixListener> {
    let mut path = std::ffi::OsString::from("\0");
    path.push(name);
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&SockAddr::unix(path)?)?;
    socket.listen(options.backlog.try_into().unwrap_or(i32::MAX))?;
    Ok(socket.into())
}

/// What is asked for of a socket file; none of it is left as it is.
struct Permissions {
    mode: Option<u32>,
    owner: Option<u32>,
    group: Option<u32>,
}

impl Permissions {
    fn of(options: &Options) -> io::Result<Self> {
        Ok(Self {
            mode: options.mode,
            owner: options.owner.as_deref().map(accounts::user).transpose()?,
            group: options.group.as_deref().map(accounts::group).transpose()?,
        })
    }

    /// What of it a file does not have: who may not change it need not, if there is nothing to change.
    fn lacking(&self, file: &Metadata) -> Self {
        Self {
            mode: self.mode.filter(|mode| file.mode() & 0o777 != *mode),
            owner: self.owner.filter(|owner| file.uid() != *owner),
            group: self.group.filter(|group| file.gid() != *group),
        }
    }
}

/// For how long another server may be binding in the same directory.
const TRIES: u32 = 100;
const BETWEEN: Duration = Duration::from_millis(10);

/// Locks the directory of a socket file; not one that may not be read, or cannot be locked.
async fn lock_directory(path: &Path) -> io::Result<Option<File>> {
    let Ok(directory) = File::open(directory(path)) else {
        return Ok(None);
    };
    for _ in 0..TRIES {
        match directory.try_lock() {
            Ok(()) => return Ok(Some(directory)),
            Err(TryLockError::WouldBlock) => tokio::time::sleep(BETWEEN).await,
            Err(TryLockError::Error(_)) => return Ok(None),
        }
    }
    warn!(path = %path.display(), "somebody holds a lock on the directory of the socket file; going on without it");
    Ok(None)
}

/// The directory that a file is in.
fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Removes a socket file that nobody listens on, and nothing else.
fn remove_stale(path: &Path) -> io::Result<()> {
    let found = std::fs::symlink_metadata(path)?;
    if !found.file_type().is_socket() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // One who listens and is busy would keep us waiting.
    socket.set_nonblocking(true)?;
    match socket.connect(&SockAddr::unix(path)?) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            remove_if_same(path, identity(&found))
        }
        // Someone answers, or would if the queue were not full, or we may not know.
        _ => Err(io::ErrorKind::AddrInUse.into()),
    }
}

/// The file of a Unix socket, removed with it unless another process has the socket then.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    identity: Identity,
    kept: AtomicBool,
}

impl SocketFile {
    pub(super) fn new(path: &Path) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            identity: identity(&std::fs::symlink_metadata(path)?),
            kept: AtomicBool::new(false),
        })
    }

    /// Removes it in the end.
    pub(super) fn own(&self) {
        self.kept.store(false, Ordering::Relaxed);
    }

    /// Leaves the file to who has the socket now.
    pub(super) fn keep(&self) {
        self.kept.store(true, Ordering::Relaxed);
    }

    /// Has the file of another process, which goes on with it if this one fails, as it is asked for here.
    pub(super) fn take_over(&self, options: &Options) -> io::Result<()> {
        self.keep();
        self.adjust(&Permissions::of(options)?)
    }

    /// Gives the file its permissions and its owners.
    ///
    /// By a handle of the file and not by its path: who may write to the directory could put a link to another file there.
    fn adjust(&self, wanted: &Permissions) -> io::Result<()> {
        let held = Held::of(&self.path)?;
        if held.identity != self.identity {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let found = std::fs::metadata(&held.path)?;
        let Permissions { mode, owner, group } = wanted.lacking(&found);
        // The group before its permissions, or another one would have them for a moment; and the owner last, since who
        // gives a file away may not change it any more.
        if group.is_some() {
            if let Some(mode) = wanted.mode {
                std::fs::set_permissions(&held.path, PermissionsExt::from_mode(mode & 0o700))?;
            }
            std::os::unix::fs::chown(&held.path, None, group)?;
        }
        if let Some(mode) = wanted.mode.filter(|_| mode.is_some() || group.is_some()) {
            std::fs::set_permissions(&held.path, PermissionsExt::from_mode(mode))?;
        }
        if owner.is_some() {
            std::os::unix::fs::chown(&held.path, owner, None)?;
        }
        Ok(())
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.kept.load(Ordering::Relaxed) {
            return;
        }
        if let Err(error) = remove_if_same(&self.path, self.identity)
            && error.kind() != io::ErrorKind::NotFound
        {
            let error: &(dyn std::error::Error + 'static) = &error;
            warn!(error, path = %self.path.display(), "cannot remove the socket file");
        }
    }
}

/// A file by a path that stays its own, whatever becomes of the one it was found by.
struct Held {
    path: PathBuf,
    identity: Identity,
    _file: Option<File>,
}

impl Held {
    #[cfg(target_os = "linux")]
    fn of(path: &Path) -> io::Result<Self> {
        use std::os::fd::AsRawFd as _;
        use std::os::unix::fs::OpenOptionsExt as _;

        use rustix::fs::OFlags;

        let flags = OFlags::PATH | OFlags::NOFOLLOW;
        let file = std::fs::OpenOptions::new()
            .read(true)
            .custom_flags(flags.bits().cast_signed())
            .open(path)?;
        Ok(Self {
            path: format!("/proc/self/fd/{}", file.as_raw_fd()).into(),
            identity: identity(&file.metadata()?),
            _file: Some(file),
        })
    }

    /// Elsewhere a socket file cannot be opened, and its path is all there is.
    #[cfg(not(target_os = "linux"))]
    fn of(path: &Path) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            identity: identity(&std::fs::symlink_metadata(path)?),
            _file: None,
        })
    }
}

/// The file system and the number of a file in it.
type Identity = (u64, u64);

fn identity(file: &Metadata) -> Identity {
    (file.dev(), file.ino())
}

/// Removes a file unless another one is in its place: a server that came after may have put
/// its own there.
fn remove_if_same(path: &Path, known: Identity) -> io::Result<()> {
    if identity(&std::fs::symlink_metadata(path)?) == known {
        std::fs::remove_file(path)?;
    }
    Ok(())
}
