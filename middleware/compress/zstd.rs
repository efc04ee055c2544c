//! Zstandard, of the zstd crate.

use zstd::zstd_safe::zstd_sys::ZSTD_EndDirective as Directive;
use zstd::zstd_safe::{CCtx, CParameter, InBuffer, OutBuffer, ResetDirective, compress_bound};

use super::coding::{Broken, Encoder, Offer, Then, sealed};
use crate::header::accept_encoding::Coding;

/// The coding `zstd` ([RFC 8878]).
///
/// [RFC 8878]: https://www.rfc-editor.org/rfc/rfc8878
#[derive(Clone, Copy, Debug)]
pub struct Zstd {
    level: i32,
}

/// 512 KiB of window: few answers are larger. A client need not read windows of more
/// than 8 MiB (RFC 9659, section 3), which the levels from 20 on would exceed.
const WINDOW_BITS: u32 = 19;

impl Zstd {
    /// Codes at `level`: 1 is the fastest, 22 the smallest; the nearest is taken.
    ///
    /// 3 by default, as in the library: up to a tenth larger than gzip at 6, in a quarter of
    /// its time. The coder of a stream is below 1 MiB then, but 10 MiB at 9 and 80 at 19:
    /// those are not for answers that stay open. The window is 512 KiB, well within the
    /// 8 MiB that every client reads ([RFC 9659]).
    ///
    /// [RFC 9659]: https://www.rfc-editor.org/rfc/rfc9659
    pub fn level(level: u32) -> Self {
        let level = i32::try_from(level.clamp(1, 22)).unwrap_or(3);
        Self { level }
    }
}

impl Default for Zstd {
    fn default() -> Self {
        Self::level(3)
    }
}

impl sealed::Codings for Zstd {
    fn offers(self, list: &mut Vec<Offer>) {
        list.push(Offer::new(Coding::Zstd, move || Stream::new(self.level)));
    }
}

struct Stream {
    context: CCtx<'static>,
    /// Whether the context was set up; if not, nothing is coded by it.
    usable: bool,
}

impl Stream {
    fn new(level: i32) -> Self {
        let mut context = CCtx::create();
        let leveled = context.set_parameter(CParameter::CompressionLevel(level));
        let narrowed = context.set_parameter(CParameter::WindowLog(WINDOW_BITS));
        let usable = leveled.is_ok() && narrowed.is_ok();
        Self { context, usable }
    }
}

/// How much room for output is made at once.
const ROOM: usize = 16 * 1024;

impl Encoder for Stream {
    fn push(&mut self, input: &[u8], out: &mut Vec<u8>, then: Then) -> Result<(), Broken> {
        let directive = match then {
            Then::End => Directive::ZSTD_e_end,
            Then::More => Directive::ZSTD_e_continue,
            Then::Pause => Directive::ZSTD_e_flush,
        };
        if !self.usable {
            return Err(Broken);
        }
        let mut input = InBuffer::around(input);
        loop {
            out.reserve(ROOM);
            let at = out.len();
            let mut buffer = OutBuffer::around_pos(&mut *out, at);
            let left = self
                .context
                .compress_stream2(&mut buffer, &mut input, directive);
            let left = left.map_err(|_| Broken)?;
            let taken = input.pos() == input.src.len();
            if taken && (then == Then::More || left == 0) {
                return Ok(());
            }
        }
    }

    fn reset(&mut self) {
        self.usable &= self.context.reset(ResetDirective::SessionOnly).is_ok();
    }

    fn whole(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), Broken> {
        out.reserve(compress_bound(input.len()));
        self.push(input, out, Then::End)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_reset_encoder_is_as_new() {
        let mut encoder = Stream::new(3);
        let (mut once, mut again) = (Vec::new(), Vec::new());
        encoder.whole(b"the same", &mut once).unwrap();
        encoder.push(b"broken off", &mut again, Then::More).unwrap();
        again.clear();
        encoder.reset();
        encoder.whole(b"the same", &mut again).unwrap();
        assert_eq!(once, again);
        assert_eq!(zstd::decode_all(&*once).unwrap(), b"the same");
    }

    #[test]
    fn windows_are_bounded() {
        let mut encoder = Stream::new(22);
        let mut out = Vec::new();
        encoder.push(&[b'x'; 1000], &mut out, Then::More).unwrap();
        encoder.push(&[], &mut out, Then::End).unwrap();
        // The window descriptor follows the magic number and the frame header (RFC 8878, 3.1.1.1.2).
        assert_eq!(out[4] & 0x20, 0, "not a single segment");
        assert!(10 + u32::from(out[5] >> 3) <= WINDOW_BITS);
    }

    #[test]
    fn what_is_flushed_can_be_read_at_once() {
        let mut encoder = Stream::new(3);
        let (mut out, mut plain) = (Vec::new(), String::new());
        for text in ["one", "two", "three"] {
            encoder.push(text.as_bytes(), &mut out, Then::More).unwrap();
            encoder.push(&[], &mut out, Then::Pause).unwrap();
            plain.push_str(text);
            let mut got = vec![0; plain.len()];
            let mut decoder = zstd::Decoder::new(&*out).unwrap();
            std::io::Read::read_exact(&mut decoder, &mut got).unwrap();
            assert_eq!(got, plain.as_bytes());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn any_pieces_come_back_as_they_were(
            pieces in proptest::collection::vec((any::<Vec<u8>>(), 0_usize..400, any::<bool>()), 0..8),
            level in 1_u32..=12,
        ) {
            let mut encoder = Stream::new(Zstd::level(level).level);
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
            prop_assert_eq!(zstd::decode_all(&*out).unwrap(), plain);
        }
    }
}
