//! Requests as front servers send them, which come to the application as they are: see [`gateway::fuzzing`](crate::gateway::fuzzing).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Waker;

use bytes::BytesMut;

use super::codec::{Codec, Event, Most};
use super::inbox::Inbox;
use super::signal::Signal;
use crate::environ::Environ;

pub(in crate::gateway) const MOST: Most = Most {
    bytes: 1000,
    variables: 20,
    requests: 3,
    connections: 1,
};

/// A request that is sent.
#[derive(Debug)]
pub(in crate::gateway) struct Sent<'a> {
    pub(in crate::gateway) environ: Environ,
    pub(in crate::gateway) body: &'a [u8],
}

impl<'a> Sent<'a> {
    /// The length of the body and `SCGI`, then a variable a line, and the body behind a line that is empty; `None` if
    /// that is more than may be.
    pub(in crate::gateway) fn of(bytes: &'a [u8]) -> Option<Self> {
        let (variables, body) = divided(bytes);
        let mut environ = Environ::new();
        environ.push("CONTENT_LENGTH", body.len().to_string());
        environ.push("SCGI", "1");
        for (name, value) in pairs(variables) {
            let is_told = [&b"CONTENT_LENGTH"[..], b"SCGI"].contains(&name);
            if !is_told && name != b"HTTP_TRANSFER_ENCODING" && !name.is_empty() {
                environ.push(name, value);
            }
        }
        let framed = environ.bytes() + 4 * environ.len();
        let fits = framed <= MOST.bytes && environ.len() <= MOST.variables;
        fits.then_some(Self { environ, body })
    }

    /// The same without the length of its body.
    pub(in crate::gateway) fn open(self) -> Self {
        Self {
            environ: self.environ.iter().skip(1).collect(),
            ..self
        }
    }
}

/// What is before an empty line, and behind it.
pub(in crate::gateway) fn divided(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.windows(2).position(|two| two == b"\n\n");
    let (before, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
    (before, rest.get(2..).unwrap_or_default())
}

/// A name and a value a line.
pub(in crate::gateway) fn pairs(lines: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    lines.split(|&byte| byte == b'\n').map(|line| {
        let end = line.iter().position(|&byte| byte == b'=');
        let (name, value) = line.split_at(end.unwrap_or(line.len()));
        (name, value.get(1..).unwrap_or_default())
    })
}

/// A connection, and the requests that came over it and are not answered.
pub(in crate::gateway) struct Line<C> {
    codec: C,
    cut: usize,
    input: BytesMut,
    out: BytesMut,
    came: BTreeMap<u16, (Environ, Arc<Inbox>)>,
}

impl<C: Codec> Line<C> {
    /// Whose bytes come in pieces of at most `cut` and one.
    pub(in crate::gateway) fn new(codec: C, cut: u8) -> Self {
        Self {
            codec,
            cut: usize::from(cut) + 1,
            input: BytesMut::new(),
            out: BytesMut::new(),
            came: BTreeMap::new(),
        }
    }

    /// Sends bytes that are understood, and nothing of which is refused.
    pub(in crate::gateway) fn send(&mut self, bytes: &[u8]) {
        self.out.clear();
        for piece in bytes.chunks(self.cut) {
            self.input.extend_from_slice(piece);
            loop {
                let event = self.codec.decode(&mut self.input, &mut self.out);
                assert!(event.is_ok(), "{event:?}");
                let Ok(Some(event)) = event else {
                    break;
                };
                self.note(event);
            }
        }
    }

    fn note(&mut self, event: Event) {
        let inbox = |id| self.came.get(&id).map(|(_, inbox)| inbox);
        match event {
            Event::Request { id, environ, body } => {
                let inbox = Inbox::new(body, Signal::new(Waker::noop()));
                let before = self.came.insert(id, (environ, inbox));
                assert!(before.is_none(), "{id} came twice");
            }
            Event::Data { id, data } => {
                assert!(inbox(id).is_some(), "a body of no request");
                if let Some(inbox) = inbox(id) {
                    inbox.push(data);
                }
            }
            Event::End { id } => {
                assert!(inbox(id).is_some(), "the end of no body");
                if let Some(inbox) = inbox(id) {
                    inbox.end();
                }
            }
            Event::Abort { .. } | Event::Refused { .. } => panic!("{event:?}"),
        }
    }

    /// Answers a request if it has come: it is the one that was sent, with the body as far as that has come. Whether it has
    /// come, and with all of its body.
    pub(in crate::gateway) fn answer(&mut self, id: u16, sent: &Sent<'_>) -> Option<bool> {
        let (environ, inbox) = self.came.remove(&id)?;
        assert_eq!(environ, sent.environ);
        let body = inbox.read();
        assert!(sent.body.starts_with(&body), "{body:?} of {:?}", sent.body);
        self.codec.end(id, &mut self.out);
        Some(body == sent.body)
    }
}
