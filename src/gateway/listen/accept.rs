//! Accepting connections without end.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::io::Errno;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::runtime::Handle;
use tracing::error;

use super::Listener;
use super::inherited::Inherited;
use crate::Error;
use crate::gateway::address::Options;
use crate::gateway::behind::Wire;
use crate::gateway::drain::Drain;
use crate::gateway::slots::{Slot, Slots};
use crate::middleware::attributes::{Connection, Scheme};

/// How long not to accept when the machine has nothing left to do it with.
const RECOVERY: Duration = Duration::from_millis(100);

/// How long another process has to accept a connection that is left to it.
const COURTESY: Duration = Duration::from_millis(1);

/// Whether the next connection is left to other processes, by how many are open in this one.
pub(in crate::gateway) type GiveWay = Arc<dyn Fn(u64) -> bool + Send + Sync>;

/// A listener in the runtime that accepts.
pub(in crate::gateway) struct Acceptor {
    socket: Socket,
    /// Our end of all connections, unless it has to be asked for with each.
    local: Option<SocketAddr>,
    listener: Arc<Listener>,
    give_way: Option<GiveWay>,
}

enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Socket {
    /// Our end of all connections: that of the listener, if it has one address only. One that was bound by others may be
    /// transparent (`IP_TRANSPARENT` in `ip(7)`), and then each connection has the address that its client asked for.
    fn every_local(&self, ours: bool) -> Option<SocketAddr> {
        if !ours {
            return None;
        }
        let Self::Tcp(listener) = self else {
            return None;
        };
        let local = listener.local_addr().ok()?;
        (!local.ip().is_unspecified()).then_some(local)
    }

    /// Closes it, after who waits there was accepted: Linux has one more in its queue than was asked for.
    fn queued(self, backlog: u32) -> VecDeque<Accepted> {
        let mut waiting = VecDeque::new();
        for _ in 0..=backlog {
            match self.accept_now() {
                Ok(io) => waiting.push_back(io),
                Err(error) if is_of_one_connection(&error) => {}
                Err(_) => break,
            }
        }
        waiting
    }

    /// A connection, if one waits.
    fn accept_now(&self) -> io::Result<Accepted> {
        let socket = match self {
            Self::Tcp(listener) => SockRef::from(listener),
            Self::Unix(listener) => SockRef::from(listener),
        };
        let (io, peer) = socket.accept()?;
        io.set_nonblocking(true)?;
        Ok(match self {
            Self::Tcp(_) => {
                // One that has gone may have no address any more.
                let peer = peer.as_socket().ok_or(io::ErrorKind::ConnectionAborted)?;
                Accepted::Tcp(TcpStream::from_std(io.into())?, peer)
            }
            Self::Unix(_) => Accepted::Unix(UnixStream::from_std(io.into())?),
        })
    }
}

/// A connection, and whence it comes.
enum Accepted {
    Tcp(TcpStream, SocketAddr),
    Unix(UnixStream),
}

/// What becomes of a connection.
pub(in crate::gateway) trait Admit: Send {
    fn admit<T: Wire>(&mut self, io: T, connection: Connection, slot: Slot, options: &Options);
}

impl Acceptor {
    pub(in crate::gateway) fn new(
        listener: Arc<Listener>,
        runtime: &Handle,
        give_way: Option<GiveWay>,
    ) -> Result<Self, Error> {
        let _in = runtime.enter();
        let socket = match &listener.socket {
            Inherited::Tcp(socket) => socket
                .try_clone()
                .and_then(TcpListener::from_std)
                .map(Socket::Tcp),
            Inherited::Unix(socket) => socket
                .try_clone()
                .and_then(UnixListener::from_std)
                .map(Socket::Unix),
        };
        let socket = socket.map_err(|error| Error::bind(&listener.address, error))?;
        Ok(Self {
            local: socket.every_local(listener.ours),
            socket,
            listener,
            give_way,
        })
    }

    /// Accepts connections and admits each with a slot of its own, until the server is to end.
    pub(in crate::gateway) async fn accept(
        self,
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
            return;
        }
        // Whom the kernel has let in would be reset, perhaps with a request under way. The socket itself knows who that is, whatever
        // the runtime has heard of it.
        let backlog = self.listener.address.options.backlog;
        let waiting = self.socket.queued(backlog);
        // They have come in time; whoever comes now is refused, and does not wait for what may not come.
        let (local, options) = (self.local, self.listener.address.options.clone());
        drop(self.listener);
        let mut full = false;
        for io in waiting {
            let Some(slot) = slots.take(&mut full).await else {
                return;
            };
            hand_over(io, slot, &mut admit, local, &options);
        }
    }

    async fn accept_all(&self, slots: &Slots, admit: &mut impl Admit) {
        let mut failing = false;
        let mut full = false;
        while let Some(slot) = slots.take(&mut full).await {
            let next = match &self.give_way {
                None => self.next(slots, Some(slot)).await,
                Some(give_way) => self.next_in_turn(slots, slot, give_way).await,
            };
            match next {
                None => {}
                Some(Ok((io, slot))) => {
                    failing = false;
                    self.admit(io, slot, admit);
                }
                Some(Err(error)) if is_of_one_connection(&error) => {}
                Some(Err(error)) => {
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

    /// As [`next`](Self::next), and after other processes where they should have the connection.
    async fn next_in_turn(
        &self,
        slots: &Slots,
        slot: Slot,
        give_way: &GiveWay,
    ) -> Option<io::Result<(Accepted, Slot)>> {
        let mut slot = Some(slot);
        loop {
            if give_way(slots.counters().stats().open) {
                tokio::time::sleep(COURTESY).await;
            }
            // Whoever is there still the others did not want.
            let mut next = pin!(self.next(slots, slot.take()));
            match poll_fn(|cx| Poll::Ready(next.as_mut().poll(cx))).await {
                Poll::Ready(next) => return next,
                // Somebody has come when this is woken, and it may be another's turn.
                Poll::Pending => woken().await,
            }
        }
    }

    /// The next connection and a place for it; none if all places are taken meanwhile.
    ///
    /// Nobody keeps a place who waits for a connection: with few of them, those that come to other sockets would find
    /// them taken.
    async fn next(
        &self,
        slots: &Slots,
        mut slot: Option<Slot>,
    ) -> Option<io::Result<(Accepted, Slot)>> {
        poll_fn(|cx| {
            let Some(slot) = slot.take().or_else(|| slots.try_take()) else {
                return Poll::Ready(None);
            };
            self.poll_accept(cx)
                .map(|accepted| Some(accepted.map(|io| (io, slot))))
        })
        .await
    }

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<Accepted>> {
        match &self.socket {
            Socket::Tcp(listener) => listener
                .poll_accept(cx)
                .map_ok(|(stream, peer)| Accepted::Tcp(stream, peer)),
            Socket::Unix(listener) => listener
                .poll_accept(cx)
                .map_ok(|(stream, _)| Accepted::Unix(stream)),
        }
    }

    fn admit(&self, io: Accepted, slot: Slot, admit: &mut impl Admit) {
        hand_over(io, slot, admit, self.local, &self.listener.address.options);
    }
}

/// Gives a connection to who serves it.
fn hand_over(
    io: Accepted,
    mut slot: Slot,
    admit: &mut impl Admit,
    local: Option<SocketAddr>,
    options: &Options,
) {
    slot.taken();
    match io {
        Accepted::Tcp(stream, peer) => {
            let local = local.or_else(|| stream.local_addr().ok());
            let connection = Connection::new(local, Some(peer), Scheme::Http);
            admit.admit(stream, connection, slot, options);
        }
        Accepted::Unix(stream) => {
            let connection = Connection::new(None, None, Scheme::Http);
            admit.admit(stream, connection, slot, options);
        }
    }
}

/// Waits for the task to be woken, by whatever was polled before.
async fn woken() {
    let mut was_polled = false;
    poll_fn(|_| {
        if std::mem::replace(&mut was_polled, true) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
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
    use std::os::fd::AsRawFd as _;

    use super::*;
    use crate::gateway::address::Address;

    async fn known(address: impl Into<Address>) -> Option<SocketAddr> {
        let listener = Listener::bind(&address.into()).await.unwrap().remove(0);
        let acceptor = Acceptor::new(Arc::new(listener), &Handle::current(), None);
        acceptor.unwrap().local
    }

    #[tokio::test]
    async fn a_connection_is_asked_for_its_address_where_that_of_the_listener_may_be_another() {
        assert!(known("127.0.0.1:0").await.is_some());
        assert!(known("0.0.0.0:0").await.is_none());
        let bound = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let inherited = format!("fd:{}", bound.as_raw_fd());
        assert!(known(inherited.as_str()).await.is_none());
    }

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
