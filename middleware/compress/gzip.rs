//! gzip and deflate, of flate2 over zlib-rs.

use flate2::{Compression, FlushCompress, Status};

use super::Compress;
use super::coding::{Broken, Encoder, Offer, Then, sealed};
use crate::header::accept_encoding::Coding;

/// The coding `gzip` ([RFC 1952]), which every client reads.
///
/// [RFC 1952]: https://www.rfc-editor.org/rfc/rfc1952
#[derive(Clone, Copy, Debug)]
pub struct Gzip(Compression);

/// The coding `deflate`: the zlib format ([RFC 1950]), as [RFC 9110, section 8.4.1.2] has it.
///
/// Some old clients expect the raw format under this name, which the section notes.
/// Every client that reads `deflate` reads `gzip`, so this is for those that
/// ask for nothing else.
///
/// [RFC 1950]: https://www.rfc-editor.org/rfc/rfc1950
/// [RFC 9110, section 8.4.1.2]: https://www.rfc-editor.org/rfc/rfc9110#section-8.4.1.2
#[derive(Clone, Copy, Debug)]
pub struct Deflate(Compression);

/// 6, zlib's own default: beyond it text shrinks by 1 to 2 % more for twice the time.
const DEFAULT: u32 = 6;

/// 32 KiB, the largest window of the format.
const WINDOW_BITS: u8 = 15;

impl Gzip {
    /// Codes at `level`: 1 is the fastest, 9 the smallest; the nearest is taken.
    ///
    /// 6 by default.
    pub fn level(level: u32) -> Self {
        Self(Compression::new(level.clamp(1, 9)))
    }
}

impl Default for Gzip {
    fn default() -> Self {
        Self::level(DEFAULT)
    }
}

impl Deflate {
    /// Codes at `level`: 1 is the fastest, 9 the smallest; the nearest is taken.
    ///
    /// 6 by default.
    pub fn level(level: u32) -> Self {
        Self(Compression::new(level.clamp(1, 9)))
    }
}

impl Default for Deflate {
    fn default() -> Self {
        Self::level(DEFAULT)
    }
}

/// Offers gzip at level 6.
impl Default for Compress {
    fn default() -> Self {
        Self::with(Gzip::default())
    }
}

impl sealed::Codings for Gzip {
    fn offers(self, list: &mut Vec<Offer>) {
        list.push(Offer::new(Coding::Gzip, move || {
            Zlib(flate2::Compress::new_gzip(self.0, WINDOW_BITS))
        }));
    }
}

impl sealed::Codings for Deflate {
    fn offers(self, list: &mut Vec<Offer>) {
        list.push(Offer::new(Coding::Deflate, move || {
            Zlib(flate2::Compress::new(self.0, true))
        }));
    }
}

/// Either of the two; they differ in head and tail only.
struct Zlib(flate2::Compress);

/// How much room for output is made at once, at least.
const ROOM: usize = 4096;

impl Encoder for Zlib {
    fn push(&mut self, mut input: &[u8], out: &mut Vec<u8>, then: Then) -> Result<(), Broken> {
        let flush = match then {
            Then::End => FlushCompress::Finish,
            Then::More => FlushCompress::None,
            Then::Pause => FlushCompress::Sync,
        };
        loop {
            out.reserve(ROOM.max(input.len() / 2));
            let before = self.0.total_in();
            let status = self.0.compress_vec(input, out, flush);
            let status = status.map_err(|_| Broken)?;
            let taken = usize::try_from(self.0.total_in() - before).map_err(|_| Broken)?;
            input = input.get(taken..).ok_or(Broken)?;
            // Room left over means that there was no more to say.
            let room = out.len() < out.capacity();
            if status == Status::StreamEnd || (input.is_empty() && room && then != Then::End) {
                return Ok(());
            }
        }
    }

    fn reset(&mut self) {
        self.0.reset();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use proptest::prelude::*;

    use super::*;

    fn unzip(coded: &[u8]) -> Vec<u8> {
        let mut plain = Vec::new();
        let mut decoder = flate2::read::GzDecoder::new(coded);
        decoder.read_to_end(&mut plain).unwrap();
        plain
    }

    fn gzip(level: u32) -> Zlib {
        Zlib(flate2::Compress::new_gzip(
            Gzip::level(level).0,
            WINDOW_BITS,
        ))
    }

    #[test]
    fn levels_beyond_the_range_are_the_nearest() {
        assert_eq!(Gzip::level(0).0.level(), 1);
        assert_eq!(Deflate::level(99).0.level(), 9);
    }

    #[test]
    fn what_is_flushed_can_be_read_at_once() {
        let mut encoder = gzip(6);
        let mut out = Vec::new();
        let mut decoder = flate2::Decompress::new_gzip(WINDOW_BITS);
        for text in ["one", "two", "three"] {
            out.clear();
            encoder.push(text.as_bytes(), &mut out, Then::More).unwrap();
            encoder.push(&[], &mut out, Then::Pause).unwrap();
            let mut plain = Vec::with_capacity(100);
            let flush = flate2::FlushDecompress::Sync;
            decoder.decompress_vec(&out, &mut plain, flush).unwrap();
            assert_eq!(plain, text.as_bytes());
        }
    }

    #[test]
    fn a_flush_with_nothing_to_say_ends() {
        let mut encoder = gzip(6);
        let mut out = Vec::new();
        for _ in 0..3 {
            encoder.push(&[], &mut out, Then::Pause).unwrap();
        }
        encoder.push(&[], &mut out, Then::End).unwrap();
        assert_eq!(unzip(&out), b"");
    }

    #[test]
    fn a_reset_encoder_is_as_new() {
        let mut encoder = gzip(6);
        let (mut once, mut again) = (Vec::new(), Vec::new());
        encoder.whole(b"the same", &mut once).unwrap();
        encoder.reset();
        encoder.push(b"broken off", &mut again, Then::More).unwrap();
        again.clear();
        encoder.reset();
        encoder.whole(b"the same", &mut again).unwrap();
        assert_eq!(once, again);
    }

    proptest! {
        #[test]
        fn any_pieces_come_back_as_they_were(
            pieces in proptest::collection::vec((any::<Vec<u8>>(), 0_usize..400, any::<bool>()), 0..8),
            level in 1_u32..=9,
        ) {
            let mut encoder = gzip(level);
            let (mut plain, mut out) = (Vec::new(), Vec::new());
            for (piece, times, flush) in pieces {
                let piece = piece.repeat(times);
                encoder.push(&piece, &mut out, Then::More).unwrap();
                plain.extend_from_slice(&piece);
                if flush {
                    encoder.push(&[], &mut out, Then::Pause).unwrap();
                }
            }
            encoder.push(&[], &mut out, Then::End).unwrap();
            prop_assert_eq!(unzip(&out), plain);
        }
    }
}
