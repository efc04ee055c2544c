//! The checksum `CRC32c` (RFC 9260, appendix A).

/// The polynomial, from its lowest bit.
const POLYNOMIAL: u32 = 0x82f6_3b78;

/// The checksum of `bytes`, with zeros instead of the four that begin at `at`.
///
/// Bit by bit: a header has a few dozen bytes.
pub(super) fn without(bytes: &[u8], at: usize) -> u32 {
    let mut sum = u32::MAX;
    for (i, byte) in bytes.iter().enumerate() {
        let byte = if (at..at + 4).contains(&i) { 0 } else { *byte };
        sum ^= u32::from(byte);
        for _ in 0..8 {
            sum = (sum >> 1) ^ (POLYNOMIAL & (sum & 1).wrapping_neg());
        }
    }
    !sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_that_of_the_standard() {
        // The check value of the CRC catalogue, and appendix B.4 of RFC 3720.
        assert_eq!(without(b"123456789", 100), 0xe306_9283);
        assert_eq!(without(&[0; 32], 100), 0x8a91_36aa);
        assert_eq!(without(&[0xff; 4], 0), without(&[0; 4], 100));
    }
}
