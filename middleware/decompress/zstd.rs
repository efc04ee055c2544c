//! Zstandard, of the zstd crate.

use zstd::zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer};

use super::coding::{Corrupt, Decoder, Offer, sealed};

/// The coding `zstd` ([RFC 8878]), of one or several frames.
///
/// [RFC 8878]: https://www.rfc-editor.org/rfc/rfc8878
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing to set")]
pub struct Zstd;

/// 8 MiB of window, and no client may need more (RFC 9659, section 3).
const WINDOW_BITS: u32 = 23;

impl sealed::Codings for Zstd {
    fn offers(self, list: &mut Vec<Offer>) {
        list.push(Offer {
            name: "zstd",
            old_name: None,
            make: || Box::new(Stream::new()),
        });
    }
}

struct Stream {
    context: DCtx<'static>,
    /// Whether the context was set up; if not, nothing is decoded by it.
    usable: bool,
    /// Whether a frame has ended and no other begun.
    ended: bool,
}

impl Stream {
    fn new() -> Self {
        let mut context = DCtx::create();
        let narrowed = context.set_parameter(DParameter::WindowLogMax(WINDOW_BITS));
        Self {
            context,
            usable: narrowed.is_ok(),
            ended: false,
        }
    }
}

impl Decoder for Stream {
    fn decode(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<usize, Corrupt> {
        if !self.usable {
            return Err(Corrupt);
        }
        let mut input = InBuffer::around(input);
        // Without input it would begin another frame.
        while !(self.ended && input.pos() == input.src.len()) {
            let (taken, at) = (input.pos(), out.len());
            let mut buffer = OutBuffer::around_pos(&mut *out, at);
            let wanted = self.context.decompress_stream(&mut buffer, &mut input);
            self.ended = wanted.map_err(|_| Corrupt)? == 0;
            let still = input.pos() == taken && out.len() == at;
            if still || out.len() == out.capacity() {
                break;
            }
        }
        Ok(input.pos())
    }

    fn is_whole(&self) -> bool {
        self.ended
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::coding::Stop;
    use super::super::coding::tests::{decode, offer};
    use super::*;

    fn zstd(plain: &[u8]) -> Vec<u8> {
        zstd::encode_all(plain, 3).unwrap()
    }

    #[test]
    fn frames_add_up() {
        let skipped = [0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 1, 2];
        let coded = [&zstd(b"one")[..], &skipped, &zstd(b"two")].concat();
        let whole = (b"onetwo".to_vec(), true);
        assert_eq!(decode(&offer(Zstd), &[&coded]).unwrap(), whole);
        let bytes: Vec<_> = coded.chunks(1).collect();
        assert_eq!(decode(&offer(Zstd), &bytes).unwrap(), whole);
        let on = [&coded[..], b"more"].concat();
        assert_eq!(decode(&offer(Zstd), &[&on]), Err(Stop::Corrupt));
    }

    #[test]
    fn windows_beyond_8_mib_are_refused() {
        // A frame without a size, with a window of 2^24 (RFC 8878, section 3.1.1.1.2).
        let wide = [0x28, 0xb5, 0x2f, 0xfd, 0, (24 - 10) << 3, 1, 0, 0];
        assert_eq!(decode(&offer(Zstd), &[&wide]), Err(Stop::Corrupt));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn what_was_coded_comes_back_in_any_pieces(plain: Vec<u8>, times in 0_usize..600, size in 1_usize..400) {
            let plain = plain.repeat(times);
            let coded = zstd(&plain);
            let pieces: Vec<_> = coded.chunks(size).collect();
            prop_assert_eq!(decode(&offer(Zstd), &pieces), Ok((plain, true)));
        }

        #[test]
        fn what_is_cut_short_is_never_whole(plain: Vec<u8>, at: prop::sample::Index) {
            let coded = zstd(&plain);
            let cut = decode(&offer(Zstd), &[&coded[..at.index(coded.len())]]);
            prop_assert!(!matches!(cut, Ok((_, true))));
        }

        #[test]
        fn any_bytes_will_do(bytes: Vec<u8>) {
            drop(decode(&offer(Zstd), &[&bytes]));
        }
    }
}
