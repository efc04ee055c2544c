//! Whole segments of an answer whose next piece is there already.

use std::any::Any;
use std::io::IoSlice;

use socket2::SockRef;
use tokio::net::TcpStream;

/// After how many pieces in a row another is expected.
///
/// The first goes at once with the head, and who has but one at a time is spared a system call more for each.
const ROW: u8 = 2;

/// How much is held back at most: what a body is long in giving, the end of the piece before does not wait for, but for a corner of it.
const REST: usize = 4096;

/// What is written of an answer between two of its pieces.
///
/// A piece is hardly ever a multiple of what a segment takes: of a chunk of 64 KiB the loopback device makes one of 65,483 bytes and
/// one of 62. The second costs the kernel as much as the first, wakes the client once more, and where the congestion control
/// paces (BBR) it has a timer set. So the rest of a piece is written with the next piece, if that is to be had at once: as `TCP_CORK`
/// has it (nginx: `tcp_nopush`), without its system calls, and before the rest is in the kernel's queue. It waits for as long as the body
/// is being asked, and no longer: if that has to wait, or fails, the rest goes first.
///
/// To hyper the rest is written, so that it lets go of the piece: of a client that does not read not even two are held.
#[derive(Debug, Default)]
pub(super) struct Segments {
    row: u8,
    /// What a segment takes; 0 if that is not known.
    size: usize,
    held: Vec<u8>,
}

impl Segments {
    /// Another piece was written, behind which the body is asked for more.
    #[inline]
    pub(super) fn piece<T: 'static>(&mut self, io: &T) {
        if self.row < ROW {
            self.row += 1;
            if self.row == ROW {
                self.size = size(io).unwrap_or_default();
            }
        }
    }

    /// Nothing is there to follow what was written, all of which has gone.
    #[inline]
    pub(super) fn rest(&mut self) {
        *self = Self::default();
    }

    /// Of so many bytes behind which the body is asked for more, how many go now, together with what is [held](Self::held).
    #[inline]
    pub(super) fn now(&self, len: usize) -> usize {
        match (self.held.len() + len).checked_rem(self.size) {
            Some(rest) if rest <= REST => {
                len.checked_sub(rest).filter(|&now| now > 0).unwrap_or(len)
            }
            _ => len,
        }
    }

    /// What goes before all else of the answer.
    #[inline]
    pub(super) fn held(&self) -> &[u8] {
        &self.held
    }

    /// So much was written of what is held, and of what is behind it the number that is returned.
    #[inline]
    pub(super) fn wrote(&mut self, len: usize) -> usize {
        let held = len.min(self.held.len());
        self.held.drain(..held);
        len - held
    }

    /// Keeps what comes after the first `now` bytes.
    pub(super) fn hold(&mut self, bufs: &[IoSlice<'_>], now: usize) {
        let len: usize = bufs.iter().map(|buf| buf.len()).sum();
        self.held.reserve_exact(len.saturating_sub(now));
        let mut before = now;
        for buf in bufs {
            let rest = buf.get(before.min(buf.len())..).unwrap_or_default();
            before = before.saturating_sub(buf.len());
            self.held.extend_from_slice(rest);
        }
    }
}

/// What a segment of a transport takes, if it is TCP.
fn size<T: 'static>(io: &T) -> Option<usize> {
    let io: &dyn Any = io;
    let socket = io.downcast_ref::<TcpStream>()?;
    let size = SockRef::from(socket).tcp_mss().ok()?;
    size.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_size(size: usize) -> Segments {
        Segments {
            row: ROW,
            size,
            held: Vec::new(),
        }
    }

    #[test]
    fn the_rest_of_a_segment_waits_for_what_is_there() {
        let segments = of_size(1000);
        assert_eq!(segments.now(999), 999);
        assert_eq!(segments.now(1000), 1000);
        assert_eq!(segments.now(2001), 2000);
        assert_eq!(Segments::default().now(2001), 2001);
        let segments = of_size(65_483);
        assert_eq!(segments.now(65_483 + REST), 65_483);
        assert_eq!(segments.now(65_483 + REST + 1), 65_483 + REST + 1);
    }

    #[test]
    fn what_is_held_goes_first_and_counts() {
        let mut segments = of_size(10);
        let bufs = [b"abcd".as_slice(), b"", b"efgh", b"ijkl"].map(IoSlice::new);
        assert_eq!(segments.now(12), 10);
        segments.hold(&bufs, 10);
        assert_eq!(segments.held(), b"kl");
        // With as much as a segment lacks.
        assert_eq!(segments.now(8), 8);
        assert_eq!(segments.now(9), 8);
        // No whole one.
        assert_eq!(segments.now(7), 7);
        assert_eq!(segments.wrote(1), 0);
        assert_eq!(segments.held(), b"l");
        assert_eq!(segments.wrote(4), 3);
        assert_eq!(segments.held(), b"");
    }
}
