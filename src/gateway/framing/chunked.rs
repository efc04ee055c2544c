//! Follows a body in chunks (RFC 9112, section 7.1).

use super::find::behind;

/// Where in a body the last byte was.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Chunked {
    Size(u64),
    /// In a chunk extension, before a chunk of this size.
    Extension(u64),
    Data(u64),
    /// After the data of a chunk.
    DataEnd,
    TrailerStart,
    TrailerLine,
    /// After the carriage return of a trailer.
    TrailerLf,
    /// After the carriage return of the empty line behind the trailers.
    LastLf,
    Ended,
    /// hyper will not follow.
    Lost,
    /// Where parties disagree about where the body ends.
    Broken,
}

impl Chunked {
    /// Where it is after more bytes, of which there must be some, and what is left of them.
    pub(super) fn follow(self, bytes: &[u8]) -> (Self, &[u8]) {
        let Some((&first, tail)) = bytes.split_first() else {
            return (self, bytes);
        };
        match self {
            Self::Size(size) => (Self::size(size, first), tail),
            Self::Extension(0) => self.until_newline(bytes, Self::TrailerStart),
            Self::Extension(size) => self.until_newline(bytes, Self::Data(size)),
            Self::Data(left) => match skip(bytes, left) {
                Ok(behind) => (Self::DataEnd, behind),
                Err(left) => (Self::Data(left), NOTHING),
            },
            Self::DataEnd => self.until_newline(bytes, Self::Size(0)),
            Self::TrailerStart => match first {
                b'\n' => (Self::Broken, tail),
                b'\r' => (Self::LastLf, tail),
                _ => (Self::TrailerLine, tail),
            },
            // RFC 9112, section 2.2 lets a newline alone end a line, to hyper it is a byte of the trailer.
            Self::TrailerLine => match behind(bytes, [b'\r', b'\n']) {
                Some((b'\r', behind)) => (Self::TrailerLf, behind),
                Some((_, behind)) => (Self::Broken, behind),
                None => (self, NOTHING),
            },
            Self::TrailerLf | Self::LastLf if first != b'\n' => (Self::Lost, tail),
            Self::TrailerLf => (Self::TrailerStart, tail),
            Self::LastLf => (Self::Ended, tail),
            Self::Ended | Self::Lost | Self::Broken => (self, bytes),
        }
    }

    fn size(size: u64, byte: u8) -> Self {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            b'\n' if size == 0 => return Self::TrailerStart,
            b'\n' => return Self::Data(size),
            _ => return Self::Extension(size),
        };
        match size.checked_mul(16) {
            Some(size) => Self::Size(size | u64::from(digit)),
            None => Self::Lost,
        }
    }

    fn until_newline(self, bytes: &[u8], then: Self) -> (Self, &[u8]) {
        behind(bytes, [b'\n']).map_or((self, NOTHING), |(_, behind)| (then, behind))
    }
}

const NOTHING: &[u8] = &[];

/// What is behind so many bytes, or how many are still to come.
pub(super) fn skip(bytes: &[u8], left: u64) -> Result<&[u8], u64> {
    usize::try_from(left)
        .ok()
        .and_then(|left| bytes.get(left..))
        .ok_or_else(|| left - bytes.len() as u64)
}
