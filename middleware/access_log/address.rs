//! Addresses as text.

use std::io::Write as _;
use std::net::IpAddr;

use super::escape::Line;

/// Writes an address, or that none is known.
pub(super) fn address(ip: Option<IpAddr>, line: &mut Line<'_>) {
    let Some(ip) = ip else {
        return line.none();
    };
    line.open();
    match ip {
        IpAddr::V4(ip) => {
            let (mut text, mut bits) = (0_u128, 0);
            for octet in ip.octets() {
                let word = OCTETS.get(usize::from(octet)).copied().unwrap_or_default();
                text |= u128::from(word) << bits;
                bits += 8 * (2 + usize::from(octet >= 10) + usize::from(octet >= 100));
            }
            // The last dot is one too many.
            let end = line.buf.len() + bits / 8 - 1;
            line.buf.extend_from_slice(&text.to_le_bytes());
            line.buf.truncate(end);
        }
        // Writing to memory does not fail.
        IpAddr::V6(ip) => drop(write!(line.buf, "{ip}")),
    }
    line.close();
}

/// Every part of an IPv4 address, its digits and a dot, as the low bytes of a word: four of them
/// behind each other are at most sixteen bytes, which are written at once.
static OCTETS: [u32; 256] = {
    let mut octets = [0; 256];
    let mut rest: &mut [u32] = &mut octets;
    let mut octet = 0_u8;
    while let [word, after @ ..] = rest {
        let [hundreds, tens, ones] = [octet / 100, octet / 10 % 10, octet % 10];
        let [hundreds, tens, ones] = [b'0' + hundreds, b'0' + tens, b'0' + ones];
        *word = u32::from_le_bytes(match octet {
            0..=9 => [ones, b'.', 0, 0],
            10..=99 => [tens, ones, b'.', 0],
            100.. => [hundreds, tens, ones, b'.'],
        });
        octet = octet.wrapping_add(1);
        rest = after;
    }
    octets
};

#[cfg(test)]
mod tests {
    use super::super::escape::Style;
    use super::*;

    #[test]
    fn addresses_are_written_as_the_standard_library_does() {
        let ends = (0..=255).map(|octet| IpAddr::from([octet, 255 - octet, octet / 2, octet]));
        let others = ["::", "2001:db8::1"].map(|ip| ip.parse().unwrap());
        for ip in ends.chain(others) {
            let mut buf = b"-".to_vec();
            let style = Style::Apache;
            let mut line = Line::new(&mut buf, style, usize::MAX);
            address(Some(ip), &mut line);
            assert_eq!(buf, format!("-{ip}").as_bytes());
        }
    }
}
