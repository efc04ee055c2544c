//! Frames, written and read by hand.

use tokio::io::{AsyncRead, AsyncReadExt as _};

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PUSH_PROMISE: u8 = 5;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const ACK: u8 = 1;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;
pub(crate) const PADDED: u8 = 8;
pub(crate) const PRIORITIZED: u8 = 32;
/// The whole request in one frame.
pub(crate) const WHOLE: u8 = END_STREAM | END_HEADERS;

/// The field that was remembered last, as all of a field (RFC 7541, sections 2.3.3 and 6.1).
pub(crate) const NEWEST: u8 = 0xbe;

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(crate) type Fields<'a> = &'a [(&'a str, &'a str)];

pub(crate) const GET: [(&str, &str); 4] = [
    (":method", "GET"),
    (":scheme", "http"),
    (":path", "/"),
    (":authority", "a"),
];
pub(crate) const POST: [(&str, &str); 4] = [
    (":method", "POST"),
    (":scheme", "http"),
    (":path", "/"),
    (":authority", "a"),
];

/// A frame that was received.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// The number in the payload that begins at this byte.
    pub(crate) fn number(&self, at: usize) -> u32 {
        u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap())
    }
}

/// A frame to be sent.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let len = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&len[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// `HEADERS` with these flags and fields.
pub(crate) fn headers(flags: u8, stream: u32, fields: Fields<'_>) -> Vec<u8> {
    frame(HEADERS, flags, stream, block(fields))
}

/// A whole request for nothing in particular.
pub(crate) fn get(stream: u32) -> Vec<u8> {
    headers(WHOLE, stream, &GET)
}

/// The head of a request whose body is to follow.
pub(crate) fn post(stream: u32) -> Vec<u8> {
    headers(END_HEADERS, stream, &POST)
}

/// A whole request with these fields besides.
pub(crate) fn get_with(more: Fields<'_>) -> Vec<u8> {
    headers(WHOLE, 1, &[&GET, more].concat())
}

pub(crate) fn data(flags: u8, stream: u32, bytes: &[u8]) -> Vec<u8> {
    frame(DATA, flags, stream, bytes)
}

pub(crate) fn reset(stream: u32, code: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, code.to_be_bytes())
}

pub(crate) fn ping(payload: [u8; 8]) -> Vec<u8> {
    frame(PING, 0, 0, payload)
}

pub(crate) fn window(stream: u32, more: u32) -> Vec<u8> {
    frame(WINDOW_UPDATE, 0, stream, more.to_be_bytes())
}

/// `SETTINGS` with one of them.
pub(crate) fn setting(id: u16, value: u32) -> Vec<u8> {
    let payload = [&id.to_be_bytes()[..], &value.to_be_bytes()].concat();
    frame(SETTINGS, 0, 0, payload)
}

/// Fields, nothing of them indexed (RFC 7541, section 6.2.2).
pub(crate) fn block(fields: Fields<'_>) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            string(&mut block, text.as_bytes());
        }
    }
    block
}

/// A string without Huffman's code (RFC 7541, section 5.2).
fn string(block: &mut Vec<u8>, text: &[u8]) {
    integer(block, 0, 7, text.len());
    block.extend(text);
}

/// An integer behind these bits, with a prefix of so many (RFC 7541, section 5.1).
pub(crate) fn integer(block: &mut Vec<u8>, bits: u8, prefix: u32, value: usize) {
    let most = (1 << prefix) - 1;
    if value < most {
        block.push(bits | u8::try_from(value).unwrap());
        return;
    }
    block.push(bits | u8::try_from(most).unwrap());
    let mut rest = value - most;
    while rest >= 128 {
        block.push(u8::try_from(rest % 128).unwrap() | 128);
        rest /= 128;
    }
    block.push(u8::try_from(rest).unwrap());
}

/// The next frame; none where the connection ends.
pub(crate) async fn next(client: &mut (impl AsyncRead + Unpin)) -> Option<Frame> {
    let mut head = [0; 9];
    client.read_exact(&mut head).await.ok()?;
    let len = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let mut payload = vec![0; usize::try_from(len).unwrap()];
    client.read_exact(&mut payload).await.ok()?;
    Some(Frame {
        kind: head[3],
        flags: head[4],
        stream: u32::from_be_bytes(head[5..].try_into().unwrap()),
        payload,
    })
}
