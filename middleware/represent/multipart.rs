//! `multipart/byteranges`: RFC 9110, section 14.6, and RFC 2046, section 5.1.
//!
//! The text between the parts is written into one buffer that grows, so that no write can fail.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::hash::{BuildHasher, RandomState};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{BufMut, Bytes, BytesMut};
use http::HeaderValue;
use http_body::{Frame, SizeHint};

use super::cut::Source;
use super::ranges::Parts;
use crate::body::{Body, Error};
use crate::header::content_range::ContentRange;

/// How long the text before a part is at most, without its media type.
const HEAD: usize = 160;

/// What divides the parts: 128 bits that whoever wrote the content could not know, so that no
/// content can close its part and begin another.
#[derive(Debug)]
pub(super) struct Boundary([u64; 2]);

impl Boundary {
    pub(super) fn random() -> Self {
        // The only way by which the standard library gives out the system's randomness.
        let keys = RandomState::new();
        Self([keys.hash_one(0_u8), keys.hash_one(1_u8)])
    }

    fn write(&self, text: &mut BytesMut) {
        let Self([high, low]) = self;
        let _ = write!(text, "{high:016x}{low:016x}");
    }

    pub(super) fn content_type(&self) -> HeaderValue {
        let mut text = BytesMut::from("multipart/byteranges; boundary=");
        self.write(&mut text);
        HeaderValue::from_maybe_shared(text.freeze())
            .unwrap_or_else(|_| HeaderValue::from_static("multipart/byteranges"))
    }
}

/// The parts of `source`, which is `len` bytes long, and how long that makes the body.
pub(super) fn body(
    source: &Source,
    parts: &Parts,
    media_type: Option<&HeaderValue>,
    len: u64,
    boundary: &Boundary,
) -> (Body, u64) {
    let room = HEAD + media_type.map_or(0, HeaderValue::len);
    let mut text = BytesMut::with_capacity((parts.len() + 1) * room);
    let mut pieces = VecDeque::with_capacity(2 * parts.len() + 1);
    let mut total = 0_u64;
    let mut delimiter: &[u8] = b"--";
    for (start, part) in parts.iter() {
        text.put_slice(delimiter);
        delimiter = b"\r\n--";
        boundary.write(&mut text);
        if let Some(media_type) = media_type {
            text.put_slice(b"\r\nContent-Type: ");
            text.put_slice(media_type.as_bytes());
        }
        let range = ContentRange {
            part: Some((start, part)),
            len,
        };
        let _ = write!(text, "\r\nContent-Range: {range}\r\n\r\n");
        let head = text.split().freeze();
        total = total.saturating_add(head.len() as u64).saturating_add(part);
        pieces.push_back(Body::from(head));
        pieces.push_back(source.part(start, part));
    }
    text.put_slice(delimiter);
    boundary.write(&mut text);
    text.put_slice(b"--\r\n");
    total = total.saturating_add(text.len() as u64);
    pieces.push_back(Body::from(text.freeze()));
    let body = match source {
        Source::Bytes(_) => Body::chunks(pieces.into_iter().flat_map(Body::try_into_bytes)),
        Source::File(_) => Body::new(Chain {
            pieces,
            left: total,
        }),
    };
    (body, total)
}

/// One body after the other.
struct Chain {
    pieces: VecDeque<Body>,
    left: u64,
}

impl http_body::Body for Chain {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        while let Some(piece) = self.pieces.front_mut() {
            match ready!(Pin::new(piece).poll_frame(cx)) {
                Some(Ok(frame)) => {
                    let sent = frame.data_ref().map_or(0, Bytes::len) as u64;
                    self.left = self.left.saturating_sub(sent);
                    return Poll::Ready(Some(Ok(frame)));
                }
                Some(Err(error)) => {
                    self.pieces.clear();
                    self.left = 0;
                    return Poll::Ready(Some(Err(error)));
                }
                None => drop(self.pieces.pop_front()),
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http_body::Body as _;

    use super::*;
    use crate::body::{FileRegion, Read, ReadAt};
    use crate::represent::cut::tests::read;
    use crate::represent::{MOST, Ranges};

    struct File(Bytes);

    impl ReadAt for File {
        fn read_at(self: Arc<Self>, offset: u64, len: usize) -> Read {
            let offset = usize::try_from(offset).unwrap();
            Read::Now(Ok(self.0.slice(offset..offset + len.min(7))))
        }
    }

    /// The same three parts of bytes and of a file.
    fn both(media_type: Option<&HeaderValue>) -> [(Body, u64); 2] {
        let bytes: Bytes = (b'a'..=b'z').cycle().take(1000).collect();
        let region = FileRegion::new(Arc::new(File(bytes.clone())), 0, 1000);
        let ranges = crate::represent::ranges::satisfy(b"bytes=900-909,0-1,400-420", 1000, MOST);
        let Ranges::Parts(parts) = ranges else {
            panic!("{ranges:?}");
        };
        let boundary = Boundary([0x1234, 0xabcd]);
        [Source::Bytes(bytes), Source::File(region)]
            .map(|source| body(&source, &parts, media_type, 1000, &boundary))
    }

    #[test]
    fn bytes_and_files_are_made_alike_and_as_long_as_is_said() {
        let wanted = "\
            --0000000000001234000000000000abcd\r\n\
            Content-Type: text/plain\r\n\
            Content-Range: bytes 900-909/1000\r\n\r\n\
            qrstuvwxyz\r\n\
            --0000000000001234000000000000abcd\r\n\
            Content-Type: text/plain\r\n\
            Content-Range: bytes 0-1/1000\r\n\r\n\
            ab\r\n\
            --0000000000001234000000000000abcd\r\n\
            Content-Type: text/plain\r\n\
            Content-Range: bytes 400-420/1000\r\n\r\n\
            klmnopqrstuvwxyzabcde\r\n\
            --0000000000001234000000000000abcd--\r\n";
        for (made, len) in both(Some(&HeaderValue::from_static("text/plain"))) {
            assert_eq!(made.size_hint().exact(), Some(len));
            assert_eq!(String::from_utf8(read(made)).unwrap(), wanted);
        }
    }

    #[test]
    fn a_multipart_of_bytes_is_there_as_a_whole() {
        let [(bytes, _), (file, _)] = both(None);
        assert!(bytes.try_into_bytes().is_ok());
        assert!(file.try_into_bytes().is_err());
    }
}
