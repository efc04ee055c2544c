//! Sockets that this process was started with.
//!
//! They come by the protocol of systemd (`sd_listen_fds(3)`): `LISTEN_FDS` says how many there are from descriptor 3
//! on, `LISTEN_PID` for whom if it is set, and `LISTEN_FDNAMES` what they are called. A
//! [predecessor](super::super::successor) passes its own the same way, under names that no service manager gives.

use std::io;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use listenfd::ListenFd;
use socket2::SockRef;

/// A socket that listens already.
#[derive(Debug)]
pub(in crate::gateway) enum Inherited {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// What was passed, each to be taken once.
struct Passed {
    fds: Vec<Option<Held>>,
    names: Vec<String>,
}

/// What was passed is held, whoever takes it, so that no process has it that this one starts.
///
/// All but what is no socket: nothing that is safe takes a FIFO or a file by its number, which children have as well then.
enum Held {
    Socket(Inherited),
    Udp(#[expect(dead_code, reason = "it is held")] UdpSocket),
    Datagram(#[expect(dead_code, reason = "it is held")] UnixDatagram),
    /// No socket of these kinds.
    Other,
}

impl Held {
    fn of(fds: &mut ListenFd, index: usize) -> Self {
        // Which kind it is shows when it is taken.
        if let Ok(Some(socket)) = fds.take_tcp_listener(index) {
            return Self::Socket(Inherited::Tcp(socket));
        }
        if let Ok(Some(socket)) = fds.take_unix_listener(index) {
            return Self::Socket(Inherited::Unix(socket));
        }
        if let Ok(Some(socket)) = fds.take_udp_socket(index) {
            return Self::Udp(socket);
        }
        match fds.take_unix_datagram(index) {
            Ok(Some(socket)) => Self::Datagram(socket),
            _ => Self::Other,
        }
    }
}

/// What this process was passed; the environment is read once, and cleared so that its children do not believe it to be
/// for them.
static PASSED: LazyLock<Mutex<Passed>> = LazyLock::new(|| {
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut fds = ListenFd::from_env();
    Mutex::new(Passed {
        fds: (0..fds.len())
            .map(|index| Some(Held::of(&mut fds, index)))
            .collect(),
        names: names.split(':').map(str::to_owned).collect(),
    })
});

/// Reads what was passed, if that was not done yet.
pub(in crate::gateway) fn begin() {
    LazyLock::force(&PASSED);
}

fn passed() -> MutexGuard<'static, Passed> {
    PASSED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How the name of a predecessor's socket begins.
const OURS: &str = "gopuram/";

/// How the name of a supervisor's socket begins, which other processes accept from as well.
const SHARED: &str = "gopuram-shared/";

/// What is between the address and the number of the group.
const GROUP: char = '+';

/// The name under which one of the sockets of a group is passed.
pub(in crate::gateway) fn name_in(address: &str, heir: Heir, group: u32) -> String {
    format!("{}{GROUP}{group}", name(address, heir))
}

/// The first descriptor that is passed.
pub(in crate::gateway) const FIRST: u32 = 3;

/// For whom a socket is passed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::gateway) enum Heir {
    /// Who takes it over, with its file.
    Successor,
    /// One of several that accept from it.
    Worker,
}

/// The name under which what was bound at `address` is passed.
fn name(address: &str, heir: Heir) -> String {
    // Names are joined by colons, and have no control characters.
    let mut name = match heir {
        Heir::Successor => OURS.to_owned(),
        Heir::Worker => SHARED.to_owned(),
    };
    for byte in address.bytes() {
        match byte {
            b':' | b'%' | b'+' | 0..=b' ' | 0x7f.. => {
                name.extend(['%', hex(byte >> 4), hex(byte & 0xf)]);
            }
            _ => name.push(byte.into()),
        }
    }
    name
}

fn hex(digit: u8) -> char {
    char::from_digit(digit.into(), 16).unwrap_or_default()
}

/// The name under which it passes the channel that it waits at.
pub(in crate::gateway) const CHANNEL: &str = "gopuram-ready";

impl Passed {
    fn name(&self, index: usize) -> &str {
        self.names.get(index).map_or("", String::as_str)
    }

    /// Closes what has such a name, whatever it is.
    fn close(&mut self, unwanted: impl Fn(&str) -> bool) {
        for (index, held) in self.fds.iter_mut().enumerate() {
            let name = self.names.get(index).map_or("", String::as_str);
            if unwanted(name) {
                *held = None;
            }
        }
    }

    fn take(&mut self, index: usize) -> io::Result<Option<Inherited>> {
        let Some(held) = self.fds.get_mut(index) else {
            return Ok(None);
        };
        match held.take() {
            None => Ok(None),
            Some(Held::Socket(socket)) => listening(socket).map(Some),
            other => {
                *held = other;
                Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    format!(
                        "the descriptor {} is not a socket of TCP or Unix",
                        FIRST as usize + index
                    ),
                ))
            }
        }
    }
}

/// The first socket not taken yet for which `wanted` says so, by its name.
fn take_where(wanted: impl Fn(&str) -> bool) -> io::Result<Option<Inherited>> {
    let mut passed = passed();
    for index in 0..passed.fds.len() {
        if wanted(passed.name(index))
            && let Some(taken) = passed.take(index)?
        {
            return Ok(Some(taken));
        }
    }
    Ok(None)
}

/// What a predecessor or a supervisor had bound at `address`, if there was one; of the same group, once it is known.
///
/// An address may be bound twice, as `systemd:` and port 0 are, and be several sockets each time.
pub(super) fn from_ours(
    address: &str,
    heir: Heir,
    group: &mut Option<u32>,
) -> io::Result<Option<Inherited>> {
    let wanted = name(address, heir);
    let of = |name: &str| {
        name.strip_prefix(&wanted)?
            .strip_prefix(GROUP)?
            .parse()
            .ok()
    };
    let mut passed = passed();
    for index in 0..passed.fds.len() {
        if let Some(found) = of(passed.name(index))
            && group.is_none_or(|group| group == found)
            && let Some(taken) = passed.take(index)?
        {
            *group = Some(found);
            return Ok(Some(taken));
        }
    }
    Ok(None)
}

/// Closes what the predecessor had bound and this process does not.
pub(in crate::gateway) fn close_the_rest() {
    passed().close(|name| name.starts_with(OURS));
}

/// Where the predecessor waits for this process to be ready.
pub(in crate::gateway) fn channel() -> Option<UnixStream> {
    let mut passed = passed();
    let index = (0..passed.fds.len()).find(|&index| passed.name(index) == CHANNEL)?;
    // Of the kinds that can be taken this is one more Unix socket.
    match passed.fds.get_mut(index)?.take()? {
        Held::Socket(Inherited::Unix(channel)) => Some(OwnedFd::from(channel).into()),
        _ => None,
    }
}

/// The socket of that name which a service manager passed, or the first without a name asked for.
pub(super) fn from_manager(wanted: &str) -> io::Result<Inherited> {
    let ours = |name: &str| name.starts_with(OURS) || name.starts_with(SHARED) || name == CHANNEL;
    take_where(|name| if wanted.is_empty() { !ours(name) } else { name == wanted })?
        .ok_or_else(|| {
            let passed = passed();
            let names = passed.names.iter().filter(|name| !ours(name) && !name.is_empty());
            let names: Vec<_> = names.map(|name| format!("`systemd:{name}`")).collect();
            let problem = if passed.fds.is_empty() {
                "no socket was passed to this process; it is for a service with a unit `.socket`, or what \
                 `systemd-socket-activate` starts".to_owned()
            } else if wanted.is_empty() || names.is_empty() {
                format!("fewer sockets were passed: {}", passed.fds.len())
            } else {
                format!("no such socket was passed, or it was taken; there is {}", names.join(", "))
            };
            io::Error::new(io::ErrorKind::InvalidInput, problem)
        })
}

/// The socket that is descriptor `number`.
pub(in crate::gateway) fn from_number(number: u32) -> io::Result<Inherited> {
    if let Some(index) = number.checked_sub(FIRST)
        && let Some(taken) = passed().take(index as usize)?
    {
        return Ok(taken);
    }
    shared(number)
}

/// Whether descriptor `number` is a socket that listens; it is left where it is.
pub(super) fn look(number: u32) -> io::Result<()> {
    match shared(number) {
        // What was passed is there, though the kernel cannot be asked.
        Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(()),
        looked => looked.map(drop),
    }
}

/// Another descriptor of the socket that is descriptor `number`.
fn shared(number: u32) -> io::Result<Inherited> {
    let fd = by_kernel(number)?;
    if let Ok(listener) = kind_of(&fd) {
        return listening(listener(fd));
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        "the descriptor is not a socket of TCP or Unix",
    ))
}

/// What makes a listener of such a descriptor.
fn kind_of(fd: impl AsFd) -> io::Result<fn(OwnedFd) -> Inherited> {
    let address = SockRef::from(&fd).local_addr()?;
    if address.is_unix() {
        Ok(|fd| Inherited::Unix(fd.into()))
    } else if address.as_socket().is_some() {
        Ok(|fd| Inherited::Tcp(fd.into()))
    } else {
        Err(io::ErrorKind::InvalidInput.into())
    }
}

/// Another descriptor of what `number` stands for in this process, which is asked of the kernel: nothing else that is
/// safe tells whether it is one at all.
#[cfg(target_os = "linux")]
fn by_kernel(number: u32) -> io::Result<OwnedFd> {
    use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};

    let number = number.try_into().map_err(|_| io::ErrorKind::InvalidInput)?;
    let this = pidfd_open(getpid(), PidfdFlags::empty())?;
    Ok(pidfd_getfd(this, number, PidfdGetfdFlags::empty())?)
}

#[cfg(not(target_os = "linux"))]
fn by_kernel(_: u32) -> io::Result<OwnedFd> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "the descriptor is not one of those that `LISTEN_FDS` counts",
    ))
}

/// Sees that a socket listens: on one that does not every attempt to accept would fail.
fn listening(inherited: Inherited) -> io::Result<Inherited> {
    let listens = match &inherited {
        Inherited::Tcp(listener) => SockRef::from(listener).is_listener()?,
        Inherited::Unix(listener) => SockRef::from(listener).is_listener()?,
    };
    if listens {
        Ok(inherited)
    } else {
        Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the socket does not listen",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_a_predecessor_is_closed_though_some_be_no_listener() {
        let bound = || TcpListener::bind("127.0.0.1:0").unwrap();
        let (left, kept) = (bound(), bound());
        let address = left.local_addr().unwrap();
        let socket = |socket| Some(Held::Socket(Inherited::Tcp(socket)));
        let names = ["gopuram/a", "gopuram/b", "http"].map(str::to_owned);
        let mut passed = Passed {
            fds: vec![Some(Held::Other), socket(left), socket(kept)],
            names: names.into(),
        };
        passed.close(|name| name.starts_with(OURS));
        assert!(passed.fds[1].is_none() && passed.fds[2].is_some());
        // The port is free again.
        TcpListener::bind(address).unwrap();
    }

    #[test]
    fn names_can_be_joined_by_colons() {
        let name = |address| name(address, Heir::Successor);
        assert_eq!(name("[::1]:80"), "gopuram/[%3a%3a1]%3a80");
        assert_eq!(name("unix:/a b%"), "gopuram/unix%3a/a%20b%25");
        // Else one would be taken for a group of another.
        assert_eq!(name("unix:/a+"), "gopuram/unix%3a/a%2b");
    }
}
