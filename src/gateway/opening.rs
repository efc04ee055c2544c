//! The first bytes of a connection, which tell which HTTP it speaks.

use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

use super::transport::Transport;

/// With what a client says that it speaks HTTP/2 (RFC 9113, section 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What has been read to learn which HTTP it is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Opening {
    pub(super) bytes: [u8; PREFACE.len()],
    pub(super) len: usize,
    /// Whether it was agreed on to speak HTTP/2; if nothing was, the preface tells.
    pub(super) http2: Option<bool>,
}

impl Opening {
    /// Of a connection that is known to speak HTTP/1.
    pub(super) const fn http1() -> Self {
        Self {
            bytes: [0; PREFACE.len()],
            len: 0,
            http2: Some(false),
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// Whether the client has not said a thing, for the half of a blank line is none.
    pub(super) fn is_silent(&self) -> bool {
        matches!(self.bytes(), [] | b"\r")
    }

    /// Reads until it is known whether this is HTTP/2; `None` if the client has gone, or does not speak
    /// what was agreed on (RFC 9113, section 3.4).
    ///
    /// Any byte that is not of the preface makes it HTTP/1, so no client waits for another's turn.
    pub(super) fn poll_is_http2<T: AsyncRead + Unpin + 'static>(
        &mut self,
        transport: &mut Transport<T>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<bool>> {
        loop {
            let mut buf = ReadBuf::new(self.bytes.get_mut(self.len..).unwrap_or_default());
            if ready!(transport.poll_opening(cx, &mut buf)).is_err() {
                return Poll::Ready(None);
            }
            let fresh = buf.filled().len();
            if fresh == 0 {
                // A beginning of the preface and no more is nothing.
                return Poll::Ready(None);
            }
            self.len += fresh;
            if self.http2 == Some(false) {
                // Blank lines before a request are nothing (RFC 9112, section 2.2), for which hyper and its buffers are not
                // made: a line now and then would keep them for as long as the connection may be idle.
                let mut lines = self.bytes().chunks_exact(2);
                if lines.all(|line| line == b"\r\n") {
                    match lines.remainder() {
                        [] => self.len = 0,
                        b"\r" => {
                            self.bytes[0] = b'\r';
                            self.len = 1;
                        }
                        _ => return Poll::Ready(Some(false)),
                    }
                    continue;
                }
                return Poll::Ready(Some(false));
            }
            if !PREFACE.starts_with(self.bytes()) {
                return Poll::Ready(self.http2.is_none().then_some(false));
            }
            if self.len == PREFACE.len() {
                return Poll::Ready(Some(true));
            }
        }
    }
}
