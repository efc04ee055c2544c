//! What version 2 says besides addresses: values with a type and a length.

use super::Malformed;
use crate::middleware::attributes::{Proxied, ProxiedTls};

/// What was said.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) proxied: Proxied,
    pub(super) sum: Option<Sum>,
}

/// The checksum of the header, and where it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sum {
    pub(super) at: usize,
    pub(super) value: u32,
}

/// As long as a unique id may be.
const LONGEST_ID: usize = 128;

/// The client spoke TLS with the proxy.
const TLS: u8 = 1;
/// It gave a certificate, in this connection or in the session that it resumed.
const CERTIFICATE: u8 = 2 | 4;

pub(super) fn parse(bytes: &[u8]) -> Result<Said, Malformed> {
    let mut said = Said::default();
    let mut rest = bytes;
    while let Some((kind, value, after)) = next(rest)? {
        match kind {
            0x01 => said.proxied.alpn = Some(value.into()),
            0x02 => said.proxied.authority = Some(text(value)?),
            0x03 => {
                let value = value.try_into().map_err(|_| Malformed)?;
                // One that is not the last would be summed up as zeros by some and not by others.
                if said.sum.is_some() {
                    return Err(Malformed);
                }
                said.sum = Some(Sum {
                    at: bytes.len() - after.len() - 4,
                    value: u32::from_be_bytes(value),
                });
            }
            0x05 if value.len() > LONGEST_ID => return Err(Malformed),
            0x05 => said.proxied.unique_id = Some(value.into()),
            0x20 => said.proxied.tls = tls(value)?.map(Box::new),
            // Padding, and what is not known here.
            _ => {}
        }
        rest = after;
    }
    Ok(said)
}

/// The first type and value, and what is behind them.
fn next(bytes: &[u8]) -> Result<Option<(u8, &[u8], &[u8])>, Malformed> {
    match bytes {
        [] => Ok(None),
        [kind, high, low, rest @ ..] => {
            let len = u16::from_be_bytes([*high, *low]);
            let (value, after) = rest.split_at_checked(len.into()).ok_or(Malformed)?;
            Ok(Some((*kind, value, after)))
        }
        _ => Err(Malformed),
    }
}

fn tls(value: &[u8]) -> Result<Option<ProxiedTls>, Malformed> {
    let [client, a, b, c, d, rest @ ..] = value else {
        return Err(Malformed);
    };
    let valid = [*a, *b, *c, *d] == [0; 4];
    let mut tls = ProxiedTls::default();
    tls.verified = valid && client & CERTIFICATE != 0;
    let mut rest = rest;
    while let Some((kind, value, after)) = next(rest)? {
        match kind {
            0x21 => tls.version = Some(text(value)?),
            0x22 => tls.common_name = Some(text(value)?),
            0x23 => tls.cipher = Some(text(value)?),
            0x24 => tls.signature_algorithm = Some(text(value)?),
            0x25 => tls.key_algorithm = Some(text(value)?),
            _ => {}
        }
        rest = after;
    }
    Ok((client & TLS != 0).then_some(tls))
}

fn text(value: &[u8]) -> Result<Box<str>, Malformed> {
    str::from_utf8(value).map(Box::from).map_err(|_| Malformed)
}
