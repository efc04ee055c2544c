//! Looks for bytes, a word at a time.

/// Where the first of `wanted` is, or the length if there is none.
#[inline]
pub(super) fn find<const N: usize>(bytes: &[u8], wanted: [u8; N]) -> usize {
    const ONES: u64 = u64::MAX / 0xff;
    // Eight at a time: of a word less one a byte, the lowest that had to borrow was zero.
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let hits = wanted.iter().fold(0, |hits, &byte| {
            let zero = word ^ (ONES * u64::from(byte));
            hits | (zero.wrapping_sub(ONES) & !zero & (ONES << 7))
        });
        if hits != 0 {
            return index * 8 + hits.trailing_zeros() as usize / 8;
        }
    }
    let within = rest.iter().position(|byte| wanted.contains(byte));
    bytes.len() - rest.len() + within.unwrap_or(rest.len())
}

/// What is behind the first byte of `wanted`, and which it is.
#[inline]
pub(super) fn behind<const N: usize>(bytes: &[u8], wanted: [u8; N]) -> Option<(u8, &[u8])> {
    let found = bytes.get(find(bytes, wanted)..)?;
    found.split_first().map(|(&byte, behind)| (byte, behind))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_first_of_two_bytes_is_found(bytes in prop::collection::vec(any::<u8>(), 0..70), one: u8, other: u8) {
            let wanted = [one, other];
            let expected = bytes.iter().position(|byte| wanted.contains(byte));
            prop_assert_eq!(find(&bytes, wanted), expected.unwrap_or(bytes.len()));
        }

        #[test]
        fn the_first_newline_is_found(bytes in prop::collection::vec(8_u8..12, 0..70)) {
            let expected = bytes.iter().position(|&byte| byte == b'\n');
            prop_assert_eq!(find(&bytes, [b'\n']), expected.unwrap_or(bytes.len()));
        }

        #[test]
        fn what_is_behind_a_byte_is_found(bytes in prop::collection::vec(8_u8..12, 0..70)) {
            let expected = bytes.iter().position(|&byte| byte == b'\n').map(|at| (b'\n', &bytes[at + 1..]));
            prop_assert_eq!(behind(&bytes, [b'\n']), expected);
        }
    }
}
