//! Tags of what files contain, where their times say nothing.

/// FNV-1a of 128 bits.
///
/// It makes a strong validator: two contents that are put at one path one after the other have the
/// same hash with a probability of 2⁻¹²⁸. Only who writes the files could choose contents that
/// collide, and who can do that can as well set their times, which tags are of
/// otherwise; so that no cryptographic hash is needed. Unlike the hashes of `std` it is the
/// same in every build, and on every machine behind a balancer.
pub(super) fn content_hash(bytes: &[u8]) -> u128 {
    const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    bytes.iter().fold(BASIS, |hash, byte| {
        (hash ^ u128::from(*byte)).wrapping_mul(PRIME)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_published_one() {
        for (text, hash) in [
            ("", 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d),
            ("a", 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964),
            ("foobar", 0x343e_1662_793c_64bf_6f0d_3597_ba44_6f18),
        ] {
            assert_eq!(content_hash(text.as_bytes()), hash);
        }
    }
}
