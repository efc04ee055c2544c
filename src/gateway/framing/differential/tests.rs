//! Streams that are right, nearly right, or made of pieces.

use proptest::prelude::*;

use super::*;

const HEADS: &[&str] = &[
    "GET / HTTP/1.1\r\n",
    "POST /a HTTP/1.1\r\n",
    "POST http://a/b HTTP/1.1\n",
    "POST / HTTP/1.0\r\nConnection: keep-alive\r\n",
    "CONNECT a:1 HTTP/1.1\r\n",
    "OPTIONS * HTTP/1.1\r\n",
    "GET /#a HTTP/1.1\r\n",
    "HEAD / HTTP/1.1\r\n",
];

const FIELDS: &[&str] = &[
    "Content-Length: 3\r\n",
    "content-length:\t003 \r\n",
    "Content-Length: 0\r\n",
    "Content-Length: 12\n",
    "Content-Length : 3\r\n",
    "Content-Length: 3, 3\r\n",
    "Content-Length: +3\r\n",
    "Content-Length: 18446744073709551615\r\n",
    "Content-Length:\r\n",
    "Content-Lengt: 3\r\n",
    "Content-Length\r\n",
    "Transfer-Encoding: chunked\r\n",
    "transfer-encoding: CHUNKED\n",
    "Transfer-Encoding: gzip, chunked\r\n",
    "Transfer-Encoding: identity\r\n",
    "Transfer-Encoding : chunked\r\n",
    "Transfer-Encoding:\x0bchunked\r\n",
    "Transfer-Encoding: chunked\r\n ,x\r\n",
    "Host: a\r\n",
    "X: y\r\n folded\r\n",
    "X: y\rz\r\n",
    "Expect: 100-continue\r\n",
    "Connection: close\r\n",
    "Upgrade: x\r\nConnection: upgrade\r\n",
    "\r\n",
    "\n",
    "\r",
];

const BODIES: &[&str] = &[
    "abc",
    "abcdefghijkl",
    "3\r\nabc\r\n",
    "00C\r\nabcdefghijkl\r\n",
    "3;x=y\r\nabc\r\n",
    "3 ;x=\"\r\n\"\r\nabc\r\n",
    "3 \r\nabc\r\n",
    "3\nabc\n",
    "3\r\nabcd\r\n",
    "fffffffffffffffff\r\n",
    "ffffffffffffffff\r\n",
    "0\r\n\r\n",
    "0\r\nX: y\r\n\r\n",
    "0\r\nX: y\n\r\n",
    "0\r\n\n",
    "0\n\r\n",
    "000\r\n\r\n",
    "0;a\r\nTransfer-Encoding: chunked\r\n\r\n",
    "-1\r\n",
    "0x3\r\nabc\r\n",
];

/// Pieces that are likely to be of consequence.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => prop::sample::select(HEADS).prop_map(str::to_owned),
        4 => prop::sample::select(FIELDS).prop_map(str::to_owned),
        3 => prop::sample::select(BODIES).prop_map(str::to_owned),
        1 => "[ -~\r\n\t]{0,8}",
    ]
}

/// A request that is right, or nearly.
fn request() -> impl Strategy<Value = String> {
    let target = prop::sample::select(["/", "/a?b", "*", "http://a/", "/#"].as_slice());
    let method = prop::sample::select(["GET", "POST", "HEAD", "OPTIONS", "X"].as_slice());
    let framed = prop_oneof![
        Just("\r\n".to_owned()),
        "[a-z\r\n]{0,12}".prop_map(|body| format!("Content-Length: {}\r\n\r\n{body}", body.len())),
        prop::collection::vec("[a-z\r\n]{1,12}", 0..4).prop_map(|chunks| {
            let chunks: Vec<_> = chunks
                .iter()
                .map(|chunk| format!("{:x}\r\n{chunk}\r\n", chunk.len()))
                .collect();
            let chunks = chunks.concat();
            format!("Transfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n")
        }),
    ];
    (method, target, framed).prop_map(|(method, target, rest)| {
        format!("{method} {target} HTTP/1.1\r\nHost: a\r\n{rest}")
    })
}

/// Puts bytes in, or in the place of others, or takes some away.
fn mutated(mut stream: Vec<u8>, changes: Vec<(prop::sample::Index, u8, u8)>) -> Vec<u8> {
    for (place, byte, kind) in changes {
        let at = place.index(stream.len() + 1);
        match kind {
            0 => stream.insert(at, byte),
            1 if at < stream.len() => stream[at] = byte,
            _ if at < stream.len() => drop(stream.remove(at)),
            _ => {}
        }
    }
    stream
}

fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, u8, u8)>> {
    let byte = prop_oneof![
        4 => prop::sample::select(b"\r\n\t :;,#0139afAF\0\x7f\xff\"".as_slice()),
        1 => any::<u8>(),
    ];
    prop::collection::vec((any::<prop::sample::Index>(), byte, 0_u8..3), 0..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn nearly_right_streams_are_framed_as_hyper_does(
        requests in prop::collection::vec(request(), 1..5),
        changes in changes(),
    ) {
        let stream = mutated(requests.concat().into_bytes(), changes);
        prop_assert_eq!(disagreement(&stream), None);
    }

    #[test]
    fn streams_in_pieces_are_framed_as_hyper_does(
        pieces in prop::collection::vec(piece(), 1..16),
        changes in changes(),
    ) {
        let stream = mutated(pieces.concat().into_bytes(), changes);
        prop_assert_eq!(disagreement(&stream), None);
    }
}

/// The test would see a difference.
#[test]
fn requests_are_seen_by_both() {
    let stream = b"GET / HTTP/1.1\r\n\r\nPOST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc\
        POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n";
    assert_eq!(disagreement(stream), None);
    assert_eq!(by_hyper(stream).last(), Some(&(3, 3)));
    assert_eq!(by_hyper(stream).len(), stream.len());
    assert_eq!(by_framing(stream).last(), Some(&(3, 3, At::Between)));
}
