//! Version 1: a line of text.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use super::{Addresses, Header, Malformed, Progress};

/// How it begins.
pub(super) const SIGNATURE: &[u8] = b"PROXY ";

/// With its CRLF (section 2.1).
pub(super) const LONGEST: usize = 107;

const SHORTEST: usize = b"PROXY UNKNOWN\r\n".len();

pub(super) fn parse(bytes: &[u8]) -> Result<Progress, Malformed> {
    let line = match bytes {
        [line @ .., b'\r', b'\n'] => line,
        // Neither is in a line but at its end.
        [rest @ .., b'\r'] if !rest.contains(&b'\r') && rest.len() + 2 <= LONGEST => {
            return Ok(Progress::More(missing(bytes, 1)));
        }
        _ if bytes.contains(&b'\r') || bytes.contains(&b'\n') => return Err(Malformed),
        _ if bytes.len() + 2 <= LONGEST => return Ok(Progress::More(missing(bytes, 2))),
        _ => return Err(Malformed),
    };
    if line.contains(&b'\r') || line.contains(&b'\n') || bytes.len() > LONGEST {
        return Err(Malformed);
    }
    let line = line.strip_prefix(SIGNATURE).ok_or(Malformed)?;
    let addresses = if line == b"UNKNOWN" || line.starts_with(b"UNKNOWN ") {
        Addresses::Real
    } else {
        addresses(str::from_utf8(line).map_err(|_| Malformed)?).ok_or(Malformed)?
    };
    Ok(Progress::Whole(Box::new(Header {
        addresses,
        ..Header::default()
    })))
}

/// How many bytes there are at least, `end` of them to end the line.
fn missing(bytes: &[u8], end: usize) -> usize {
    SHORTEST.saturating_sub(bytes.len()).max(end)
}

/// `TCP4 192.0.2.1 192.0.2.2 56324 443`
fn addresses(line: &str) -> Option<Addresses> {
    let mut words = line.split(' ');
    let family = words.next()?;
    let (client, server) = (words.next()?, words.next()?);
    let (client_port, server_port) = (port(words.next()?)?, port(words.next()?)?);
    if words.next().is_some() {
        return None;
    }
    let (client, server) = match family {
        "TCP4" => (ip::<Ipv4Addr>(client)?, ip::<Ipv4Addr>(server)?),
        "TCP6" => (ip::<Ipv6Addr>(client)?, ip::<Ipv6Addr>(server)?),
        _ => return None,
    };
    Some(Addresses::Of {
        client: SocketAddr::new(client, client_port),
        server: SocketAddr::new(server, server_port),
    })
}

fn ip<I: FromStr + Into<IpAddr>>(text: &str) -> Option<IpAddr> {
    text.parse().ok().map(I::into)
}

/// A port: digits without a zero in front.
fn port(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let plain = digits && (text == "0" || !text.starts_with('0'));
    plain.then(|| text.parse().ok()).flatten()
}
