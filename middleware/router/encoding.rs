//! How the tree reads paths: which bytes may have to be written otherwise, and how long pieces are.

use crate::target::encoding::{Unit, is_plain, units};

pub(super) use crate::target::encoding::{advance, is_well_encoded, normal};

/// How long `piece` is in the normal form.
pub(super) fn normal_len(piece: &[u8]) -> usize {
    units(piece).map(Unit::normal_len).sum()
}

/// Whether each byte is not plain.
const ODD: [bool; 256] = {
    let mut odd = [false; 256];
    let mut byte = 0;
    while byte <= u8::MAX as usize {
        #[expect(clippy::cast_possible_truncation, reason = "it is a byte")]
        #[expect(clippy::indexing_slicing, reason = "it is a byte")]
        {
            odd[byte] = !is_plain(byte as u8);
        }
        byte += 1;
    }
    odd
};

/// Whether there is a byte that may have to be written otherwise in the normal form.
#[inline]
pub(super) fn has_odd(path: &[u8]) -> bool {
    path.iter().any(|&byte| is_odd(byte))
}

#[inline]
fn is_odd(byte: u8) -> bool {
    #[expect(clippy::indexing_slicing, reason = "there is an entry for each byte")]
    ODD[usize::from(byte)]
}

/// Where the segment at the beginning of `path` ends, and whether it has an odd byte.
#[inline]
pub(super) fn segment(path: &[u8]) -> (usize, bool) {
    let mut odd = false;
    let end = path.iter().position(|&byte| {
        odd |= is_odd(byte);
        byte == b'/'
    });
    (end.unwrap_or(path.len()), odd)
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_path_without_odd_bytes_is_normal() {
        for byte in 0..=u8::MAX {
            let path = char::from(byte).to_string();
            let is_normal = matches!(normal(&path), Cow::Borrowed(_));
            assert_eq!(has_odd(path.as_bytes()), !is_normal, "{byte:#x}");
        }
        assert_eq!(segment(b"ab/%"), (2, false));
        assert_eq!(segment(b"a%41"), (4, true));
    }

    proptest! {
        #[test]
        fn a_normal_path_is_as_long_as_it_is_normal(path in "/([a-c/%4éA{-]|%[0-9a-f]{2}){0,20}") {
            prop_assert_eq!(normal_len(path.as_bytes()), normal(&path).len());
        }
    }
}
