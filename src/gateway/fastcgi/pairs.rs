//! Names and values (section 3.4).

use bytes::{Buf as _, BufMut as _, BytesMut};

use super::super::behind::Most;
use crate::environ::Environ;

/// Names and values, as far as they have come.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    environ: Environ,
    /// The beginning of the next pair.
    rest: BytesMut,
    too_large: bool,
}

impl Pairs {
    /// Goes on with the next bytes of the stream.
    pub(super) fn push(&mut self, bytes: &[u8], most: Most) {
        if self.too_large {
            return;
        }
        self.rest.extend_from_slice(bytes);
        while let Some((name, value, start)) = lengths(&self.rest) {
            let Some(length) = name.checked_add(value).filter(|&l| l <= most.bytes) else {
                self.give_up();
                return;
            };
            if self.rest.len() < start + length {
                break;
            }
            self.rest.advance(start);
            let pair = self.rest.split_to(length);
            let (name, value) = pair.split_at_checked(name).unwrap_or_default();
            self.environ.push(name, value);
            if most.is_passed(&self.environ) {
                self.give_up();
                return;
            }
        }
        if self.rest.len() > most.bytes {
            self.give_up();
        }
    }

    fn give_up(&mut self) {
        self.too_large = true;
        self.environ = Environ::new();
        self.rest = BytesMut::new();
    }

    /// What there is at the end of the stream.
    pub(super) fn finish(self) -> Result<Environ, Unfinished> {
        if self.too_large {
            Err(Unfinished::TooLarge)
        } else if self.rest.is_empty() {
            Ok(self.environ)
        } else {
            Err(Unfinished::CutShort)
        }
    }
}

/// Why there are no variables.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Unfinished {
    CutShort,
    TooLarge,
}

/// The lengths of the next name and value, and of the two lengths, if they are there.
fn lengths(bytes: &[u8]) -> Option<(usize, usize, usize)> {
    let (name, rest) = length(bytes)?;
    let (value, rest) = length(rest)?;
    Some((name, value, bytes.len() - rest.len()))
}

/// One byte below 128, or four with the highest bit set.
fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    match bytes {
        [short @ 0..=0x7f, rest @ ..] => Some((usize::from(*short), rest)),
        [a, b, c, d, rest @ ..] => {
            let long = u32::from_be_bytes([a & 0x7f, *b, *c, *d]);
            Some((usize::try_from(long).unwrap_or(usize::MAX), rest))
        }
        _ => None,
    }
}

/// Writes a name and a value that are short.
pub(super) fn encode(name: &[u8], value: &[u8], out: &mut BytesMut) {
    for text in [name, value] {
        out.put_u8(u8::try_from(text.len()).unwrap_or_default() & 0x7f);
    }
    out.put_slice(name);
    out.put_slice(value);
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const MOST: Most = Most {
        bytes: 1000,
        variables: 20,
        requests: 1,
        connections: 1,
    };

    /// As a front server writes them; a short length may be written long as well.
    fn written(pairs: &[(Vec<u8>, Vec<u8>, bool)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (name, value, long) in pairs {
            for text in [name, value] {
                match u8::try_from(text.len()) {
                    Ok(short @ 0..128) if !long => bytes.push(short),
                    _ => {
                        let long = u32::try_from(text.len()).unwrap() | 1 << 31;
                        bytes.extend(long.to_be_bytes());
                    }
                }
            }
            bytes.extend(name);
            bytes.extend(value);
        }
        bytes
    }

    fn parsed(bytes: &[u8], cut: usize) -> Result<Environ, Unfinished> {
        let mut pairs = Pairs::default();
        for piece in bytes.chunks(cut) {
            pairs.push(piece, MOST);
        }
        pairs.finish()
    }

    proptest! {
        #[test]
        fn pairs_come_back_however_they_are_cut(
            pairs in vec((vec(any::<u8>(), 0..200), vec(any::<u8>(), 0..200), any::<bool>()), 0..3),
            cut in 1..50_usize,
        ) {
            let bytes = written(&pairs);
            let environ: Environ = pairs.iter().map(|(n, v, _)| (n, v)).collect();
            prop_assert_eq!(parsed(&bytes, cut).unwrap(), environ);
            if let Some((_, less)) = bytes.split_last() {
                prop_assert_eq!(parsed(less, cut).unwrap_err(), Unfinished::CutShort);
            }
        }

        #[test]
        fn any_bytes_are_pairs_or_not(bytes in vec(any::<u8>(), 0..3000), cut in 1..500_usize) {
            if let Ok(environ) = parsed(&bytes, cut) {
                prop_assert!(environ.bytes() <= MOST.bytes && environ.len() <= MOST.variables);
            }
        }
    }

    #[test]
    fn more_than_is_allowed_is_too_large() {
        let many = vec![(b"a".to_vec(), Vec::new(), false); 21];
        assert_eq!(parsed(&written(&many), 7), Err(Unfinished::TooLarge));
        let long = [(b"a".to_vec(), vec![b'x'; 1000], false)];
        assert_eq!(parsed(&written(&long), 7), Err(Unfinished::TooLarge));
        // Two gigabytes that never come are not waited for.
        assert_eq!(
            parsed(b"\x01\xff\xff\xff\xff", 9),
            Err(Unfinished::TooLarge)
        );
    }
}
