//! A Unix socket whose end can be told from a cut.
//!
//! To close a TCP connection with a reset is an option of the socket; a Unix socket has none, and who reads from it sees an end whatever happened.
//! But where the one who closes has left something unread, the other is told of a reset (`ECONNRESET`), as over TCP. So of what has come
//! the last byte is left with the kernel, though it was read, until all was said that there was to say.
//!
//! It takes room in the kernel along with all that it was sent with, for want of which the other side may wait to send more. So where more is to come it
//! is taken as well, as soon as there is nothing else.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{RecvFlags, recv};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::UnixStream;

/// A Unix socket that is reset unless it was shut down before it is closed.
#[derive(Debug)]
pub(in crate::gateway) struct Held {
    io: UnixStream,
    /// Whether the next byte of the kernel's was read already.
    holds: bool,
    /// Whether more is to come.
    more: bool,
    /// Whether all was said.
    released: bool,
}

/// How much is read at once.
const READ: usize = 16 * 1024;

impl Held {
    pub(in crate::gateway) const fn new(io: UnixStream) -> Self {
        Self {
            io,
            holds: false,
            more: true,
            released: false,
        }
    }

    /// Says whether more is to come.
    pub(in crate::gateway) const fn expect(&mut self, more: bool) {
        self.more = more;
    }

    /// Takes the byte that was left.
    fn release(&mut self) {
        self.released = true;
        take(&self.io, &mut self.holds);
    }
}

/// Takes the byte that was left, if one was.
fn take(io: &UnixStream, holds: &mut bool) {
    if std::mem::take(holds) {
        // There it is, so that this neither waits nor fails.
        recv(io, &mut [0], RecvFlags::DONTWAIT).ok();
    }
}

/// Reads what is new, and leaves the last byte of it; `holds` is whether one was left before.
fn read(io: &UnixStream, holds: &mut bool, more: bool, buf: &mut ReadBuf<'_>) -> io::Result<()> {
    let mut bytes = [0; READ];
    let known = usize::from(*holds);
    let most = READ.min(buf.remaining().saturating_add(known));
    let room = bytes.get_mut(..most).unwrap_or_default();
    let (seen, _) = recv(io, room, RecvFlags::PEEK | RecvFlags::DONTWAIT)?;
    if seen == 0 {
        return Ok(());
    }
    let fresh = bytes.get(known..seen).unwrap_or_default();
    if fresh.is_empty() {
        if more {
            take(io, holds);
        }
        return if is_closed(io)? {
            Ok(())
        } else {
            Err(io::ErrorKind::WouldBlock.into())
        };
    }
    buf.put_slice(fresh);
    let mut left = seen - 1;
    while left > 0 {
        let again = bytes.get_mut(..left).unwrap_or_default();
        left -= recv(io, again, RecvFlags::DONTWAIT)?.0;
    }
    *holds = true;
    Ok(())
}

/// Whether the other side says nothing more; the byte that is left hides it.
fn is_closed(io: &UnixStream) -> io::Result<bool> {
    let mut fds = [PollFd::new(io, PollFlags::RDHUP)];
    poll(&mut fds, Some(&Timespec::default()))?;
    let closed = PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR;
    Ok(fds.iter().any(|fd| fd.revents().intersects(closed)))
}

impl AsyncRead for Held {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.released {
            return Pin::new(&mut self.io).poll_read(cx, buf);
        }
        loop {
            ready!(self.io.poll_read_ready(cx))?;
            let Self {
                io, holds, more, ..
            } = &mut *self;
            // What it is told here of an event that is over tokio forgets, and of no other.
            match io.try_io(Interest::READABLE, || read(io, holds, *more, buf)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
    }
}

impl AsyncWrite for Held {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.release();
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
