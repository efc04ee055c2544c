//! gzip and deflate, of flate2 over zlib-rs.

use flate2::{FlushDecompress, Status};

use super::Decompress;
use super::coding::{Corrupt, Decoder, Offer, sealed};

/// The coding `gzip` ([RFC 1952]), of one or several members.
///
/// [RFC 1952]: https://www.rfc-editor.org/rfc/rfc1952
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing to set")]
pub struct Gzip;

/// The coding `deflate`: the zlib format ([RFC 1950]).
///
/// [RFC 1950]: https://www.rfc-editor.org/rfc/rfc1950
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing to set")]
pub struct Deflate;

/// Decodes gzip.
impl Default for Decompress {
    fn default() -> Self {
        Self::with(Gzip)
    }
}

impl sealed::Codings for Gzip {
    fn offers(self, list: &mut Vec<Offer>) {
        list.push(Offer {
            name: "gzip",
            old_name: Some("x-gzip"),
            make: || Box::new(Zlib::new(Format::Gzip)),
        });
    }
}

impl sealed::Codings for Deflate {
    fn offers(self, list: &mut Vec<Offer>) {
        list.push(Offer {
            name: "deflate",
            old_name: None,
            make: || Box::new(Zlib::new(Format::Zlib)),
        });
    }
}

/// 32 KiB, the largest window of the format.
const WINDOW_BITS: u8 = 15;

/// How many members there may be: an empty one is of 20 bytes, and each costs a decoder.
const MEMBERS: u32 = 1024;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Gzip,
    Zlib,
}

struct Zlib {
    format: Format,
    inner: flate2::Decompress,
    /// Whether a member has ended and no other begun.
    ended: bool,
    members: u32,
}

impl Zlib {
    fn new(format: Format) -> Self {
        Self {
            format,
            inner: inner(format),
            ended: false,
            members: 1,
        }
    }
}

fn inner(format: Format) -> flate2::Decompress {
    match format {
        Format::Gzip => flate2::Decompress::new_gzip(WINDOW_BITS),
        Format::Zlib => flate2::Decompress::new(true),
    }
}

impl Decoder for Zlib {
    fn decode(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<usize, Corrupt> {
        if self.ended {
            if input.is_empty() {
                return Ok(0);
            }
            if self.format == Format::Zlib || self.members == MEMBERS {
                return Err(Corrupt);
            }
            self.members += 1;
            self.ended = false;
            self.inner = inner(self.format);
        }
        let before = self.inner.total_in();
        let status = self.inner.decompress_vec(input, out, FlushDecompress::None);
        self.ended = status.map_err(|_| Corrupt)? == Status::StreamEnd;
        usize::try_from(self.inner.total_in() - before).map_err(|_| Corrupt)
    }

    fn is_whole(&self) -> bool {
        self.ended
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use proptest::prelude::*;

    use super::super::coding::Stop;
    use super::super::coding::tests::{decode, offer};
    use super::*;

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn members_add_up() {
        let coded = [gzip(b"one"), gzip(b""), gzip(b"two")].concat();
        let whole = (b"onetwo".to_vec(), true);
        assert_eq!(decode(&offer(Gzip), &[&coded]).unwrap(), whole);
        let bytes: Vec<_> = coded.chunks(1).collect();
        assert_eq!(decode(&offer(Gzip), &bytes).unwrap(), whole);
    }

    #[test]
    fn members_are_bounded() {
        let most = gzip(b"").repeat(1024);
        assert_eq!(decode(&offer(Gzip), &[&most]).unwrap(), (Vec::new(), true));
        let more = gzip(b"").repeat(1025);
        assert_eq!(decode(&offer(Gzip), &[&more]), Err(Stop::Corrupt));
    }

    #[test]
    fn a_checksum_that_is_wrong_is_found() {
        let mut coded = gzip(b"hello");
        let at = coded.len() - 8;
        coded[at] ^= 1;
        assert_eq!(decode(&offer(Gzip), &[&coded]), Err(Stop::Corrupt));
    }

    #[test]
    fn deflate_is_zlib_and_nothing_after_it() {
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(b"hello").unwrap();
        let zlib = zlib.finish().unwrap();
        let whole = (b"hello".to_vec(), true);
        assert_eq!(decode(&offer(Deflate), &[&zlib]).unwrap(), whole);
        let twice = zlib.repeat(2);
        assert_eq!(decode(&offer(Deflate), &[&twice]), Err(Stop::Corrupt));
        let mut raw = DeflateEncoder::new(Vec::new(), Compression::default());
        raw.write_all(b"hello").unwrap();
        let raw = raw.finish().unwrap();
        assert_eq!(decode(&offer(Deflate), &[&raw]), Err(Stop::Corrupt));
    }

    proptest! {
        #[test]
        fn what_was_coded_comes_back_in_any_pieces(plain: Vec<u8>, times in 0_usize..600, size in 1_usize..400) {
            let plain = plain.repeat(times);
            let coded = gzip(&plain);
            let pieces: Vec<_> = coded.chunks(size).collect();
            prop_assert_eq!(decode(&offer(Gzip), &pieces), Ok((plain, true)));
        }

        #[test]
        fn what_is_cut_short_or_goes_on_is_never_whole(plain: Vec<u8>, at: prop::sample::Index, more in 1_u8..) {
            let coded = gzip(&plain);
            let cut = decode(&offer(Gzip), &[&coded[..at.index(coded.len())]]);
            prop_assert!(!cut.unwrap().1);
            let on = decode(&offer(Gzip), &[&coded, &[more]]);
            prop_assert!(!matches!(on, Ok((_, true))));
        }

        #[test]
        fn any_bytes_will_do(bytes: Vec<u8>) {
            drop(decode(&offer(Gzip), &[&bytes]));
            drop(decode(&offer(Deflate), &[&bytes]));
        }
    }
}
