//! The grammar of a host and a port (RFC 3986, section 3.2; RFC 9110, section 7.2).

use std::net::Ipv6Addr;

use http::uri::Authority;

/// An authority that is a host and perhaps a port, without anyone's name or password
/// (RFC 9110, section 4.2.4).
pub(super) fn is_authority(authority: &Authority) -> bool {
    let authority = authority.as_str().as_bytes();
    !authority.is_empty() && is_host(authority)
}

/// `uri-host [ ":" port ]`, or nothing, for a target without an authority.
pub(super) fn is_host(value: &[u8]) -> bool {
    let end = match value {
        [] => return true,
        [b'[', literal @ ..] => match literal.iter().position(|&byte| byte == b']') {
            Some(end) if is_ip_literal(literal.get(..end).unwrap_or_default()) => end + 2,
            _ => return false,
        },
        _ => match reg_name(value) {
            Some(end) if end > 0 => end,
            _ => return false,
        },
    };
    match value.get(end..) {
        Some([b':', port @ ..]) => is_port(port),
        Some(rest) => rest.is_empty(),
        None => false,
    }
}

/// A host of this grammar without its port.
pub(super) fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        // In an address in brackets there are colons too.
        Some((name, port)) if !port.ends_with(']') => name,
        _ => host,
    }
}

/// Where the registered name or IPv4 address ends (RFC 3986, section 3.2.2).
fn reg_name(value: &[u8]) -> Option<usize> {
    let mut end = 0;
    loop {
        let rest = value.get(end..)?;
        let Some(plain) = rest.iter().position(|&byte| !is_reg_name(byte)) else {
            return Some(value.len());
        };
        end += plain;
        match rest.get(plain..)? {
            [b':', ..] => return Some(end),
            [b'%', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                end += 3;
            }
            _ => return None,
        }
    }
}

#[inline]
fn is_reg_name(byte: u8) -> bool {
    REG_NAME.get(usize::from(byte)) == Some(&true)
}

/// Unreserved characters and sub-delimiters (RFC 3986, section 2).
const REG_NAME: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        #[expect(clippy::indexing_slicing, reason = "a byte is below 256")]
        {
            table[byte as usize] = byte.is_ascii_alphanumeric()
                || matches!(
                    byte,
                    b'-' | b'.'
                        | b'_'
                        | b'~'
                        | b'!'
                        | b'$'
                        | b'&'
                        | b'\''
                        | b'('
                        | b')'
                        | b'*'
                        | b'+'
                        | b','
                        | b';'
                        | b'='
                );
        }
        byte += 1;
    }
    table
};

/// What is between brackets: an IPv6 address, or one of a version to come.
fn is_ip_literal(literal: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(literal) else {
        return false;
    };
    let Some((version, address)) = text
        .strip_prefix(['v', 'V'])
        .and_then(|rest| rest.split_once('.'))
    else {
        return text.parse::<Ipv6Addr>().is_ok();
    };
    let is_address = |byte| byte == b':' || is_reg_name(byte);
    !version.is_empty()
        && version.bytes().all(|byte| byte.is_ascii_hexdigit())
        && !address.is_empty()
        && address.bytes().all(is_address)
}

/// Digits, or nothing; none that no port can have.
fn is_port(port: &[u8]) -> bool {
    port.iter()
        .try_fold(0_u16, |port, byte| match byte {
            b'0'..=b'9' => port.checked_mul(10)?.checked_add(u16::from(byte - b'0')),
            _ => None,
        })
        .is_some()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hosts_follow_the_grammar() {
        for host in [
            "a",
            "A-b_c~d.example",
            "127.0.0.1:8000",
            "a:",
            "[::1]",
            "[::1]:80",
            "[v1.a:b]",
            "a%20b",
            "x!$&'()*+,;=",
            "a:65535",
        ] {
            assert!(is_host(host.as_bytes()), "{host}");
        }
        for host in [
            " ",
            "a b",
            "a/b",
            "a@b",
            ":80",
            "[::1",
            "[::1]80",
            "[]",
            "[fe80::1%25a]",
            "[v.a]",
            "[v1.]",
            "a%2",
            "a%zz",
            "a:b",
            "a:80:80",
            "a:65536",
            "a?b",
            "a#b",
            "\u{e4}",
            "a\\b",
            "[1.2.3.4]",
            "a,b:-1",
        ] {
            assert!(!is_host(host.as_bytes()), "{host}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_host_or_not(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            is_host(&bytes);
        }

        #[test]
        fn addresses_of_all_kinds_are_hosts(v6: [u16; 8], v4: [u8; 4], port: u16) {
            let v6 = std::net::SocketAddr::from((v6, port)).to_string();
            let v4 = std::net::SocketAddr::from((v4, port)).to_string();
            prop_assert!(is_host(v6.as_bytes()));
            prop_assert!(is_host(v4.as_bytes()));
        }
    }
}
