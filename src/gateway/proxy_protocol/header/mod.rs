//! What a header of the PROXY protocol says.

mod crc32c;
#[cfg(any(fuzzing, test))]
pub(super) mod follow;
mod tlv;
mod v1;
mod v2;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;

use crate::middleware::attributes::{Connection, Proxied, Scheme};

/// What a header says.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Header {
    /// Whose the connection is.
    addresses: Addresses,
    said: Proxied,
}

/// Whose a connection is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Addresses {
    /// The proxy's own: it checks our health, or does not know.
    #[default]
    Real,
    /// A client's without an address, on a Unix socket.
    Unnamed,
    /// A client's, and where it had connected to.
    Of {
        client: SocketAddr,
        server: SocketAddr,
    },
}

/// How far a header has come.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Progress {
    /// It has at least so many more bytes.
    More(usize),
    Whole(Box<Header>),
}

/// It is no header.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Malformed;

/// The longest header that is read: one of version 2 with 4 KiB behind its fixed part.
pub(super) const LONGEST: usize = v2::FIXED + v2::LONGEST;

/// How far a header has come that begins with these bytes.
pub(super) fn parse(bytes: &[u8]) -> Result<Progress, Malformed> {
    let starts = |with: &[u8]| {
        let common = bytes.len().min(with.len());
        bytes.get(..common) == with.get(..common)
    };
    if starts(v2::SIGNATURE) && !bytes.is_empty() {
        v2::parse(bytes)
    } else if starts(v1::SIGNATURE) {
        v1::parse(bytes)
    } else {
        Err(Malformed)
    }
}

impl Header {
    /// The connection as the header has it.
    pub(super) fn apply(mut self, connection: &mut Connection) {
        if self.addresses == Addresses::Real {
            return;
        }
        self.said.proxy = connection.peer.take();
        connection.local = None;
        if let Addresses::Of { client, server } = self.addresses {
            connection.peer = Some(client);
            connection.local = Some(server);
        }
        if self.said.tls.is_some() {
            connection.scheme = Scheme::Https;
        }
        connection.proxied = Some(Box::new(self.said));
    }
}
