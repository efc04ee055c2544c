//! Frames of HTTP/2, written and read by hand.

use tokio::io::{AsyncRead, AsyncReadExt as _};

pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
/// `:status` 200 of the static table (RFC 7541, appendix A), as the first byte of a block.
pub(crate) const STATUS_200: u8 = 0x88;
/// The last byte of `PROTOCOL_ERROR`.
pub(crate) const PROTOCOL_ERROR: u8 = 1;

/// The preface and empty settings.
pub(crate) fn opening() -> Vec<u8> {
    [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(),
        &[0, 0, 0, 4, 0, 0, 0, 0, 0],
    ]
    .concat()
}

/// A `HEADERS` frame that ends its stream: `GET http://a/` and more, nothing indexed.
pub(crate) fn headers(more: &[(&str, &str)]) -> Vec<u8> {
    let get = [
        (":method", "GET"),
        (":scheme", "http"),
        (":path", "/"),
        (":authority", "a"),
    ];
    frame(&[&get, more].concat())
}

pub(crate) fn frame(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).unwrap());
            block.extend(text.bytes());
        }
    }
    let len = u8::try_from(block.len()).unwrap();
    [&[0, 0, len, 1, 5, 0, 0, 0, 1], block.as_slice()].concat()
}

/// The first frame on stream 1: its type, and the first byte of a block or the last of a reset.
pub(crate) async fn answer(client: &mut (impl AsyncRead + Unpin)) -> (u8, u8) {
    loop {
        let (kind, stream, payload) = next(client).await;
        if stream == 1 {
            let telling = match kind {
                RST_STREAM => payload.last(),
                _ => payload.first(),
            };
            return (kind, *telling.unwrap());
        }
    }
}

/// One frame: its type, its stream and its payload.
pub(crate) async fn next(client: &mut (impl AsyncRead + Unpin)) -> (u8, u8, Vec<u8>) {
    let mut head = [0; 9];
    client.read_exact(&mut head).await.unwrap();
    let mut payload = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
    client.read_exact(&mut payload).await.unwrap();
    (head[3], head[8], payload)
}
