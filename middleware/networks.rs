//! Networks in CIDR notation.

use std::error::Error as StdError;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A network: an address and how many of its bits count.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Network {
    address: u128,
    mask: u128,
    bits: u8,
    v6: bool,
}

/// A list of networks, written `10.0.0.0/8,2001:db8::/32`; a lone address is a network of one.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Networks(Vec<Network>);

impl Networks {
    /// Whether there are none, as by default.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `ip` is in one of them; a v4-mapped address counts as what it maps.
    pub fn contain(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        let bits = bits(ip);
        self.0
            .iter()
            .any(|net| net.v6 == ip.is_ipv6() && bits & net.mask == net.address)
    }
}

/// How many bits of a v4-mapped address say that it is one.
const MAPPED: u8 = 96;

/// An address in the highest bits.
fn bits(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => u128::from(ip.to_bits()) << 96,
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

/// As many ones as said, from the highest bit.
pub fn mask(ones: u8) -> u128 {
    u128::MAX
        .checked_shl(128_u32.saturating_sub(ones.into()))
        .unwrap_or(0)
}

impl FromStr for Network {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (ip, ones) = match text.split_once('/') {
            Some((ip, ones)) => (ip, Some(ones)),
            None => (text, None),
        };
        let ip: IpAddr = ip.parse().map_err(drop)?;
        let most = if ip.is_ipv6() { 128 } else { 32 };
        let ones: u8 = match ones {
            // `parse` takes a sign.
            Some(ones) if ones.bytes().all(|b| b.is_ascii_digit()) => ones.parse().map_err(drop)?,
            Some(_) => return Err(()),
            None => most,
        };
        if ones > most {
            return Err(());
        }
        // One of v4-mapped addresses is that of what they map: by that it is looked for. One that is wider has others as well.
        let (ip, ones) = match (ip.to_canonical(), ones.checked_sub(MAPPED)) {
            (v4, Some(ones)) if v4 != ip => (v4, ones),
            _ => (ip, ones),
        };
        let mask = mask(ones);
        Ok(Self {
            address: bits(ip) & mask,
            mask,
            bits: ones,
            v6: ip.is_ipv6(),
        })
    }
}

impl FromStr for Networks {
    type Err = NotNetworks;

    fn from_str(text: &str) -> Result<Self, NotNetworks> {
        text.split(',')
            .map(|network| network.trim().parse())
            .collect::<Result<_, _>>()
            .map(Self)
            .map_err(|()| NotNetworks(text.to_owned()))
    }
}

/// A text that lists no networks, or something besides.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NotNetworks(String);

impl fmt::Display for NotNetworks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is no list of networks, as `10.0.0.0/8,2001:db8::/32` is",
            self.0.escape_debug()
        )
    }
}

impl StdError for NotNetworks {}

impl fmt::Display for Networks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, net) in self.0.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            let ip = if net.v6 {
                IpAddr::from(net.address.to_be_bytes())
            } else {
                let v4 = (net.address >> 96) as u32;
                IpAddr::from(v4.to_be_bytes())
            };
            write!(f, "{comma}{ip}/{}", net.bits)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(networks: &str, ip: &str) -> bool {
        let networks: Networks = networks.parse().unwrap();
        networks.contain(ip.parse().unwrap())
    }

    #[test]
    fn bits_beyond_the_prefix_do_not_count() {
        assert!(contains("10.1.2.3/8", "10.255.0.1"));
        assert!(!contains("10.0.0.0/8", "11.0.0.1"));
        assert!(contains("192.0.2.1, 2001:db8::/32", "2001:db8:ffff::1"));
        assert!(contains("192.0.2.1", "192.0.2.1"));
        assert!(!contains("192.0.2.1", "192.0.2.2"));
        assert!(contains("0.0.0.0/0", "203.0.113.9"));
        assert!(contains("10.0.0.0/8", "::ffff:10.0.0.1"));
    }

    #[test]
    fn a_network_of_mapped_addresses_is_that_of_what_they_map() {
        assert!(contains("::ffff:10.0.0.0/104", "10.255.0.1"));
        assert!(contains("::ffff:10.0.0.0/104", "::ffff:10.0.0.1"));
        assert!(!contains("::ffff:10.0.0.0/104", "11.0.0.1"));
        assert!(contains("::ffff:192.0.2.1", "192.0.2.1"));
        assert!(contains("::ffff:0:0/96", "203.0.113.9"));
        assert!(!contains("::ffff:0:0/96", "2001:db8::1"));
        let networks: Networks = "::ffff:10.9.9.9/104".parse().unwrap();
        assert_eq!(networks.to_string(), "10.0.0.0/8");
        // Wider than all of them: a network of IPv6, as `::/0` is.
        assert!(!contains("::ffff:0:0/95", "192.0.2.1"));
        assert!(contains("::ffff:0:0/95", "::fffe:0:1"));
    }

    #[test]
    fn families_are_kept_apart() {
        assert!(!contains("0.0.0.0/0", "2001:db8::1"));
        assert!(!contains("::/0", "192.0.2.1"));
    }

    #[test]
    fn what_is_no_network_is_told_so() {
        for text in [
            "",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/+8",
            "10/8",
            "a",
            "10.0.0.0/",
            "::1,",
        ] {
            assert!(text.parse::<Networks>().is_err(), "{text}");
        }
        let networks: Networks = "10.9.9.9/8,::1".parse().unwrap();
        assert_eq!(networks.to_string(), "10.0.0.0/8,::1/128");
    }
}
