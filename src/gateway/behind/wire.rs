//! Transports whose end can be made to look like none.

use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

#[cfg(target_os = "linux")]
use super::held::Held;

/// A transport that is accepted.
pub(in crate::gateway) trait Wire:
    AsyncRead + AsyncWrite + Unpin + Send + 'static
{
    /// The same, whose end the other side can tell from a cut.
    type Cuttable: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    fn cuttable(self) -> (Self::Cuttable, Ends<Self::Cuttable>);
}

/// How a transport ends.
#[derive(Debug)]
pub(in crate::gateway) struct Ends<T> {
    /// Sees that it is reset when it is closed.
    pub(super) cut: fn(&T),
    /// Says whether more is to come.
    pub(super) expect: fn(&mut T, bool),
}

impl<T> Ends<T> {
    /// One way only.
    pub(in crate::gateway) const fn alike() -> Self {
        Self {
            cut: |_| {},
            expect: |_, _| {},
        }
    }
}

impl Wire for TcpStream {
    type Cuttable = Self;

    fn cuttable(self) -> (Self, Ends<Self>) {
        let ends = Ends {
            cut: |io: &Self| {
                // One that is not reset then says no less than it did.
                SockRef::from(io).set_linger(Some(Duration::ZERO)).ok();
            },
            expect: |_, _| {},
        };
        (self, ends)
    }
}

#[cfg(target_os = "linux")]
impl Wire for UnixStream {
    type Cuttable = Held;

    fn cuttable(self) -> (Held, Ends<Held>) {
        let ends = Ends {
            // It is, as long as it was not shut down.
            cut: |_| {},
            expect: Held::expect,
        };
        (Held::new(self), ends)
    }
}

/// Elsewhere nothing tells a cut.
#[cfg(not(target_os = "linux"))]
impl Wire for UnixStream {
    type Cuttable = Self;

    fn cuttable(self) -> (Self, Ends<Self>) {
        (self, Ends::alike())
    }
}
