//! What is held to any bytes, by the fuzzer and by property tests: nothing here is part of a build for use.

use std::str::FromStr as _;

use http::uri::Authority;

use super::address::{Address, Place};
use super::behind;
use super::behind::Codec;
use super::behind::sent::{Line, MOST, Sent};
use super::cgi;
use super::fastcgi::{self, FastCgi};
use super::framing::differential;
use super::front;
use super::proxy_protocol;
use super::scgi::Scgi;
use super::uwsgi::Uwsgi;
use crate::environ::Environ;

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

/// Any environment and standard input of a program that speaks CGI.
#[doc(hidden)]
pub fn cgi(bytes: &[u8]) {
    cgi::fuzzing::follow(bytes);
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

/// Requests over one connection, two at once in any order of their records, some of them answered before all of them was
/// there: each comes as it was sent, and nothing of it to another.
#[doc(hidden)]
pub fn fastcgi_requests(bytes: &[u8]) {
    fastcgi::fuzzing::follow(bytes);
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

/// A request comes as it was sent by SCGI, and nothing of what is behind it.
#[doc(hidden)]
pub fn scgi_requests(bytes: &[u8]) {
    alone(Scgi::new(MOST), bytes, |environ| {
        let mut variables = Vec::new();
        for (name, value) in environ.iter() {
            // A NUL ends a name or a value.
            if name.contains(&0) || value.contains(&0) {
                return None;
            }
            variables.extend([name, b"\0", value, b"\0"].concat());
        }
        let length = variables.len().to_string();
        Some([length.as_bytes(), b":", &*variables, b","].concat())
    });
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

/// A request comes as it was sent by uwsgi, and nothing of what is behind it.
#[doc(hidden)]
pub fn uwsgi_requests(bytes: &[u8]) {
    alone(Uwsgi::new(MOST), bytes, |environ| {
        let mut variables = Vec::new();
        for text in environ.iter().flat_map(|(name, value)| [name, value]) {
            variables.extend(u16::try_from(text.len()).ok()?.to_le_bytes());
            variables.extend(text);
        }
        let [low, high] = u16::try_from(variables.len()).ok()?.to_le_bytes();
        Some([&[0, low, high, 0][..], &*variables].concat())
    });
}

/// A request that is the only one of its connection comes as it was sent, and nothing of what is behind it.
fn alone(codec: impl Codec, bytes: &[u8], write: impl Fn(&Environ) -> Option<Vec<u8>>) {
    let Some((&cut, bytes)) = bytes.split_first() else {
        return;
    };
    let Some(sent) = Sent::of(bytes) else {
        return;
    };
    let Some(head) = write(&sent.environ) else {
        return;
    };
    let mut line = Line::new(codec, cut);
    line.send(&[&*head, sent.body, &*head, bytes].concat());
    assert_eq!(line.answer(1, &sent), Some(true));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn each_is_held_to_any_bytes(bytes: Vec<u8>, text in "[ -~]{0,40}", host in "[a-f0-9.:%\\[\\]]{0,20}") {
            for held in [
                super::address,
                super::cgi,
                super::fastcgi,
                super::fastcgi_requests,
                super::host,
                super::proxy_protocol,
                super::scgi,
                super::scgi_requests,
                super::uwsgi,
                super::uwsgi_requests,
            ] {
                held(&bytes);
                held(text.as_bytes());
                held(host.as_bytes());
            }
        }
    }
}
