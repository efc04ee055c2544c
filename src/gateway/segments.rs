//! Whole segments of an answer whose next piece is there already.

use std::any::Any;

use socket2::SockRef;
use tokio::net::TcpStream;

/// After how many pieces in a row another is expected.
///
/// The first goes at once with the head, and who has but one at a time is spared a system call more for each.
const ROW: u8 = 2;

/// What is written of an answer between two of its pieces.
///
/// A piece is hardly ever a multiple of what a segment takes: of a chunk of 64 KiB the loopback device makes one of 65,483 bytes and
/// one of 62. The second costs the kernel as much as the first, wakes the client once more, and where the congestion control
/// paces (BBR) it has a timer set. So the rest of a piece is written with the next piece, if that is to be had at once: as `TCP_CORK`
/// has it (nginx: `tcp_nopush`), without its system calls, and before the rest is in the kernel's queue. It never waits for the application.
#[derive(Debug, Default)]
pub(super) struct Segments {
    row: u8,
    /// What a segment takes; 0 if that is not known.
    size: usize,
}

/// How much is to be written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Now {
    All,
    /// At least one.
    Bytes(usize),
    /// The body is asked for more first, by the task that has been woken.
    Nothing,
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

    /// Nothing is there to follow what was written.
    #[inline]
    pub(super) fn rest(&mut self) {
        self.row = 0;
        self.size = 0;
    }

    /// Of so many bytes behind which the body is asked for more; `woken` if by a task that has been woken to do so.
    #[inline]
    pub(super) fn now(&self, len: usize, woken: bool) -> Now {
        match len.checked_rem(self.size) {
            None | Some(0) => Now::All,
            Some(rest) if rest < len => Now::Bytes(len - rest),
            Some(_) if woken => Now::Nothing,
            Some(_) => Now::All,
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

    #[test]
    fn the_rest_of_a_segment_waits_for_what_is_there() {
        let segments = Segments {
            row: ROW,
            size: 1000,
        };
        assert_eq!(segments.now(999, false), Now::All);
        assert_eq!(segments.now(999, true), Now::Nothing);
        assert_eq!(segments.now(1000, true), Now::All);
        assert_eq!(segments.now(2001, false), Now::Bytes(2000));
        assert_eq!(Segments::default().now(999, true), Now::All);
    }
}
