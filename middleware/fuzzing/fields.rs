//! Fields of requests and responses.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime};

use http::header::{ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, FORWARDED};
use http::{HeaderName, HeaderValue};

use super::{lines, pair};
use crate::header::accept_encoding::{AcceptEncoding, Coding};
use crate::header::byte_range::{Spec, specs};
use crate::header::cache_control::{FOREVER, RequestDirectives, ResponseDirectives};
use crate::header::forwarded::{Element, Node, elements, node};
use crate::header::list::{members, trim};
use crate::header::media_type::{MediaPattern, MediaType, is_token};
use crate::header::structured::{Value, dictionary};
use crate::header::tags::{Tag, tags};
use crate::header::{accept, base64, date};

/// A weight is one in thousandths, and case does not matter.
pub fn accept(bytes: &[u8]) {
    let (sent, lower) = lines(&ACCEPT, bytes);
    for media_type in ["text/html", "application/json"] {
        let quality = accept::quality(&sent, media_type);
        assert!(quality <= 1000);
        assert_eq!(quality, accept::quality(&lower, media_type));
    }
}

/// What is chosen is accepted, and case does not matter.
pub fn accept_encoding(bytes: &[u8]) {
    let (sent, lower) = lines(&ACCEPT_ENCODING, bytes);
    let accepted = AcceptEncoding::of(&sent);
    assert_eq!(accepted, AcceptEncoding::of(&lower));
    let offered = [Coding::Brotli, Coding::Zstd, Coding::Gzip, Coding::Deflate];
    let chosen = accepted.choose(offered);
    assert!(accepted.quality(chosen) <= 1000);
    assert!(chosen == Coding::Identity || accepted.quality(chosen) > 0);
    assert!(offered.iter().all(
        |one| chosen == Coding::Identity || accepted.quality(*one) <= accepted.quality(chosen)
    ));
}

/// What is decoded is what is encoded again.
pub fn base64(bytes: &[u8]) {
    assert_eq!(
        base64::decode(base64::encode(bytes).as_bytes()).as_deref(),
        Some(bytes)
    );
    if let Some(decoded) = base64::decode(bytes) {
        let again = base64::decode(base64::encode(&decoded).as_bytes());
        assert_eq!(again, Some(decoded));
    }
}

/// Parts are within what there is, and what is written is read.
pub fn byte_range(bytes: &[u8]) {
    let Some(read) = specs(bytes) else { return };
    let Ok(read) = read.collect::<Result<Vec<_>, _>>() else {
        return;
    };
    for len in [0, 1, 100, u64::MAX] {
        for (start, part) in read.iter().filter_map(|spec| spec.resolve(len)) {
            assert!(part > 0 && start.checked_add(part).is_some_and(|end| end <= len));
        }
    }
    let texts: Vec<_> = read
        .iter()
        .map(|spec| match spec {
            Spec::Between(first, last) => format!("{first}-{last}"),
            Spec::From(first) => format!("{first}-"),
            Spec::Last(suffix) => format!("-{suffix}"),
        })
        .collect();
    let written = format!("bytes={}", texts.join(", "));
    let again = specs(written.as_bytes()).unwrap();
    assert_eq!(again.collect::<Result<Vec<_>, _>>(), Ok(read));
}

/// No number is beyond what is counted, and case does not matter.
pub fn cache_control(bytes: &[u8]) {
    let (sent, lower) = lines(&CACHE_CONTROL, bytes);
    let response = ResponseDirectives::of(&sent, &CACHE_CONTROL);
    let of_lower = ResponseDirectives::of(&lower, &CACHE_CONTROL);
    assert_eq!(format!("{response:?}"), format!("{of_lower:?}"));
    let request = RequestDirectives::of(&sent);
    assert_eq!(
        format!("{request:?}"),
        format!("{:?}", RequestDirectives::of(&lower))
    );
    let numbers = [
        response.max_age,
        response.s_maxage,
        request.max_age,
        request.min_fresh,
    ];
    assert!(
        numbers
            .into_iter()
            .flatten()
            .all(|seconds| seconds <= FOREVER)
    );
}

/// A date that is read is one that is written, and then read as the same.
pub fn date(bytes: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(bytes) else {
        return;
    };
    let Some(time) = date::parse(&value) else {
        return;
    };
    if let Some(written) = date::format(time) {
        assert_eq!(date::parse(&written), Some(time), "{written:?}");
    } else {
        let end = SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_799);
        assert!(time < SystemTime::UNIX_EPOCH || time > end, "{time:?}");
    }
}

/// Tags of a list are tags alone, and a list made of them is read the same.
pub fn entity_tags(bytes: &[u8]) {
    let read: Vec<_> = tags(bytes).collect();
    let texts: Vec<Vec<u8>> = read
        .iter()
        .map(|tag| {
            let weak: &[u8] = if tag.weak { b"W/" } else { b"" };
            [weak, b"\"", tag.opaque, b"\""].concat()
        })
        .collect();
    for (text, tag) in texts.iter().zip(&read) {
        assert_eq!(Tag::whole(text), Some(*tag));
    }
    let written = texts.join(&b", "[..]);
    assert_eq!(tags(&written).collect::<Vec<_>>(), read);
}

/// An address that is read is written and read the same, and what a proxy appends is read whatever stands before it.
pub fn forwarded(bytes: &[u8]) {
    const APPENDED: &str = "for=\"[2001:db8::1]:9\";proto=https";
    let (mut sent, _) = lines(&FORWARDED, bytes);
    let clients = elements(&sent, &FORWARDED).flatten();
    for client in clients.filter_map(|element| element.client) {
        if let Some(Node::Address(read)) = node(&client) {
            let text = match (read.ip, read.port) {
                (ip, Some(port)) => SocketAddr::new(ip, port).to_string(),
                (IpAddr::V4(ip), None) => ip.to_string(),
                (IpAddr::V6(ip), None) => format!("[{ip}]"),
            };
            assert_eq!(node(&text), Some(Node::Address(read)));
        }
    }
    let line = [bytes, b", ", APPENDED.as_bytes()].concat();
    if let Ok(line) = HeaderValue::from_bytes(&line) {
        sent.append(FORWARDED, line);
        let last = elements(&sent, &FORWARDED).next().unwrap();
        assert_eq!(last, Element::parse(APPENDED.as_bytes()));
    }
}

/// Members are trimmed and not empty, and a list made of them has the same.
pub fn list(bytes: &[u8]) {
    let read: Vec<_> = members(bytes).collect();
    for member in &read {
        assert!(!member.is_empty() && trim(member) == *member);
    }
    let written = read.join(&b", "[..]);
    assert_eq!(members(&written).collect::<Vec<_>>(), read);
}

/// A type has two tokens, and a pattern has what it is made of.
pub fn media_type(bytes: &[u8]) {
    let Some((pattern, text)) = pair(bytes) else {
        return;
    };
    let Some(read) = MediaType::parse(text) else {
        return;
    };
    let (kind, name) = read.essence.split_once('/').unwrap();
    assert!(is_token(kind) && is_token(name));
    drop(read.parameters("charset").collect::<Vec<_>>());
    assert!(MediaPattern::parse("*/*").unwrap().contains(read.essence));
    if !kind.contains('*') {
        assert!(
            MediaPattern::parse(&format!("{kind}/*"))
                .unwrap()
                .contains(read.essence)
        );
    }
    if let Some(pattern) = MediaPattern::parse(pattern) {
        let lower = read.essence.to_ascii_lowercase();
        assert_eq!(pattern.contains(read.essence), pattern.contains(&lower));
    }
}

/// Keys are there once, and a dictionary of what was read is read the same.
pub fn structured(bytes: &[u8]) {
    let name = HeaderName::from_static("x");
    let read = dictionary(&lines(&name, bytes).0, &name);
    let texts: Vec<_> = read
        .iter()
        .map(|(key, value)| match value {
            Value::Bytes(bytes) => format!("{key}=:{}:", base64::encode(bytes)),
            Value::Integer(number) => format!("{key}={number}"),
            Value::Boolean(true) => key.clone(),
            Value::Boolean(false) => format!("{key}=?0"),
            Value::Text(text) => {
                let text = String::from_utf8_lossy(text).replace('\\', "\\\\");
                format!("{key}=\"{}\"", text.replace('"', "\\\""))
            }
            Value::Other => format!("{key}=()"),
        })
        .collect();
    let written = texts.join(", ");
    assert_eq!(dictionary(&lines(&name, written.as_bytes()).0, &name), read);
}
