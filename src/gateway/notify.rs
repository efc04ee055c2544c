//! What a service manager is told, by the protocol of systemd (`sd_notify(3)`).
//!
//! A [`Server`](super::Server) tells it by itself; this is for processes that serve by [others](super::Sockets).

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use socket2::{Domain, SockAddr, Socket, Type};
use tracing::warn;

/// Tells the service manager, if there is one that wants to know: `NOTIFY_SOCKET` says so.
pub fn tell(state: &str) {
    if let Some(path) = std::env::var_os("NOTIFY_SOCKET")
        && let Err(error) = send(path, state.as_bytes())
    {
        let error: &(dyn std::error::Error + 'static) = &error;
        warn!(error, state, "cannot tell the service manager");
    }
}

/// That the configuration is being loaded anew; ready is to follow.
pub fn reloading() {
    let now = clock_gettime(ClockId::Monotonic);
    let micros = i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1000;
    tell(&format!("RELOADING=1\nMONOTONIC_USEC={micros}"));
}

fn send(path: OsString, state: &[u8]) -> io::Result<()> {
    let mut path = path.into_vec();
    // A name of the abstract namespace.
    if let Some(first) = path.first_mut().filter(|first| **first == b'@') {
        *first = 0;
    }
    let socket = Socket::new(Domain::UNIX, Type::DGRAM, None)?;
    // A manager that is behind is no reason to stand still.
    socket.set_nonblocking(true)?;
    let path = SockAddr::unix(std::ffi::OsStr::from_bytes(&path))?;
    socket.send_to(state, &path).map(drop)
}

/// How often the service manager wants a sign of life, if it does: twice in the time after which it gives the process up.
pub fn watchdog() -> Option<Duration> {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let micros = number("WATCHDOG_USEC").filter(|&micros| micros > 0)?;
    std::env::var_os("NOTIFY_SOCKET")?;
    let ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
    ours.then(|| Duration::from_micros(micros) / 2)
}
