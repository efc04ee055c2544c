//! What the four protocols have to say for themselves: bytes to events, and answers to bytes.

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http::response;

use super::super::limits::Limits;
use crate::environ::Environ;

/// A protocol by which a front server passes requests on; it does no I/O and knows no time.
pub(in crate::gateway) trait Codec: Send {
    /// Whether the end of what the front server sends means that it has gone.
    const NEEDS_BOTH_WAYS: bool = true;

    /// Takes what it can make something of; `None` if that needs more bytes. What the protocol answers by itself goes
    /// to `out`.
    fn decode(&mut self, input: &mut BytesMut, out: &mut BytesMut)
    -> Result<Option<Event>, Broken>;

    /// The head of an answer.
    fn head(&mut self, id: u16, head: &response::Parts, out: &mut BytesMut);

    /// A piece of an answer, which is not empty.
    fn data(&mut self, _id: u16, data: &[u8], out: &mut BytesMut) {
        out.extend_from_slice(data);
    }

    /// The end of an answer; whether more requests may come over the connection.
    ///
    /// Of most the end of the connection is the end of the answer.
    fn end(&mut self, _id: u16, _out: &mut BytesMut) -> bool {
        false
    }

    /// Tells that there is to be no answer at all, if the protocol can; the same whether more requests may come.
    fn fail(&mut self, _id: u16, _out: &mut BytesMut) -> Option<bool> {
        None
    }

    /// A request that is whole but for its body, and of which there was to be seen first whether it has one.
    fn late(&mut self) -> Option<Event> {
        None
    }

    /// Whether a part of what the front server has begun to say is still to come, besides bodies.
    fn is_within(&self) -> bool {
        false
    }

    /// How many heads have begun, and how many of them are whole.
    fn heads(&self) -> Heads;
}

/// How many heads have begun, and how many of them are whole or given up.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(in crate::gateway) struct Heads {
    pub(in crate::gateway) begun: usize,
    pub(in crate::gateway) done: usize,
}

impl Heads {
    pub(super) const fn is_open(self) -> bool {
        self.begun > self.done
    }
}

/// What came.
#[derive(Debug)]
pub(in crate::gateway) enum Event {
    /// The front server gave a request up, and the protocol has said that it ended; whether more may come.
    Abort { id: u16, more: bool },
    /// A piece of a request's body.
    Data { id: u16, data: Bytes },
    /// The end of a request's body.
    End { id: u16 },
    /// A request that is not to be served.
    Refused { id: u16, status: StatusCode },
    /// A request, as far as its head goes.
    Request {
        id: u16,
        environ: Environ,
        body: Framing,
    },
}

/// What is known of a body when its head is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::gateway) enum Framing {
    /// There is none.
    Nothing,
    /// It has just as many bytes.
    Exactly(u64),
    /// It ends where the front server says.
    Open,
}

impl Framing {
    /// By `CONTENT_LENGTH`: `unknown` where there is none. What is no number is refused with the other variables.
    pub(in crate::gateway) fn of(environ: &Environ, unknown: Self) -> Self {
        let length = environ
            .iter()
            .find(|(name, value)| *name == b"CONTENT_LENGTH" && !value.is_empty());
        let length = length.and_then(|(_, value)| std::str::from_utf8(value).ok());
        match length.and_then(|value| value.parse().ok()) {
            None => unknown,
            Some(0) => Self::Nothing,
            Some(length) => Self::Exactly(length),
        }
    }
}

/// The front server does not speak the protocol: nothing that comes behind means anything.
#[derive(Clone, Copy, Debug)]
pub(in crate::gateway) struct Broken(pub(in crate::gateway) &'static str);

/// How much the variables of a request may be.
#[derive(Clone, Copy, Debug)]
pub(in crate::gateway) struct Most {
    /// Of bytes, names and values together.
    pub(in crate::gateway) bytes: usize,
    /// Of variables.
    pub(in crate::gateway) variables: usize,
    /// Of requests at once over one connection.
    pub(in crate::gateway) requests: usize,
    /// Of connections.
    pub(in crate::gateway) connections: usize,
}

/// How many variables there are besides those of fields, at most: RFC 3875 has 17, and Apache and nginx some more.
const BESIDES: usize = 100;

impl Most {
    /// As much as HTTP allows a head.
    pub(in crate::gateway) const fn of(limits: &Limits) -> Self {
        Self {
            bytes: limits.head as usize,
            variables: limits.fields.saturating_add(BESIDES),
            requests: limits.streams as usize,
            connections: limits.connections as usize,
        }
    }

    /// Whether one more variable is too many.
    pub(in crate::gateway) const fn is_passed(self, environ: &Environ) -> bool {
        environ.bytes() > self.bytes || environ.len() > self.variables
    }
}

/// Whether a body has a length that nobody knows: nginx tells none, or 0, where it does not read the body first, and
/// lighttpd -1.
pub(in crate::gateway) fn is_chunked(environ: &Environ) -> bool {
    environ.get("HTTP_TRANSFER_ENCODING").is_some() || environ.get("CONTENT_LENGTH") == Some(b"-1")
}
