//! Follows the framing of HTTP/1 requests while their bytes pass by.
//!
//! The parsed head does not show everything: of a request with both `Content-Length` and
//! `Transfer-Encoding` hyper shows the latter only, of equal `Content-Length` lines it shows one,
//! and a fragment in the target is gone. Two parties that disagree about where such a request
//! ends are how requests are smuggled (RFC 9112, section 11.2), so the gateway looks at the bytes
//! itself. It keeps none of them: what is remembered is a position in the grammar.
//!
//! Only what hyper accepts has to be followed. Where it would refuse, it will, and
//! nothing that comes after matters.

mod chunked;
#[cfg(any(fuzzing, test))]
pub(super) mod differential;
mod find;

use http::StatusCode;

use chunked::{Chunked, skip};
use find::behind;

/// Where in the stream of requests the last byte was.
#[derive(Debug, Default)]
pub(super) struct Framing {
    at: At,
    length: Option<u64>,
    fault: bool,
    chunked: bool,
    heads: usize,
    refused: Option<Refused>,
    /// How long a head may be, if that is to be seen here.
    most: Option<usize>,
    /// How long it is from where the last head began to the end of the bytes that are followed.
    from_head: usize,
}

/// A head that must not be served, nor any after it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Refused {
    /// Which one it is, counted from 1.
    pub(super) number: usize,
    pub(super) status: StatusCode,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum At {
    /// Between requests, where empty lines are skipped (RFC 9112, section 2.2).
    #[default]
    Between,
    Target,
    LineStart,
    /// After the carriage return of the empty line.
    HeadEnd,
    /// In a field name that may be one of the two, so many bytes into it.
    Name(Field, u8),
    /// In the value of `Content-Length`.
    Length,
    /// In a line that does not matter.
    Line,
    Body(u64),
    Chunked(Chunked),
    /// No longer followed.
    Lost,
    /// Where parties disagree about where the request ends: nothing more may be read.
    Broken,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Field {
    ContentLength,
    TransferEncoding,
}

impl Field {
    const fn name(self) -> &'static [u8] {
        match self {
            Self::ContentLength => b"content-length",
            Self::TransferEncoding => b"transfer-encoding",
        }
    }
}

impl Framing {
    /// Refuses heads of more bytes: hyper does so only while the end of one is not there.
    pub(super) fn of_heads_within(most: usize) -> Self {
        Self {
            most: Some(most),
            ..Self::default()
        }
    }

    /// Takes notice of more bytes.
    pub(super) fn follow(&mut self, bytes: &[u8]) {
        self.from_head = self.from_head.saturating_add(bytes.len());
        let mut rest = bytes;
        while let Some((&first, tail)) = rest.split_first() {
            rest = match self.at {
                At::Between => {
                    if !matches!(first, b'\r' | b'\n') {
                        self.at = At::Target;
                        self.from_head = rest.len();
                        self.length = None;
                        self.chunked = false;
                    }
                    tail
                }
                At::Target => self.target(rest),
                At::LineStart => {
                    self.at = match first {
                        b'\n' => self.head_end(tail),
                        b'\r' => At::HeadEnd,
                        b'c' | b'C' => At::Name(Field::ContentLength, 1),
                        b't' | b'T' => At::Name(Field::TransferEncoding, 1),
                        _ => At::Line,
                    };
                    tail
                }
                At::HeadEnd => {
                    self.at = if first == b'\n' {
                        self.head_end(tail)
                    } else {
                        At::Lost
                    };
                    tail
                }
                At::Name(field, matched) => {
                    self.name(field, matched, first);
                    tail
                }
                At::Length => {
                    self.length_byte(first);
                    tail
                }
                At::Line => match behind(rest, [b'\n']) {
                    Some((_, behind)) => {
                        self.at = At::LineStart;
                        behind
                    }
                    None => &[],
                },
                At::Body(left) => match skip(rest, left) {
                    Ok(behind) => {
                        self.at = At::Between;
                        behind
                    }
                    Err(left) => {
                        self.at = At::Body(left);
                        &[]
                    }
                },
                At::Chunked(chunked) => {
                    let (chunked, behind) = chunked.follow(rest);
                    self.at = match chunked {
                        Chunked::Ended => At::Between,
                        Chunked::Lost => At::Lost,
                        Chunked::Broken => At::Broken,
                        within => At::Chunked(within),
                    };
                    behind
                }
                At::Lost | At::Broken => return,
            };
        }
    }

    /// Whether a head has begun and not ended.
    pub(super) const fn is_in_head(&self) -> bool {
        matches!(
            self.at,
            At::Target | At::LineStart | At::HeadEnd | At::Name(..) | At::Length | At::Line
        )
    }

    /// Whether all that was begun has ended.
    pub(super) const fn is_between(&self) -> bool {
        matches!(self.at, At::Between)
    }

    /// Whether it is in doubt where a request ends.
    #[inline]
    pub(super) const fn is_broken(&self) -> bool {
        matches!(self.at, At::Broken)
    }

    /// How many heads have ended.
    pub(super) const fn heads(&self) -> usize {
        self.heads
    }

    /// The first head that must not be served.
    pub(super) const fn refused(&self) -> Option<Refused> {
        self.refused
    }

    fn target<'a>(&mut self, rest: &'a [u8]) -> &'a [u8] {
        let Some((end, behind)) = behind(rest, [b'\n', b'#']) else {
            return &[];
        };
        // RFC 9112, section 3.2: no form of the target has a fragment.
        let fragment = end == b'#';
        self.fault |= fragment;
        self.at = if fragment { At::Line } else { At::LineStart };
        behind
    }

    fn name(&mut self, field: Field, matched: u8, byte: u8) {
        self.at = match field.name().get(usize::from(matched)) {
            Some(expected) if byte.eq_ignore_ascii_case(expected) => At::Name(field, matched + 1),
            None if byte == b':' => match field {
                Field::ContentLength => {
                    // RFC 9112, section 6.3: equal lines may be refused as well.
                    self.fault |= self.chunked || self.length.is_some();
                    self.length = Some(0);
                    At::Length
                }
                Field::TransferEncoding => {
                    self.fault |= self.length.is_some();
                    self.chunked = true;
                    At::Line
                }
            },
            _ if byte == b'\n' => At::LineStart,
            _ => At::Line,
        };
    }

    fn length_byte(&mut self, byte: u8) {
        match byte {
            b'0'..=b'9' => {
                let digit = u64::from(byte - b'0');
                self.length = self
                    .length
                    .map(|length| length.saturating_mul(10).saturating_add(digit));
            }
            b'\n' => self.at = At::LineStart,
            // White space around; hyper refuses anything else.
            _ => {}
        }
    }

    fn head_end(&mut self, behind: &[u8]) -> At {
        self.heads += 1;
        let length = self.from_head.saturating_sub(behind.len());
        let status = match self.most {
            _ if self.fault => Some(StatusCode::BAD_REQUEST),
            Some(most) if length > most => Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
            _ => None,
        };
        if let Some(status) = status {
            self.refused = Some(Refused {
                number: self.heads,
                status,
            });
            return At::Lost;
        }
        match self.length {
            _ if self.chunked => At::Chunked(Chunked::Size(0)),
            None | Some(0) => At::Between,
            Some(length) => At::Body(length),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn followed(bytes: &[u8]) -> Framing {
        let mut framing = Framing::default();
        framing.follow(bytes);
        framing
    }

    fn refused(bytes: &str) -> Option<usize> {
        followed(bytes.as_bytes()).refused().map(|head| head.number)
    }

    #[test]
    fn both_lengths_are_refused_in_either_order_and_any_case() {
        for head in [
            "POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nTRANSFER-ENCODING:chunked\r\nHost: a\r\ncontent-length: 5\r\n\r\n",
            "POST / HTTP/1.1\nContent-Length: 5\ntransfer-Encoding: chunked\n\n",
        ] {
            assert_eq!(refused(head), Some(1), "{head}");
        }
    }

    #[test]
    fn a_second_length_is_refused_though_it_is_equal() {
        let head = "POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n";
        assert_eq!(refused(head), Some(1));
    }

    #[test]
    fn a_fragment_is_refused() {
        assert_eq!(refused("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"), Some(1));
        assert_eq!(refused("GET / HTTP/1.1\r\nReferer: /a#b\r\n\r\n"), None);
    }

    #[test]
    fn names_that_only_begin_alike_are_none_of_them() {
        let head = "POST / HTTP/1.1\r\nContent-Lengthy: 5\r\nContent-Length: 0\r\n\
                    Transfer-Encodings: x\r\nTransfer: y\r\nt\r\n\r\n";
        let framing = followed(head.as_bytes());
        assert_eq!(framing.refused(), None);
        assert!(framing.is_between());
    }

    #[test]
    fn a_head_that_is_too_long_is_refused_wherever_it_begins_and_is_cut() {
        let head = "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\n";
        let all = format!("{head}abc\r\n{head}abc");
        for cut in 0..=all.len() {
            let (before, after) = all.as_bytes().split_at(cut);
            for (most, refused) in [(head.len(), None), (head.len() - 1, Some(1))] {
                let mut framing = Framing::of_heads_within(most);
                framing.follow(before);
                framing.follow(after);
                let found = framing.refused();
                assert_eq!(found.map(|head| head.number), refused, "cut at {cut}");
                assert!(found.is_none_or(|head| head.status == 431));
            }
        }
    }

    #[test]
    fn bodies_are_not_mistaken_for_heads() {
        let inside = "\r\n\r\nGET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n";
        let sized = format!(
            "POST / HTTP/1.1\r\nContent-Length: {}\r\n\r\n{inside}",
            inside.len()
        );
        let chunked = format!(
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{:x};a=b\r\n{inside}\r\n1\r\nx\r\n0\r\nA: b\r\n\r\n",
            inside.len()
        );
        let framing = followed(format!("{sized}{chunked}{sized}").as_bytes());
        assert_eq!(framing.refused(), None);
        assert_eq!(framing.heads(), 3);
        assert!(framing.is_between());
    }

    #[test]
    fn a_later_head_is_told_by_its_number() {
        let good = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        let bad = "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(refused(&format!("{good}{good}{bad}")), Some(3));
    }

    #[test]
    fn a_head_is_in_progress_from_its_first_byte_to_its_last() {
        assert!(!followed(b"\r\n").is_in_head());
        assert!(followed(b"\r\nG").is_in_head());
        assert!(followed(b"GET / HTTP/1.1\r\n\r").is_in_head());
        let framing = followed(b"GET / HTTP/1.1\r\n\r\n");
        assert!(!framing.is_in_head() && framing.is_between());
    }

    #[test]
    fn a_newline_alone_in_the_trailers_is_the_end_of_all() {
        let head = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n";
        for trailers in ["\n", "A: b\n\r\n", "A: b\r\n\n", "A: b\r\nC\n: d\r\n\r\n"] {
            let framing = followed(format!("{head}{trailers}").as_bytes());
            assert!(framing.is_broken(), "{trailers:?}");
        }
        for trailers in ["\r\n", "A: b\r\n\r\n", "A: b\r\nC: d\r\n\r\n"] {
            let framing = followed(format!("{head}{trailers}").as_bytes());
            assert!(framing.is_between(), "{trailers:?}");
        }
        // Of which hyper takes none.
        for trailers in ["\r\r\n", "A: b\r\r\n\r\n"] {
            let framing = followed(format!("{head}{trailers}").as_bytes());
            assert!(!framing.is_between(), "{trailers:?}");
        }
    }

    fn stream() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            Just("GET /".to_owned()),
            Just(" HTTP/1.1\r\n".to_owned()),
            Just("Content-Length: 3\r\n".to_owned()),
            Just("Transfer-Encoding: chunked\r\n".to_owned()),
            Just("\r\n".to_owned()),
            Just("\n".to_owned()),
            Just("\r".to_owned()),
            Just("A: b\r\n".to_owned()),
            Just("a;b\r\n0123456789\r\n".to_owned()),
            Just("0\r\n".to_owned()),
            "[ -~]{0,40}",
        ];
        prop::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat().into_bytes())
    }

    proptest! {
        #[test]
        fn it_does_not_matter_how_the_bytes_are_cut(stream in stream(), size in 1_usize..50) {
            let whole = followed(&stream);
            let mut cut = Framing::default();
            for piece in stream.chunks(size) {
                cut.follow(piece);
            }
            prop_assert_eq!(format!("{whole:?}"), format!("{cut:?}"));
        }

        #[test]
        fn any_bytes_are_followed(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
            followed(&bytes);
        }
    }
}
