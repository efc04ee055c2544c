//! Binding addresses, and accepting connections without end.

mod accept;
mod accounts;
pub(super) mod inherited;
mod tcp;
mod unix;
mod who;

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::atomic::{AtomicU32, Ordering};

use socket2::SockRef;

pub(super) use self::accept::{Acceptor, Admit, GiveWay};
use self::inherited::{Heir, Inherited};
use self::unix::SocketFile;
use super::address::{Address, Place};
use crate::Error;

/// Whether an address could be bound, as far as that shows without doing so.
pub(super) fn look(address: &Address) -> io::Result<()> {
    match &address.place {
        Place::Fd(number) => inherited::look(*number),
        Place::Name(text) => tcp::look(text),
        Place::Unix(path) => unix::look(path, &address.options),
        Place::Abstract(_) | Place::Mistake(..) | Place::Socket(_) | Place::Systemd(_) => Ok(()),
    }
}

/// How often this process has bound an address.
static GROUPS: AtomicU32 = AtomicU32::new(0);

/// A socket that listens.
#[derive(Debug)]
pub(super) struct Listener {
    /// Of no runtime yet: each that accepts here has a descriptor of its own.
    socket: Inherited,
    file: Option<SocketFile>,
    /// As it was asked for, with the protocol, for what is spoken at another's socket is not understood, and without options, which
    /// may be others in a new version.
    asked: String,
    /// What tells it from those of the same address that were bound at another time.
    group: u32,
    /// Whether it was bound by this process, or by one that it succeeds.
    ours: bool,
    /// What was bound, with the port that was taken.
    address: Address,
}

impl Listener {
    /// Binds `address`, or takes over what was bound there already: one socket, or as many as are to accept.
    pub(super) async fn bind(address: &Address) -> Result<Vec<Self>, Error> {
        address.check()?;
        let listeners = match Self::inherit(address) {
            Ok(listeners) if listeners.is_empty() => Self::bind_anew(address).await,
            listeners => listeners,
        };
        let mut listeners =
            listeners.map_err(|error| Error::bind(address, who::named(error, address)))?;
        let group = GROUPS.fetch_add(1, Ordering::Relaxed);
        for listener in &mut listeners {
            listener.group = group;
        }
        Ok(listeners)
    }

    /// What a predecessor of this process had bound there, or its supervisor has: all of it, though fewer are to accept, since in the
    /// queue of each there may be clients.
    fn inherit(address: &Address) -> io::Result<Vec<Self>> {
        let asked = address.name();
        let mut listeners = Vec::new();
        // The file of a socket that others accept from is the supervisor's to remove.
        let mut group = None;
        while let Some(socket) = inherited::from_ours(&asked, Heir::Worker, &mut group)? {
            listeners.push(Self::of(address, socket, None)?);
        }
        while let Some(socket) = inherited::from_ours(&asked, Heir::Successor, &mut group)? {
            match address.path().map(SocketFile::new).transpose() {
                Ok(file) => {
                    if let Some(file) = &file {
                        file.take_over(&address.options)?;
                    }
                    listeners.push(Self::of(address, socket, file)?);
                }
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
        let asked = address.name();
        let ours = !matches!(address.place, Place::Fd(_) | Place::Systemd(_));
        let mut address = address.clone();
        match &socket {
            Inherited::Tcp(listener) => {
                listener.set_nonblocking(true)?;
                tcp::tune(listener, &address.options);
                address.place = Place::Socket(listener.local_addr()?);
            }
            Inherited::Unix(listener) => {
                listener.set_nonblocking(true)?;
                if let Some(path) = SockRef::from(listener).local_addr()?.as_pathname() {
                    address.place = Place::Unix(path.to_owned());
                }
            }
        }
        Ok(Self {
            socket,
            file,
            asked,
            group: 0,
            ours,
            address,
        })
    }

    /// What was bound, with the port that was taken.
    pub(super) const fn address(&self) -> &Address {
        &self.address
    }

    /// Whether it was bound at this address, or taken over.
    #[cfg(feature = "tls")]
    pub(super) fn is_of(&self, address: &Address) -> bool {
        self.asked == address.name()
    }

    /// Has the socket's file, as this process serves.
    pub(super) fn own_file(&self) {
        if let Some(file) = &self.file {
            file.own();
        }
    }

    /// Leaves the socket's file to another process.
    pub(super) fn keep_file(&self) {
        if let Some(file) = &self.file {
            file.keep();
        }
    }

    /// Another descriptor of the socket, and the name to pass it by.
    pub(super) fn share(&self, heir: Heir) -> io::Result<(String, OwnedFd)> {
        let fd = match &self.socket {
            Inherited::Tcp(listener) => listener.as_fd(),
            Inherited::Unix(listener) => listener.as_fd(),
        };
        Ok((
            inherited::name_in(&self.asked, heir, self.group),
            fd.try_clone_to_owned()?,
        ))
    }
}
