//! Binding addresses, and accepting connections without end.

mod accounts;
pub(super) mod inherited;
mod tcp;
mod unix;
mod who;

use std::future::poll_fn;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use rustix::io::Errno;
use socket2::SockRef;
use tokio::net::{TcpListener, UnixListener};
use tracing::error;

use self::inherited::Inherited;
use self::unix::SocketFile;
use super::address::{Address, Options, Place};
use super::behind::Wire;
use super::drain::Drain;
use super::slots::{Slot, Slots};
use crate::Error;
use crate::middleware::attributes::{Connection, Scheme};

/// How long not to accept when the machine has nothing left to do it with.
const RECOVERY: Duration = Duration::from_millis(100);

/// A socket that listens.
#[derive(Debug)]
pub(super) struct Listener {
    socket: Socket,
    /// As it was asked for.
    asked: String,
    /// What was bound, with the port that was taken.
    address: Address,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener, Option<SocketFile>),
}

impl Listener {
    /// Binds `address`, or takes over what was bound there already: one socket, or as many as are to accept.
    pub(super) async fn bind(address: &Address) -> Result<Vec<Self>, Error> {
        if let Place::Mistake(text, problem) = &address.place {
            return Err(Error::address(text, problem));
        }
        let listeners = match Self::inherit(address) {
            Ok(listeners) if listeners.is_empty() => Self::bind_anew(address).await,
            listeners => listeners,
        };
        listeners.map_err(|error| Error::bind(address, who::named(error, address)))
    }

    /// What a predecessor of this process had bound there.
    fn inherit(address: &Address) -> io::Result<Vec<Self>> {
        let asked = address.place.to_string();
        let mut listeners = Vec::new();
        while listeners.len() < address.options.acceptors.into()
            && let Some(socket) = inherited::from_predecessor(&asked)?
        {
            match address.path().map(SocketFile::new).transpose() {
                Ok(file) => listeners.push(Self::of(address, socket, file)?),
                // Nobody can connect to it without its file.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(listeners)
    }

    async fn bind_anew(address: &Address) -> io::Result<Vec<Self>> {
        let options = &address.options;
        let (socket, file) = match &address.place {
            Place::Socket(socket) => return Self::all(address, tcp::bind(*socket, options)?),
            Place::Name(text) => return Self::all(address, tcp::bind_name(text, options).await?),
            Place::Unix(path) => {
                let (listener, file) = unix::bind(path, options).await?;
                (Inherited::Unix(listener), Some(file))
            }
            Place::Abstract(name) => (Inherited::Unix(unix::bind_abstract(name, options)?), None),
            Place::Fd(number) => (inherited::from_number(*number)?, None),
            Place::Systemd(name) => (inherited::from_manager(name)?, None),
            Place::Mistake(_, problem) => {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, *problem));
            }
        };
        Ok(vec![Self::of(address, socket, file)?])
    }

    fn all(address: &Address, sockets: Vec<std::net::TcpListener>) -> io::Result<Vec<Self>> {
        let sockets = sockets.into_iter().map(Inherited::Tcp);
        sockets
            .map(|socket| Self::of(address, socket, None))
            .collect()
    }

    fn of(address: &Address, socket: Inherited, file: Option<SocketFile>) -> io::Result<Self> {
        let asked = address.place.to_string();
        let mut address = address.clone();
        let socket = match socket {
            Inherited::Tcp(listener) => {
                listener.set_nonblocking(true)?;
                tcp::tune(&listener, &address.options);
                address.place = Place::Socket(listener.local_addr()?);
                Socket::Tcp(TcpListener::from_std(listener)?)
            }
            Inherited::Unix(listener) => {
                listener.set_nonblocking(true)?;
                if let Some(path) = SockRef::from(&listener).local_addr()?.as_pathname() {
                    address.place = Place::Unix(path.to_owned());
                }
                Socket::Unix(UnixListener::from_std(listener)?, file)
            }
        };
        Ok(Self {
            socket,
            asked,
            address,
        })
    }

    /// What was bound, with the port that was taken.
    pub(super) const fn address(&self) -> &Address {
        &self.address
    }

    /// Another descriptor of the socket, and the name to pass it by.
    pub(super) fn share(&self) -> io::Result<(String, OwnedFd)> {
        let fd = match &self.socket {
            Socket::Tcp(listener) => listener.as_fd(),
            Socket::Unix(listener, _) => listener.as_fd(),
        };
        Ok((inherited::name(&self.asked), fd.try_clone_to_owned()?))
    }

    /// Accepts connections and admits each with a slot of its own, until the server is to end.
    pub(super) async fn accept(
        self: Arc<Self>,
        slots: Slots,
        mut admit: impl Admit,
        drain: Arc<Drain>,
    ) {
        tokio::select! {
            () = self.accept_all(&slots, &mut admit) => {}
            () = drain.wished() => {}
        }
        if drain.is_handed_over() {
            // Who waits is accepted by the successor.
            if let Socket::Unix(_, Some(file)) = &self.socket {
                file.keep();
            }
            return;
        }
        // Whom the kernel has let in would be reset, perhaps with a request under way. Who yields is
        // woken after the runtime has looked at its sockets.
        tokio::task::yield_now().await;
        for _ in 0..self.address.options.backlog {
            let Some(slot) = slots.try_take() else {
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

    async fn accept_all(&self, slots: &Slots, admit: &mut impl Admit) {
        let mut failing = false;
        let mut full = false;
        while let Some(slot) = slots.take(&mut full).await {
            match self.accept_one(slot, admit).await {
                Ok(()) => failing = false,
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    slots.counters().accept_errors.one();
                    if !std::mem::replace(&mut failing, true) {
                        let error: &(dyn std::error::Error + 'static) = &error;
                        error!(error, "cannot accept connections; trying on");
                    }
                    tokio::time::sleep(RECOVERY).await;
                }
            }
        }
    }

    async fn accept_one(&self, mut slot: Slot, admit: &mut impl Admit) -> io::Result<()> {
        let options = &self.address.options;
        match &self.socket {
            Socket::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                slot.taken();
                let local = stream.local_addr().ok();
                let connection = Connection::new(local, Some(peer), Scheme::Http);
                admit.admit(stream, connection, slot, options);
            }
            Socket::Unix(listener, _) => {
                let (stream, _) = listener.accept().await?;
                slot.taken();
                let connection = Connection::new(None, None, Scheme::Http);
                admit.admit(stream, connection, slot, options);
            }
        }
        Ok(())
    }
}

/// What becomes of a connection.
pub(super) trait Admit: Send {
    fn admit<T: Wire>(&mut self, io: T, connection: Connection, slot: Slot, options: &Options);
}

/// Errors of the connection that was to be accepted, not of accepting (accept(2)); some of them are a firewall's.
fn is_of_one_connection(error: &io::Error) -> bool {
    const ALSO: [Errno; 5] = [
        Errno::HOSTDOWN,
        Errno::NOPROTOOPT,
        Errno::OPNOTSUPP,
        Errno::PERM,
        Errno::PROTO,
    ];
    let also = |code| ALSO.iter().any(|errno| errno.raw_os_error() == code);
    error.raw_os_error().is_some_and(also)
        || matches!(
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_errors_of_accepting_itself_are_waited_out() {
        for kind in [io::ErrorKind::ConnectionAborted, io::ErrorKind::Interrupted] {
            assert!(is_of_one_connection(&kind.into()));
        }
        assert!(is_of_one_connection(&Errno::PROTO.into()));
        // EMFILE, ENFILE, ENOBUFS, ENOMEM on Linux.
        for code in [24, 23, 105, 12] {
            assert!(!is_of_one_connection(&io::Error::from_raw_os_error(code)));
        }
    }
}
