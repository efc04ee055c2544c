//! What waits to be written to a front server.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf as _, BytesMut};
use tokio::io::AsyncWrite;

use super::super::stats::Counters;
use super::connection::Gone;

/// What waits to be written.
#[derive(Debug, Default)]
pub(super) struct Out {
    pub(super) bytes: BytesMut,
    /// Whether something was written that may wait in the transport.
    unflushed: bool,
    /// How often the front server took something, and whether it takes no more now.
    writes: usize,
    blocked: bool,
}

/// How much may wait before no more is asked for.
const MOST: usize = 64 * 1024;

impl Out {
    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() >= MOST
    }

    /// Whether so much waits that nothing more is to be read that the protocol may answer by itself.
    ///
    /// It is more than what answers fill, which go on while a body comes: one who sends it whole before it reads is read.
    pub(super) fn is_over(&self) -> bool {
        self.bytes.len() >= 4 * MOST
    }

    /// Whether all was written.
    pub(super) fn is_done(&self) -> bool {
        self.bytes.is_empty() && !self.unflushed
    }

    /// The number of the wait for the front server to read, if it is waited for.
    pub(super) fn waits(&self) -> Option<usize> {
        self.blocked.then_some(self.writes)
    }

    /// Writes what waits; whether any of it was taken.
    pub(super) fn write<T: AsyncWrite + Unpin>(
        &mut self,
        io: &mut T,
        counters: &Counters,
        cx: &mut Context<'_>,
    ) -> Result<bool, Gone> {
        let mut moved = false;
        while !self.bytes.is_empty() {
            match Pin::new(&mut *io).poll_write(cx, &self.bytes) {
                Poll::Pending => {
                    self.blocked = true;
                    return Ok(moved);
                }
                Poll::Ready(Ok(count)) if count > 0 => {
                    self.bytes.advance(count);
                    counters.bytes_out.add(count);
                    self.writes = self.writes.wrapping_add(1);
                    self.blocked = false;
                    self.unflushed = true;
                    moved = true;
                }
                Poll::Ready(_) => return Err(Gone),
            }
        }
        if self.unflushed {
            match Pin::new(io).poll_flush(cx) {
                Poll::Pending => self.blocked = true,
                Poll::Ready(Ok(())) => {
                    self.unflushed = false;
                    moved |= std::mem::take(&mut self.blocked);
                }
                Poll::Ready(Err(_)) => return Err(Gone),
            }
        }
        Ok(moved)
    }
}
