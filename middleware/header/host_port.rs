//! `host [ ":" port ]`, as `Host` has it (RFC 9110, section 7.2).

use std::net::Ipv6Addr;

/// The host, and what is behind its colon if there is one: digits, or nothing. `None` for anything else, somebody's name and password before
/// it as well.
///
/// Of the characters of RFC 3986, section 3.2.2 those are taken that names of hosts have: others are read differently by different
/// readers.
pub(crate) fn parse(text: &str) -> Option<(&str, Option<&str>)> {
    let end = match text.strip_prefix('[') {
        Some(inside) => inside.find(']')? + 2,
        None => text.find(':').unwrap_or(text.len()),
    };
    let (host, port) = text.split_at_checked(end)?;
    let inside = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    let is_host = if let Some(address) = inside {
        address.parse::<Ipv6Addr>().is_ok()
    } else {
        let is_of_names = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
        !host.is_empty() && host.bytes().all(is_of_names)
    };
    let digits = port.strip_prefix(':');
    // To read them as a number would take a sign.
    let is_port = digits.map_or(port.is_empty(), |it| it.bytes().all(|b| b.is_ascii_digit()));
    (is_host && is_port).then_some((host, digits))
}
