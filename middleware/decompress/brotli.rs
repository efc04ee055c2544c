//! Brotli, of the brotli crate.

use brotli::enc::StandardAlloc;
use brotli::{BrotliDecompressStream, BrotliResult, BrotliState};

use super::coding::{Corrupt, Decoder, Offer, sealed};

/// The coding `br` ([RFC 7932]).
///
/// Windows are of up to 16 MiB, all that the format has; its extension for large ones is refused.
///
/// [RFC 7932]: https://www.rfc-editor.org/rfc/rfc7932
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing to set")]
pub struct Brotli;

impl sealed::Codings for Brotli {
    fn offers(self, list: &mut Vec<Offer>) {
        list.push(Offer {
            name: "br",
            old_name: None,
            make: || Box::new(Stream::new()),
        });
    }
}

type State = BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>;

struct Stream {
    state: Box<State>,
    /// Whether the stream has ended; nothing may follow it.
    ended: bool,
}

/// How much room for output the decoder is given at once: it wants it filled with something.
const ROOM: usize = 4096;

impl Stream {
    fn new() -> Self {
        let alloc = StandardAlloc::default;
        Self {
            state: Box::new(BrotliState::new_strict(alloc(), alloc(), alloc())),
            ended: false,
        }
    }
}

impl Decoder for Stream {
    fn decode(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<usize, Corrupt> {
        if self.ended {
            return if input.is_empty() {
                Ok(0)
            } else {
                Err(Corrupt)
            };
        }
        let (mut left, mut taken) = (input.len(), 0);
        loop {
            let at = out.len();
            let mut room = ROOM.min(out.capacity() - at);
            let mut end = at;
            if room == 0 {
                return Ok(taken);
            }
            out.resize(at + room, 0);
            let result = BrotliDecompressStream(
                &mut left,
                &mut taken,
                input,
                &mut room,
                &mut end,
                out,
                &mut 0,
                &mut self.state,
            );
            out.truncate(end);
            match result {
                BrotliResult::ResultSuccess => {
                    self.ended = true;
                    return Ok(taken);
                }
                BrotliResult::NeedsMoreInput => return Ok(taken),
                BrotliResult::NeedsMoreOutput => {}
                BrotliResult::ResultFailure => return Err(Corrupt),
            }
        }
    }

    fn is_whole(&self) -> bool {
        self.ended
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::super::coding::Stop;
    use super::super::coding::tests::{decode, offer};
    use super::*;

    fn brotli(plain: &[u8]) -> Vec<u8> {
        let mut encoder = brotli::CompressorWriter::new(Vec::new(), 4096, 3, 19);
        encoder.write_all(plain).unwrap();
        encoder.into_inner()
    }

    #[test]
    fn nothing_follows_the_end() {
        let mut coded = brotli(b"hello");
        let whole = (b"hello".to_vec(), true);
        assert_eq!(decode(&offer(Brotli), &[&coded]), Ok(whole));
        coded.push(0);
        assert_eq!(decode(&offer(Brotli), &[&coded]), Err(Stop::Corrupt));
    }

    #[test]
    fn windows_beyond_the_format_are_refused() {
        // 0x11 begins the extension, and the next byte says 2^30.
        assert_eq!(
            decode(&offer(Brotli), &[&[0x11, 30, 0, 0]]),
            Err(Stop::Corrupt)
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn what_was_coded_comes_back_in_any_pieces(plain: Vec<u8>, times in 0_usize..600, size in 1_usize..400) {
            let plain = plain.repeat(times);
            let coded = brotli(&plain);
            let pieces: Vec<_> = coded.chunks(size).collect();
            prop_assert_eq!(decode(&offer(Brotli), &pieces), Ok((plain, true)));
        }

        #[test]
        fn what_is_cut_short_is_never_whole(plain: Vec<u8>, at: prop::sample::Index) {
            let coded = brotli(&plain);
            let cut = decode(&offer(Brotli), &[&coded[..at.index(coded.len())]]);
            prop_assert!(!matches!(cut, Ok((_, true))));
        }

        #[test]
        fn any_bytes_will_do(bytes: Vec<u8>) {
            drop(decode(&offer(Brotli), &[&bytes]));
        }
    }
}
