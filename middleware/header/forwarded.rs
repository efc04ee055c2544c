//! `Forwarded`: RFC 7239, sections 4 and 6; and `X-Forwarded-*`, which are lists by custom.
//!
//! ```text
//! Forwarded         = 1#forwarded-element
//! forwarded-element = [ forwarded-pair ] *( ";" [ forwarded-pair ] )
//! forwarded-pair    = token "=" ( token / quoted-string )
//! node              = nodename [ ":" node-port ]
//! nodename          = IPv4address / "[" IPv6address "]" / "unknown" / obfnode
//! ```
//!
//! Lists are read from the right, since proxies write there: a quote that a client has left open reaches to the left
//! of what the proxy appended, and not over it. Of what is well-formed both ways read the same.

use std::borrow::Cow;
use std::iter::from_fn;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::{HeaderMap, HeaderName};

use super::list::trim;
use super::media_type::is_token;
use crate::attributes::ClientAddr;

/// What one proxy says: a member of `Forwarded`.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct Element<'a> {
    /// `for`: a node.
    pub(crate) client: Option<Cow<'a, str>>,
    pub(crate) host: Option<Cow<'a, str>>,
    pub(crate) proto: Option<Cow<'a, str>>,
}

/// Whom a proxy names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Node {
    Address(ClientAddr),
    /// Who is not to be known: `unknown`, or a name that the proxy has invented (sections 6.2 and 6.3).
    Hidden,
}

/// The members of a `Forwarded` over all lines, the last one first; none of them empty (RFC 9110, section 5.6.1.2).
pub(crate) fn elements<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = Option<Element<'a>>> {
    let lines = headers.get_all(name).iter().rev();
    lines
        .flat_map(|line| members(line.as_bytes()))
        .filter(|member| !member.is_empty())
        .map(Element::parse)
}

/// The members of an `X-Forwarded-*` over all lines, the last one first. They have no grammar: nothing is quoted, and one that is
/// empty is one.
pub(crate) fn values<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = &'a [u8]> {
    let lines = headers.get_all(name).iter().rev();
    let members = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
    members.map(trim)
}

/// The members of one line, the last one first.
fn members(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(line);
    from_fn(move || {
        let line = rest?;
        let (before, last) = match last_comma(line) {
            Some(at) => (line.get(..at), line.get(at + 1..)?),
            None => (None, line),
        };
        rest = before;
        Some(trim(last))
    })
}

/// Where the last comma outside of quotes is.
fn last_comma(line: &[u8]) -> Option<usize> {
    let mut quoted = false;
    let mut bytes = line.iter().enumerate().rev();
    bytes.find_map(|(at, byte)| {
        match byte {
            b'"' if quoted => {
                let before = line.get(..at)?.iter().rev();
                let escapes = before.take_while(|byte| **byte == b'\\').count();
                quoted = escapes % 2 == 1;
            }
            b'"' => quoted = true,
            b',' if !quoted => return Some(at),
            _ => {}
        }
        None
    })
}

impl<'a> Element<'a> {
    /// Nothing if it breaks the grammar or says something twice (section 4); white space around a semicolon is let pass,
    /// which many write.
    pub(crate) fn parse(member: &'a [u8]) -> Option<Self> {
        let mut element = Self::default();
        let mut rest = std::str::from_utf8(member).ok()?;
        loop {
            rest = rest.trim_start_matches([' ', '\t']);
            if rest.is_empty() {
                return Some(element);
            }
            if let Some(after) = rest.strip_prefix(';') {
                rest = after;
                continue;
            }
            let (name, after) = rest.split_once('=')?;
            if !is_token(name) {
                return None;
            }
            let (value, after) = value(after)?;
            rest = after.trim_start_matches([' ', '\t']);
            if !rest.is_empty() && !rest.starts_with(';') {
                return None;
            }
            let known = [
                ("for", &mut element.client),
                ("host", &mut element.host),
                ("proto", &mut element.proto),
            ];
            let known = known.into_iter();
            for (_, slot) in known.filter(|(known, _)| name.eq_ignore_ascii_case(known)) {
                if slot.replace(value.clone()).is_some() {
                    return None;
                }
            }
        }
    }
}

/// A token or a quoted string at the beginning, and what comes after it.
fn value(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let Some(inside) = text.strip_prefix('"') else {
        let end = text.find([';', ' ', '\t']).unwrap_or(text.len());
        let (token, after) = text.split_at_checked(end)?;
        return is_token(token).then_some((Cow::Borrowed(token), after));
    };
    let mut plain = None::<String>;
    let mut from = 0;
    loop {
        let rest = inside.get(from..)?;
        let at = from + rest.find(['"', '\\'])?;
        let piece = inside.get(from..at)?;
        let (_, after) = inside.split_at_checked(at + 1)?;
        if inside.as_bytes().get(at) == Some(&b'"') {
            let value = match plain {
                Some(plain) => Cow::Owned(plain + piece),
                None => Cow::Borrowed(piece),
            };
            return Some((value, after));
        }
        let escaped = after.chars().next()?;
        let plain = plain.get_or_insert_default();
        plain.push_str(piece);
        plain.push(escaped);
        from = at + 1 + escaped.len_utf8();
    }
}

/// A node of `Forwarded` (section 6).
pub(crate) fn node(text: &str) -> Option<Node> {
    let (ip, port) = if let Some(inside) = text.strip_prefix('[') {
        let (ip, port) = inside.split_once(']')?;
        (Some(ip.parse::<Ipv6Addr>().ok()?.into()), port)
    } else {
        let (name, port) = text.split_at_checked(text.find(':').unwrap_or(text.len()))?;
        let is_hidden = name.eq_ignore_ascii_case("unknown") || is_obfuscated(name);
        let ip = || name.parse::<Ipv4Addr>().map(IpAddr::from).ok();
        (if is_hidden { None } else { Some(ip()?) }, port)
    };
    let port = match port.strip_prefix(':') {
        // `parse` takes a sign.
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => Some(port.parse().ok()?),
        Some(hidden) if is_obfuscated(hidden) => None,
        None if port.is_empty() => None,
        _ => return None,
    };
    Some(ip.map_or(Node::Hidden, |ip| Node::Address(ClientAddr::new(ip, port))))
}

/// A member of `X-Forwarded-For`: an address, with a port as some write it, IPv6 with brackets or without.
pub(crate) fn address(member: &[u8]) -> Option<Node> {
    let text = std::str::from_utf8(member).ok()?;
    match text.parse() {
        Ok(ip) => Some(Node::Address(ClientAddr::new(ip, None))),
        Err(_) => node(text),
    }
}

/// `"_" 1*( ALPHA / DIGIT / "." / "_" / "-" )` (section 6.3).
fn is_obfuscated(text: &str) -> bool {
    let name = text.strip_prefix('_').unwrap_or_default();
    let is_of_names = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    !name.is_empty() && name.bytes().all(is_of_names)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::FORWARDED;
    use proptest::prelude::*;

    use super::*;
    use crate::header::list;

    fn element(text: &str) -> Option<[Option<String>; 3]> {
        let it = Element::parse(text.as_bytes())?;
        Some([it.client, it.host, it.proto].map(|value| value.map(Cow::into_owned)))
    }

    #[test]
    fn an_element_is_pairs_in_any_order_and_case() {
        let said = |client: &str, host: &str, proto: &str| {
            let value = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            Some([client, host, proto].map(value))
        };
        for (text, is) in [
            (
                "for=192.0.2.60;proto=http;by=203.0.113.43",
                said("192.0.2.60", "", "http"),
            ),
            (
                "For=\"[2001:db8:cafe::17]:4711\"",
                said("[2001:db8:cafe::17]:4711", "", ""),
            ),
            (
                "proto=https; HOST=a.test ;for=_x",
                said("_x", "a.test", "https"),
            ),
            (r#"host="a\"b\\";ext="x,;=y""#, said("", r#"a"b\"#, "")),
            (";;", said("", "", "")),
            ("by=a;by=b", said("", "", "")),
        ] {
            assert_eq!(element(text), is, "{text}");
        }
        for text in [
            "for",
            "=a",
            "for=",
            "for =a",
            "for= a",
            "for=a b",
            "for=a,b",
            "for=[::1]",
            "for=a:1",
            "for=\"a",
            "for=\"a\\",
            "for=\"a\"b",
            "for=a;for=a",
            "FOR=a;for=b",
            "f(r=a",
            "\u{e4}=a",
        ] {
            assert_eq!(element(text), None, "{text}");
        }
        assert_eq!(Element::parse(b"for=\"\xff\""), None);
    }

    #[test]
    fn a_node_is_an_address_or_hidden() {
        let is = |text: &str| match node(text) {
            Some(Node::Address(ClientAddr { ip, port })) => format!("{ip} {}", port.unwrap_or(0)),
            Some(Node::Hidden) => "hidden".to_owned(),
            None => "none".to_owned(),
        };
        for (text, node) in [
            ("192.0.2.1", "192.0.2.1 0"),
            ("192.0.2.1:80", "192.0.2.1 80"),
            ("192.0.2.1:_p", "192.0.2.1 0"),
            ("[2001:db8::1]", "2001:db8::1 0"),
            ("[2001:DB8::1]:65535", "2001:db8::1 65535"),
            ("[::ffff:192.0.2.1]:1", "192.0.2.1 1"),
            ("unknown", "hidden"),
            ("Unknown:80", "hidden"),
            ("_gazonk", "hidden"),
            ("_a.b-c_D:_1", "hidden"),
        ] {
            assert_eq!(is(text), node, "{text}");
        }
        for text in [
            "",
            "_",
            "_a b",
            "a",
            "2001:db8::1",
            "192.0.2",
            "192.0.2.01",
            "192.0.2.256",
            "192.0.2.1:",
            "192.0.2.1:+1",
            "192.0.2.1:65536",
            "192.0.2.1:80:80",
            "[192.0.2.1]",
            "[::1",
            "[::1]80",
            "[::1]:",
            "[fe80::1%eth0]",
            "unix:",
            "unknown:x",
            "[]",
            " 192.0.2.1",
            "127.1",
            "0x7f.0.0.1",
        ] {
            assert_eq!(is(text), "none", "{text}");
        }
        assert_eq!(address(b"2001:db8::1"), node("[2001:db8::1]"));
        assert_eq!(address(b"192.0.2.1:80"), node("192.0.2.1:80"));
        assert_eq!(address(b"::ffff:192.0.2.1"), node("192.0.2.1"));
        assert_eq!(address(b"unknown"), Some(Node::Hidden));
        assert_eq!(address(b"\xff"), None);
        assert_eq!(address(b"2001:db8::1:80x"), None);
    }

    #[test]
    fn lines_and_members_are_read_from_the_right() {
        let mut headers = HeaderMap::new();
        for line in ["for=a, for=\"b,c\"", "", "for=d;host=\"\\\",\\\\\" ,,"] {
            headers.append(FORWARDED, HeaderValue::from_str(line).unwrap());
        }
        let clients = elements(&headers, &FORWARDED).map(|it| it.unwrap().client.unwrap());
        assert_eq!(clients.collect::<Vec<_>>(), ["d", "b,c", "a"]);
        let all = values(&headers, &FORWARDED).collect::<Vec<_>>();
        assert_eq!(all.first(), Some(&&b""[..]));
        assert_eq!(all.last(), Some(&&b"for=a"[..]));
    }

    #[test]
    fn a_quote_left_open_does_not_reach_over_what_was_appended() {
        for begun in ["for=\"", "for=\"x", "\"\\", "for=\"a\", \"", "for=\"\\\""] {
            let line = format!("{begun}, for=192.0.2.1;host=\"a,b\"");
            let last = members(line.as_bytes()).next().unwrap();
            assert_eq!(last, b"for=192.0.2.1;host=\"a,b\"", "{line}");
        }
    }

    proptest! {
        #[test]
        fn what_is_well_formed_is_read_the_same_from_both_ends(
            wanted in prop::collection::vec(r#"[a-z=;]{1,5}("([a-z,;]|\\["\\,])*")?"#, 0..6),
            gap in "[ \t]*,[ \t]*(,[ \t]*)?",
        ) {
            let line = wanted.join(&gap);
            let mut back: Vec<_> = members(line.as_bytes()).filter(|it| !it.is_empty()).collect();
            back.reverse();
            prop_assert_eq!(back, list::members(line.as_bytes()).collect::<Vec<_>>());
        }

        #[test]
        fn what_is_appended_is_read_whatever_it_is_appended_to(before: Vec<u8>, v6: u128, port: u16) {
            let ip = Ipv6Addr::from_bits(v6);
            let said = format!("for=\"[{ip}]:{port}\";proto=https");
            let line = [&before[..], b", ", said.as_bytes()].concat();
            let last = Element::parse(members(&line).next().unwrap()).unwrap();
            let is = Node::Address(ClientAddr::new(ip.into(), Some(port)));
            prop_assert_eq!(node(&last.client.unwrap()), Some(is));
            prop_assert_eq!(last.proto.as_deref(), Some("https"));
        }

        #[test]
        fn any_bytes_will_do(line: Vec<u8>, text in r#"[ for=;,"\\\[\]:_0-9a.]{0,40}"#) {
            for line in [&line[..], text.as_bytes()] {
                for member in members(line) {
                    Element::parse(member);
                    address(member);
                }
            }
        }
    }
}
