//! What is held to any bytes, by the fuzzer and by property tests: nothing here is part of a build for use.

use std::str::FromStr as _;

use http::uri::Authority;

use super::address::{Address, Place};
use super::behind;
use super::fastcgi::FastCgi;
use super::framing::differential;
use super::front;
use super::proxy_protocol;
use super::scgi::Scgi;
use super::uwsgi::Uwsgi;

/// An address that is understood is written as text that is understood as the same.
#[doc(hidden)]
pub fn address(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let read = Address::from(text);
    let written = read.to_string();
    let again = Address::from(written.as_str());
    match &read.place {
        // The name of one is any bytes, which no text has.
        Place::Mistake(..) | Place::Abstract(_) => {}
        // What is behind a question mark is options.
        Place::Unix(path) if path.to_string_lossy().contains('?') => {}
        place => assert_eq!(again.place, *place, "{text} is written {written}"),
    }
}

/// The framing that is followed is hyper's, byte for byte, or one of them refuses.
#[doc(hidden)]
pub fn framing(bytes: &[u8]) {
    assert_eq!(differential::disagreement(bytes), None);
}

/// A host that is one is an authority to the parser of targets too, which knows no percent-encoding there and few
/// of the addresses to come.
#[doc(hidden)]
pub fn host(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let is_unknown = text.contains('%') || text.starts_with("[v") || text.starts_with("[V");
    if !text.is_empty() && !is_unknown && front::is_a_host(text) {
        let read = Authority::from_str(text);
        assert!(
            read.is_ok_and(|authority| authority.as_str() == text),
            "{text}"
        );
    }
}

/// A header ends, is no longer than it may be, and says the same however it is cut.
#[doc(hidden)]
pub fn proxy_protocol(bytes: &[u8]) {
    proxy_protocol::follow(bytes);
}

/// Any bytes are an answer of OCSP about a certificate, or refused with a reason.
#[cfg(feature = "tls")]
#[doc(hidden)]
pub fn staple(bytes: &[u8]) {
    super::tls::fuzzing::staple(bytes);
}

/// Any bytes of a front server that speaks FastCGI, and any as the variables and the body of a request.
#[doc(hidden)]
pub fn fastcgi(bytes: &[u8]) {
    let Some((&cut, bytes)) = bytes.split_first() else {
        return;
    };
    behind::fuzzing::hold(FastCgi::new, usize::MAX, cut, bytes);
    let mut request = vec![1, 1, 0, 1, 0, 8, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0];
    for (kind, content) in [(4, bytes), (4, &[]), (5, bytes), (5, &[])] {
        let content = content.get(..0xffff).unwrap_or(content);
        let [high, low] = u16::try_from(content.len())
            .unwrap_or_default()
            .to_be_bytes();
        request.extend([1, kind, 0, 1, high, low, 0, 0]);
        request.extend(content);
    }
    behind::fuzzing::hold(FastCgi::new, usize::MAX, cut, &request);
}

/// Any bytes of a front server that speaks SCGI, and any as the variables of a request and what is behind them.
#[doc(hidden)]
pub fn scgi(bytes: &[u8]) {
    let Some((&cut, bytes)) = bytes.split_first() else {
        return;
    };
    behind::fuzzing::hold(Scgi::new, 1, cut, bytes);
    let begins = b"CONTENT_LENGTH\x003\0SCGI\x001\0";
    let mut request = format!("{}:", begins.len() + bytes.len()).into_bytes();
    for part in [begins, bytes, b",", bytes] {
        request.extend(part);
    }
    behind::fuzzing::hold(Scgi::new, 1, cut, &request);
}

/// Any bytes of a front server that speaks uwsgi, and any as the variables of a request and what is behind them.
#[doc(hidden)]
pub fn uwsgi(bytes: &[u8]) {
    let Some((&cut, bytes)) = bytes.split_first() else {
        return;
    };
    behind::fuzzing::hold(Uwsgi::new, 1, cut, bytes);
    let bytes = bytes.get(..0xffff).unwrap_or(bytes);
    let [low, high] = u16::try_from(bytes.len()).unwrap_or_default().to_le_bytes();
    let mut request = vec![0, low, high, 0];
    request.extend(bytes);
    request.extend(bytes);
    behind::fuzzing::hold(Uwsgi::new, 1, cut, &request);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn each_is_held_to_any_bytes(bytes: Vec<u8>, text in "[ -~]{0,40}", host in "[a-f0-9.:%\\[\\]]{0,20}") {
            for held in [
                super::address,
                super::fastcgi,
                super::host,
                super::proxy_protocol,
                super::scgi,
                super::uwsgi,
            ] {
                held(&bytes);
                held(text.as_bytes());
                held(host.as_bytes());
            }
        }
    }
}
