//! Version 2: bytes.

use std::net::{IpAddr, SocketAddr};

use super::{Addresses, Header, Malformed, Progress, crc32c, tlv};

/// How it begins.
pub(super) const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// The signature, the command, the family and the length.
pub(super) const FIXED: usize = 16;

/// How many bytes may follow those.
///
/// Addresses take up to 216. The rest is room for what a proxy says of TLS, of which only a whole certificate would be
/// longer.
pub(super) const LONGEST: usize = 4096;

const LOCAL: u8 = 0x20;
const PROXY: u8 = 0x21;

pub(super) fn parse(bytes: &[u8]) -> Result<Progress, Malformed> {
    let Some((fixed, rest)) = bytes.split_first_chunk::<FIXED>() else {
        return Ok(Progress::More(FIXED - bytes.len()));
    };
    let &[.., command, family, high, low] = fixed;
    let len = usize::from(u16::from_be_bytes([high, low]));
    if !matches!(command, LOCAL | PROXY) || len > LONGEST {
        return Err(Malformed);
    }
    match len.checked_sub(rest.len()) {
        Some(0) => {}
        Some(more) => return Ok(Progress::More(more)),
        None => return Err(Malformed),
    }
    // Whatever there is, it is not about a client.
    if command == LOCAL {
        return Ok(Progress::Whole(Box::default()));
    }
    let (addresses, more) = addresses(family, rest)?;
    let said = tlv::parse(more)?;
    if let Some(sum) = said.sum
        && crc32c::without(bytes, bytes.len() - more.len() + sum.at) != sum.value
    {
        return Err(Malformed);
    }
    Ok(Progress::Whole(Box::new(Header {
        addresses,
        said: said.proxied,
    })))
}

/// The addresses, and what is behind them.
fn addresses(family: u8, bytes: &[u8]) -> Result<(Addresses, &[u8]), Malformed> {
    let (family, transport) = (family >> 4, family & 0xf);
    let (addresses, rest) = match family {
        // What is there has no meaning, not even a length.
        0 => (Addresses::Real, [].as_slice()),
        1 => {
            let (client, rest) = bytes.split_first_chunk::<4>().ok_or(Malformed)?;
            let (server, rest) = rest.split_first_chunk::<4>().ok_or(Malformed)?;
            let (ports, rest) = rest.split_first_chunk::<4>().ok_or(Malformed)?;
            (of(*client, *server, *ports), rest)
        }
        2 => {
            let (client, rest) = bytes.split_first_chunk::<16>().ok_or(Malformed)?;
            let (server, rest) = rest.split_first_chunk::<16>().ok_or(Malformed)?;
            let (ports, rest) = rest.split_first_chunk::<4>().ok_or(Malformed)?;
            (of(*client, *server, *ports), rest)
        }
        3 => {
            let (_, rest) = bytes.split_first_chunk::<216>().ok_or(Malformed)?;
            (Addresses::Unnamed, rest)
        }
        _ => return Err(Malformed),
    };
    match transport {
        1 => Ok((addresses, rest)),
        // Not one of a stream, as this connection is: it is forwarded for something else.
        0 | 2 => Ok((Addresses::Real, rest)),
        _ => Err(Malformed),
    }
}

fn of(client: impl Into<IpAddr>, server: impl Into<IpAddr>, [a, b, c, d]: [u8; 4]) -> Addresses {
    Addresses::Of {
        client: SocketAddr::new(client.into(), u16::from_be_bytes([a, b])),
        server: SocketAddr::new(server.into(), u16::from_be_bytes([c, d])),
    }
}
