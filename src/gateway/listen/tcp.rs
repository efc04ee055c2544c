//! TCP sockets to listen on.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, ToSocketAddrs as _};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

use super::super::address::{Options, name_and_port};

/// As many sockets as accept there, all bound to the same port.
pub(super) fn bind(address: SocketAddr, options: &Options) -> io::Result<Vec<TcpListener>> {
    let first = match bind_one(address, options) {
        // A machine without IPv6 has no `[::]`, but what is meant by it.
        Err(error) if is_unsupported(&error) && means_all(address, options) => {
            bind_one((Ipv4Addr::UNSPECIFIED, address.port()).into(), options)?
        }
        first => first?,
    };
    let taken = first.local_addr()?;
    let mut all = vec![first];
    for _ in 1..options.acceptors {
        all.push(bind_one(taken, options)?);
    }
    Ok(all)
}

/// The first address of a name that can be bound.
pub(super) async fn bind_name(text: &str, options: &Options) -> io::Result<Vec<TcpListener>> {
    let mut failed = None;
    for address in tokio::net::lookup_host(named(text)?).await? {
        match bind(address, options) {
            Ok(listeners) => return Ok(listeners),
            Err(error) => failed = Some(error),
        }
    }
    Err(failed.unwrap_or_else(no_address))
}

/// Whether a name has an address; it blocks.
pub(super) fn look(text: &str) -> io::Result<()> {
    let first = named(text)?.to_socket_addrs()?.next();
    first.map(drop).ok_or_else(no_address)
}

fn named(text: &str) -> io::Result<(&str, u16)> {
    name_and_port(text).map_err(|problem| io::Error::new(io::ErrorKind::InvalidInput, problem))
}

fn no_address() -> io::Error {
    io::Error::other("the name has no address")
}

fn means_all(address: SocketAddr, options: &Options) -> bool {
    address.is_ipv6() && address.ip().is_unspecified() && !options.v6only
}

fn is_unsupported(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error())
}

fn bind_one(address: SocketAddr, options: &Options) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // Else connections of a server just ended keep the address for a minute.
    socket.set_reuse_address(true)?;
    if options.acceptors > 1 {
        socket.set_reuse_port(true)?;
    }
    if address.is_ipv6() {
        socket.set_only_v6(options.v6only)?;
    }
    socket.bind(&address.into())?;
    socket.listen(options.backlog.try_into().unwrap_or(i32::MAX))?;
    let listener = socket.into();
    tune(&listener, options);
    Ok(listener)
}

/// Sets what the connections inherit from the socket that accepts them.
///
/// These are options, not needs: who does not have them serves all the same.
pub(super) fn tune(listener: &TcpListener, options: &Options) {
    let socket = SockRef::from(listener);
    socket.set_tcp_nodelay(options.nodelay).ok();
    match options.keepalive {
        Some(after) => {
            let between = (after / 4).max(Duration::from_secs(1));
            let keepalive = TcpKeepalive::new()
                .with_time(after.max(Duration::from_secs(1)))
                .with_interval(between)
                .with_retries(3);
            socket.set_tcp_keepalive(&keepalive).ok();
        }
        None => drop(socket.set_keepalive(false)),
    }
    bound_unsent(&socket);
}

/// How much of an answer the kernel takes that it cannot send yet.
///
/// Without a bound it takes megabytes of an answer that nobody reads, of memory that all sockets of the machine share: two
/// thousand slow readers use it up, and everybody's connections stand still. Half of it is 128 KiB, what is written
/// in one turn.
#[cfg(any(target_os = "android", target_os = "linux"))]
fn bound_unsent(socket: &Socket) {
    const UNSENT: u32 = 256 * 1024;
    socket.set_tcp_notsent_lowat(UNSENT).ok();
}

#[cfg(not(any(target_os = "android", target_os = "linux")))]
fn bound_unsent(_: &Socket) {}
