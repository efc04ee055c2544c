//! Records: a header of eight bytes, content, padding (section 3.3).

use bytes::{BufMut as _, BytesMut};

pub(super) const BEGIN_REQUEST: u8 = 1;
pub(super) const ABORT_REQUEST: u8 = 2;
pub(super) const END_REQUEST: u8 = 3;
pub(super) const PARAMS: u8 = 4;
pub(super) const STDIN: u8 = 5;
pub(super) const STDOUT: u8 = 6;
pub(super) const DATA: u8 = 8;
pub(super) const GET_VALUES: u8 = 9;
pub(super) const GET_VALUES_RESULT: u8 = 10;
pub(super) const UNKNOWN_TYPE: u8 = 11;

/// The protocol status of `END_REQUEST` (section 5.5).
pub(super) const REQUEST_COMPLETE: u8 = 0;
pub(super) const OVERLOADED: u8 = 2;
pub(super) const UNKNOWN_ROLE: u8 = 3;

/// The role of a program that answers requests (section 6.2).
pub(super) const RESPONDER: u16 = 1;

/// The flag of a request after which the connection is kept.
pub(super) const KEEP_CONN: u8 = 1;

const VERSION: u8 = 1;

/// How long a header is.
pub(super) const HEADER: usize = 8;

/// How much content a record has at most. The length is 16 bits: more would be a shorter record, and what is behind taken for another.
const MOST: usize = 0xffff;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Header {
    pub(super) kind: u8,
    /// Of the request; 0 is management.
    pub(super) id: u16,
    pub(super) content: usize,
    pub(super) padding: usize,
}

impl Header {
    /// `None` if it is of another version.
    pub(super) fn decode(bytes: [u8; HEADER]) -> Option<Self> {
        let [version, kind, id_1, id_0, content_1, content_0, padding, _] = bytes;
        (version == VERSION).then(|| Self {
            kind,
            id: u16::from_be_bytes([id_1, id_0]),
            content: u16::from_be_bytes([content_1, content_0]).into(),
            padding: padding.into(),
        })
    }
}

/// Writes content as records, each a multiple of eight bytes long; one that is empty if there is none.
pub(super) fn encode(kind: u8, id: u16, content: &[u8], out: &mut BytesMut) {
    let mut rest = content;
    loop {
        let (piece, behind) = rest.split_at(rest.len().min(MOST));
        let padding = piece.len().wrapping_neg() % 8;
        out.reserve(HEADER + piece.len() + padding);
        out.put_slice(&[VERSION, kind]);
        out.put_u16(id);
        out.put_u16(u16::try_from(piece.len()).unwrap_or(u16::MAX));
        out.put_u8(u8::try_from(padding).unwrap_or_default());
        out.put_u8(0);
        out.put_slice(piece);
        out.put_bytes(0, padding);
        rest = behind;
        if rest.is_empty() {
            return;
        }
    }
}

/// Writes the end of a request.
pub(super) fn end(id: u16, app_status: u32, protocol_status: u8, out: &mut BytesMut) {
    let [a, b, c, d] = app_status.to_be_bytes();
    let content = [a, b, c, d, protocol_status, 0, 0, 0];
    encode(END_REQUEST, id, &content, out);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn content_of_any_length_comes_back(length in prop_oneof![0..20_usize, 65_500..65_600_usize, 131_000..132_000_usize], id: u16) {
            let content: Vec<u8> = (0..251).cycle().take(length).collect();
            let mut out = BytesMut::new();
            encode(STDOUT, id, &content, &mut out);
            prop_assert_eq!(out.len() % 8, 0);
            let mut back = Vec::new();
            while !out.is_empty() {
                let header = out.split_to(HEADER);
                let header = Header::decode(header[..].try_into().unwrap()).unwrap();
                prop_assert_eq!((header.kind, header.id), (STDOUT, id));
                back.extend_from_slice(&out.split_to(header.content));
                drop(out.split_to(header.padding));
            }
            prop_assert_eq!(back, content);
        }
    }
}
