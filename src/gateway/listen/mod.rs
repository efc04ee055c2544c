//! Binding addresses, and accepting connections without end.

use std::fs::Metadata;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, UnixListener, UnixSocket};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::{error, warn};

use super::address::{Address, Repr, name_and_port};
use super::drain::Drain;
use crate::Error;
use crate::middleware::attributes::{Connection, Scheme};

/// How many connections wait in the kernel to be accepted; it takes less if
/// `net.core.somaxconn` is lower.
const BACKLOG: u32 = 4096;

/// How long not to accept when the machine has nothing left to do it with.
const RECOVERY: Duration = Duration::from_millis(100);

/// A bound address.
#[derive(Debug)]
pub(super) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, SocketFile),
}

impl Listener {
    /// Binds `address`.
    pub(super) async fn bind(address: &Address) -> Result<Self, Error> {
        let bound = match &address.0 {
            Repr::Socket(socket) => bind_tcp(*socket).map(Self::Tcp),
            Repr::Unix { path, mode } => {
                bind_unix(path, *mode).map(|(listener, file)| Self::Unix(listener, file))
            }
            Repr::Text(text) => {
                let (name, port) = name_and_port(text)?;
                bind_name(name, port).await.map(Self::Tcp)
            }
        };
        bound.map_err(|error| Error::bind(address, error))
    }

    /// What was bound, with the port that was taken.
    pub(super) fn address(&self) -> io::Result<Address> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(Address::from),
            Self::Unix(_, file) => Ok(Address::unix(&file.path)),
        }
    }

    /// Accepts connections and admits each with a slot of its own, until the server is to end.
    pub(super) async fn accept(
        self,
        slots: Arc<Semaphore>,
        mut admit: impl Admit,
        drain: Arc<Drain>,
    ) {
        tokio::select! {
            () = self.accept_all(&slots, &mut admit) => {}
            () = drain.wished() => {}
        }
        // Whom the kernel has let in would be reset, perhaps with a request under way. Who yields is
        // woken after the runtime has looked at its sockets.
        tokio::task::yield_now().await;
        for _ in 0..BACKLOG {
            let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else {
                return;
            };
            let mut next = pin!(self.accept_one(slot, &mut admit));
            match poll_fn(|cx| Poll::Ready(next.as_mut().poll(cx))).await {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) if is_of_one_connection(&error) => {}
                Poll::Ready(Err(_)) | Poll::Pending => return,
            }
        }
    }

    async fn accept_all(&self, slots: &Arc<Semaphore>, admit: &mut impl Admit) {
        let mut failing = false;
        let mut full = false;
        while let Some(slot) = free(slots, &mut full).await {
            match self.accept_one(slot, admit).await {
                Ok(()) => failing = false,
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        let error: &(dyn std::error::Error + 'static) = &error;
                        error!(error, "cannot accept connections; trying on");
                    }
                    tokio::time::sleep(RECOVERY).await;
                }
            }
        }
    }

    async fn accept_one(
        &self,
        slot: OwnedSemaphorePermit,
        admit: &mut impl Admit,
    ) -> io::Result<()> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                // An option, not a need; a client that is gone already is found soon.
                stream.set_nodelay(true).ok();
                let local = stream.local_addr().ok();
                admit.admit(
                    stream,
                    Connection::new(local, Some(peer), Scheme::Http),
                    slot,
                );
            }
            Self::Unix(listener, _) => {
                let (stream, _) = listener.accept().await?;
                admit.admit(stream, Connection::new(None, None, Scheme::Http), slot);
            }
        }
        Ok(())
    }
}

/// What becomes of a connection.
pub(super) trait Admit: Send {
    fn admit<T>(&mut self, io: T, connection: Connection, slot: OwnedSemaphorePermit)
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static;
}

/// A place among the open connections, when there is one; says once that there is none.
async fn free(slots: &Arc<Semaphore>, full: &mut bool) -> Option<OwnedSemaphorePermit> {
    if let Ok(slot) = Arc::clone(slots).try_acquire_owned() {
        *full = false;
        return Some(slot);
    }
    if !std::mem::replace(full, true) {
        warn!("as many connections as allowed are open; more have to wait");
    }
    Arc::clone(slots).acquire_owned().await.ok()
}

/// Errors of the connection that was to be accepted, not of accepting (accept(2)).
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::Interrupted
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::TimedOut
    )
}

fn bind_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    // Else connections of a server just ended keep the address for a minute.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

async fn bind_name(name: &str, port: u16) -> io::Result<TcpListener> {
    let mut failed = None;
    for address in tokio::net::lookup_host((name, port)).await? {
        match bind_tcp(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => failed = Some(error),
        }
    }
    Err(failed.unwrap_or_else(|| io::Error::other("the name has no address")))
}

fn bind_unix(path: &Path, mode: Option<u32>) -> io::Result<(UnixListener, SocketFile)> {
    let socket = UnixSocket::new_stream()?;
    if let Err(error) = socket.bind(path) {
        if error.kind() != io::ErrorKind::AddrInUse {
            return Err(error);
        }
        remove_stale(path)?;
        socket.bind(path)?;
    }
    let file = SocketFile::new(path)?;
    // Before `listen`, so that nobody connects under other permissions.
    if let Some(mode) = mode {
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode))?;
    }
    Ok((socket.listen(BACKLOG)?, file))
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

/// The file of a Unix socket, removed with it.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl SocketFile {
    fn new(path: &Path) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            identity: identity(&std::fs::symlink_metadata(path)?),
        })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if let Err(error) = remove_if_same(&self.path, self.identity)
            && error.kind() != io::ErrorKind::NotFound
        {
            let error: &(dyn std::error::Error + 'static) = &error;
            warn!(error, path = %self.path.display(), "cannot remove the socket file");
        }
    }
}

fn identity(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

/// Removes a file unless another one is in its place: a server that came after may have put
/// its own there.
fn remove_if_same(path: &Path, known: (u64, u64)) -> io::Result<()> {
    if identity(&std::fs::symlink_metadata(path)?) == known {
        std::fs::remove_file(path)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_errors_of_accepting_itself_are_waited_out() {
        for kind in [io::ErrorKind::ConnectionAborted, io::ErrorKind::Interrupted] {
            assert!(is_of_one_connection(&kind.into()));
        }
        // EMFILE, ENFILE, ENOBUFS, ENOMEM on Linux.
        for code in [24, 23, 105, 12] {
            assert!(!is_of_one_connection(&io::Error::from_raw_os_error(code)));
        }
    }
}
