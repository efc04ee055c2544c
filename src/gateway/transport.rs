//! The transport of a connection, watched.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::framing::Framing;
use super::opening::Opening;
use super::pulse::Pulse;
use super::segments::Segments;
use super::settings::Settings;
use super::slots::Slot;
use super::stats::Counters;

/// A transport that tells the [pulse](Pulse) what passes, and closes without losing the last
/// answer.
///
/// It goes along when the connection is upgraded, and the place among the open
/// connections with it.
#[derive(Debug)]
pub(super) struct Transport<T> {
    io: T,
    pulse: Arc<Pulse>,
    opening: Opening,
    /// How much of the opening has been read again.
    again: usize,
    /// How long a head may be.
    head: usize,
    /// Of HTTP/1.
    framing: Option<Framing>,
    way_out: WayOut,
    segments: Segments,
    /// Of an interim answer, to be written before all else.
    interim: Option<Box<Bytes>>,
    ended: bool,
    shut: bool,
    counters: Arc<Counters>,
    _slot: Option<Slot>,
}

/// Whether the client takes what is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum WayOut {
    /// For all we know.
    Free,
    /// What was written waits in the transport.
    Flushing,
    /// No more can be written.
    Full,
}

impl<T: 'static> Transport<T> {
    pub(super) fn new(io: T, pulse: Arc<Pulse>, settings: &Settings, slot: Option<Slot>) -> Self {
        Self {
            io,
            pulse,
            opening: Opening::default(),
            again: 0,
            head: settings.limits.head as usize,
            framing: None,
            way_out: WayOut::Free,
            segments: Segments::default(),
            interim: None,
            ended: false,
            shut: false,
            counters: Arc::clone(&settings.counters),
            _slot: slot,
        }
    }

    /// The transport with what was read of it in front again.
    pub(super) fn rewound(mut self, opening: Opening) -> Self {
        self.opening = opening;
        self.again = 0;
        // A connection that was parked goes on counting.
        if !self.pulse.is_http2() && self.framing.is_none() {
            self.framing = Some(Framing::of_heads_within(self.head));
        }
        self
    }

    /// Follows what was read.
    ///
    /// # Errors
    ///
    /// If it is in doubt where a request ends, so that the parser may not have it.
    fn note(&mut self, fresh: &[u8]) -> io::Result<()> {
        if let Some(framing) = &mut self.framing
            && !self.pulse.is_detached()
        {
            framing.follow(fresh);
            self.pulse.read(
                framing.is_in_head(),
                framing.is_between(),
                framing.refused(),
            );
            if framing.is_broken() {
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
        Ok(())
    }

    /// How much of so many bytes is written now.
    #[inline]
    fn now(&self, len: usize) -> usize {
        if self.pulse.goes_on() || self.pulse.is_withheld() {
            self.segments.now(len)
        } else {
            len
        }
    }

    /// Whether the client is, for all we know, still sending what nobody will read.
    fn is_unread(&self) -> bool {
        // What comes after an upgrade is the application's to read.
        !self.ended
            && !self.pulse.is_detached()
            && self.framing.as_ref().is_some_and(|framing| {
                !framing.is_between() || framing.heads() > self.pulse.calls()
            })
    }

    fn wrote(
        &mut self,
        cx: &Context<'_>,
        result: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match result {
            Poll::Ready(ref taken) => {
                self.counters.bytes_out.add(*taken.as_ref().unwrap_or(&0));
                self.free(cx);
            }
            Poll::Pending => self.block(WayOut::Full),
        }
        result
    }

    /// What TLS has taken to write waits for the client as what it does not take.
    fn flushed(&mut self, cx: &Context<'_>, result: Poll<io::Result<()>>) -> Poll<io::Result<()>> {
        match result {
            Poll::Ready(_) if self.way_out == WayOut::Flushing => self.free(cx),
            Poll::Ready(_) => {}
            Poll::Pending => self.block(WayOut::Flushing),
        }
        result
    }

    /// hyper has asked a body that was withheld before it wrote, and will not ask again by itself.
    #[inline]
    fn free(&mut self, cx: &Context<'_>) {
        self.way_out = WayOut::Free;
        if self.pulse.unblock() {
            self.segments.piece(&self.io);
            cx.waker().wake_by_ref();
        }
    }

    fn block(&mut self, way_out: WayOut) {
        let before = std::mem::replace(&mut self.way_out, way_out);
        self.pulse.block(before == WayOut::Free);
    }
}

impl<T> Drop for Transport<T> {
    fn drop(&mut self) {
        self.pulse.end_connection();
    }
}

impl<T: AsyncRead + Unpin + 'static> Transport<T> {
    /// Reads what will be [read again](Self::rewound), and is followed then.
    pub(super) fn poll_opening(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.io).poll_read(cx, buf))?;
        self.ended |= buf.filled().is_empty();
        self.counters.bytes_in.add(buf.filled().len());
        Poll::Ready(Ok(()))
    }

    /// Reads and forgets until the client has sent all, as long as the connection's timer allows.
    fn poll_unread(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut bytes = [0; 4096];
        for _ in 0..16 {
            let mut buf = ReadBuf::new(&mut bytes);
            ready!(Pin::new(&mut self.io).poll_read(cx, &mut buf))?;
            self.counters.bytes_in.add(buf.filled().len());
            if buf.filled().is_empty() {
                self.ended = true;
                return Poll::Ready(Ok(()));
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<T: AsyncRead + Unpin + 'static> AsyncRead for Transport<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let me = &mut *self;
        let before = buf.filled().len();
        let again = me.opening.bytes().get(me.again..).unwrap_or_default();
        let known = again.len();
        if again.is_empty() {
            ready!(Pin::new(&mut me.io).poll_read(cx, buf))?;
        } else {
            let (now, _) = again.split_at(again.len().min(buf.remaining()));
            buf.put_slice(now);
            me.again += now.len();
            // With what follows in the same read: after a short one hyper would double its
            // buffer. Errors and the end come again.
            drop(Pin::new(&mut me.io).poll_read(cx, buf));
        }
        let fresh = buf.filled().get(before..).unwrap_or_default();
        me.ended |= fresh.is_empty();
        me.counters.bytes_in.add(fresh.len().saturating_sub(known));
        Poll::Ready(me.note(fresh))
    }
}

impl<T: AsyncWrite + Unpin + 'static> Transport<T> {
    /// Writes what there is of an interim answer.
    #[cold]
    fn poll_interim(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(hints) = &self.interim {
            let written = Pin::new(&mut self.io).poll_write(cx, hints);
            let written = ready!(self.wrote(cx, written))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.interim = self.interim.take().and_then(|mut hints| {
                hints.advance(written);
                hints.has_remaining().then_some(hints)
            });
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin + 'static> Transport<T> {
    /// Writes what is held and the first `now` bytes behind it, and keeps those after that; how many it has then.
    fn poll_segments(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
        now: usize,
    ) -> Poll<io::Result<usize>> {
        loop {
            let held = self.segments.held();
            let mut first = [io::IoSlice::new(&[]); PIECES];
            let count = cut(held, bufs, held.len() + now, &mut first);
            let first = first.get(..count).unwrap_or_default();
            let written = Pin::new(&mut self.io).poll_write_vectored(cx, first);
            let written = ready!(self.wrote(cx, written))?;
            let taken = self.segments.wrote(written);
            if taken == now {
                self.segments.hold(bufs, now);
            }
            let holds = !self.segments.held().is_empty();
            self.pulse.hold(holds);
            if taken == now {
                return Poll::Ready(Ok(bufs.iter().map(|buf| buf.len()).sum()));
            }
            if taken > 0 || written == 0 {
                return Poll::Ready(Ok(taken));
            }
        }
    }

    /// Writes what is held.
    #[inline]
    fn poll_held(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.segments.held().is_empty() {
            let written = Pin::new(&mut self.io).poll_write(cx, self.segments.held());
            let written = ready!(self.wrote(cx, written))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.segments.wrote(written);
            self.pulse.hold(!self.segments.held().is_empty());
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin + 'static> AsyncWrite for Transport<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let me = &mut *self;
        ready!(me.poll_held(cx))?;
        if me.interim.is_some() {
            ready!(me.poll_interim(cx))?;
        }
        let result = Pin::new(&mut me.io).poll_write(cx, buf);
        me.wrote(cx, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let me = &mut *self;
        if me.interim.is_some() {
            ready!(me.poll_interim(cx))?;
        }
        let len = bufs.iter().map(|buf| buf.len()).sum();
        let now = me.now(len);
        if now < len || !me.segments.held().is_empty() {
            return me.poll_segments(cx, bufs, now);
        }
        let io = Pin::new(&mut me.io);
        let mut small = [0; SMALL];
        let result = match gather(bufs, &mut small) {
            Some(len) => io.poll_write(cx, small.get(..len).unwrap_or_default()),
            None => io.poll_write_vectored(cx, bufs),
        };
        me.wrote(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let me = &mut *self;
        let is_waiting = me.pulse.interim.is_waiting();
        // Held for a body that is asked next, and for nothing else.
        if !me.pulse.goes_on() || is_waiting {
            ready!(me.poll_held(cx))?;
            me.segments.rest();
        }
        // hyper flushes when it has passed on all it had to write; what is in between answers goes now.
        if me.interim.is_some() {
            ready!(me.poll_interim(cx))?;
        }
        if is_waiting {
            me.interim = Some(Box::new(me.pulse.interim.take().into()));
            ready!(me.poll_interim(cx))?;
        }
        let result = Pin::new(&mut me.io).poll_flush(cx);
        me.flushed(cx, result)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let me = &mut *self;
        if !me.shut {
            ready!(me.poll_held(cx))?;
            let shut = Pin::new(&mut me.io).poll_shutdown(cx);
            ready!(me.flushed(cx, shut))?;
            me.shut = true;
        }
        if !me.is_unread() {
            return Poll::Ready(Ok(()));
        }
        me.pulse.linger();
        // An error here is the client's having gone, which is what was waited for.
        ready!(me.poll_unread(cx)).ok();
        me.ended = true;
        Poll::Ready(Ok(()))
    }
}

/// Up to how many bytes are copied together to be sent: `send` of one piece is a quarter of a
/// microsecond cheaper than `writev` of two.
const SMALL: usize = 512;

/// Up to how many pieces of memory are looked at for whole segments.
const PIECES: usize = 16;

/// The first `most` bytes of what is held and of all pieces, or less if there are too many of them; in how many they are.
fn cut<'a>(
    held: &'a [u8],
    bufs: &'a [io::IoSlice<'_>],
    most: usize,
    first: &mut [io::IoSlice<'a>; PIECES],
) -> usize {
    let mut left = most;
    let mut count = 0;
    let bufs = bufs.iter().map(|buf| &**buf);
    let held = Some(held).filter(|held| !held.is_empty());
    for (buf, place) in held.into_iter().chain(bufs).zip(first) {
        if left == 0 {
            break;
        }
        let len = buf.len().min(left);
        *place = io::IoSlice::new(buf.get(..len).unwrap_or_default());
        left -= len;
        count += 1;
    }
    count
}

/// Copies all pieces into `small` if they fit; how many bytes they are.
fn gather(bufs: &[io::IoSlice<'_>], small: &mut [u8; SMALL]) -> Option<usize> {
    let mut len = 0;
    for buf in bufs {
        small.get_mut(len..len + buf.len())?.copy_from_slice(buf);
        len += buf.len();
    }
    Some(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_pieces_are_gathered_and_large_ones_are_not() {
        let mut small = [0; SMALL];
        let pieces = [io::IoSlice::new(b"ab"), io::IoSlice::new(b"c")];
        assert_eq!(gather(&pieces, &mut small), Some(3));
        assert_eq!(&small[..3], b"abc");
        let large = [b'x'; SMALL];
        let pieces = [io::IoSlice::new(b"ab"), io::IoSlice::new(&large)];
        assert_eq!(gather(&pieces, &mut small), None);
    }
}
