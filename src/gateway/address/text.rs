//! Addresses as they stand in configuration files.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::{Address, Place, Protocol};

pub(super) const NETWORKS: &str =
    "`proxy` takes the networks that may send the header, as in `proxy=10.0.0.0/8,2001:db8::/32`";

pub(super) const FRONTS: &str =
    "`fronts` takes the networks of front servers, as in `fronts=10.0.0.0/8,2001:db8::/32`";

/// The name and the port in `text`.
pub(in crate::gateway) fn name_and_port(text: &str) -> Result<(&str, u16), &'static str> {
    if text.starts_with(['/', '.']) {
        return Err("the path of a socket is written `unix:/path`");
    }
    let Some((name, port)) = text.rsplit_once(':') else {
        return Err("there is no port");
    };
    if name.contains("://") {
        return Err("this is a URL; an address is a host and a port");
    }
    if name.is_empty() {
        return Err("there is no host name; `*` stands for all addresses of the machine");
    }
    if name.contains(':') {
        return Err("an address of IPv6 is written in brackets, `[::1]:8000`");
    }
    if name.contains(['/', '[', ']', '@', ' ']) {
        return Err("there is no host name");
    }
    let port = self::port(port).ok_or("the port is not a number below 65536")?;
    Ok((name, port))
}

/// A port: digits and nothing else.
fn port(text: &str) -> Option<u16> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// Whether a text begins with what says what kind of place it is.
pub(super) fn has_prefix(text: &str) -> bool {
    [
        "fastcgi:", "fd:", "scgi:", "systemd:", "tcp:", "unix:", "uwsgi:",
    ]
    .iter()
    .any(|prefix| text.starts_with(prefix))
}

fn place(text: &str) -> Result<Place, &'static str> {
    if let Some(path) = text.strip_prefix("unix:") {
        let path = path
            .strip_prefix("//")
            .filter(|path| path.starts_with('/'))
            .unwrap_or(path);
        return Ok(match path.strip_prefix('@') {
            Some(name) => Address::unix_abstract(name).place,
            None => Address::unix(path).place,
        });
    }
    if let Some(number) = text.strip_prefix("fd:") {
        let number = number
            .parse()
            .map_err(|_| "`fd:` is followed by a number")?;
        return Ok(Place::Fd(number));
    }
    if let Some(name) = text.strip_prefix("systemd:") {
        return Ok(Place::Systemd(name.to_owned()));
    }
    let text = text.strip_prefix("tcp:").unwrap_or(text);
    if let Ok(socket) = text.parse() {
        return Ok(Place::Socket(socket));
    }
    let (name, port) = name_and_port(text)?;
    Ok(if name == "*" {
        Place::Socket(SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port))
    } else {
        Place::Name(text.to_owned())
    })
}

fn option(address: Address, name: &str, value: Option<&str>) -> Result<Address, &'static str> {
    Ok(match (name, value) {
        ("acceptors", Some(value)) => {
            address.acceptors(value.parse().map_err(|_| "`acceptors` takes a number")?)
        }
        ("backlog", Some(value)) => {
            address.backlog(value.parse().map_err(|_| "`backlog` takes a number")?)
        }
        ("fronts", Some(value)) if value.parse::<super::Networks>().is_ok() => {
            address.fronts(value)
        }
        ("fronts", _) => return Err(FRONTS),
        ("group", Some(value)) => address.group(value),
        ("keepalive", Some("off")) => address.keepalive(Duration::MAX),
        ("keepalive", Some(value)) => {
            let seconds = value.parse().ok().filter(|&seconds: &u64| seconds > 0);
            let seconds = seconds.ok_or("`keepalive` takes a number of seconds, or `off`")?;
            address.keepalive(Duration::from_secs(seconds))
        }
        ("mode", Some(value)) => match u32::from_str_radix(value, 8) {
            Ok(mode) if mode <= 0o777 && !value.starts_with('+') => address.mode(mode),
            _ => return Err("`mode` takes permissions in octal, as in `mode=660`"),
        },
        ("nodelay", None | Some("on")) => address,
        ("nodelay", Some("off")) => address.delayed(),
        ("owner", Some(value)) => address.owner(value),
        ("plain_paths", None | Some("on")) => address.plain_paths(),
        ("proxy", Some(value)) if value.parse::<super::Networks>().is_ok() => {
            address.proxy_protocol(value)
        }
        ("proxy", _) => return Err(NETWORKS),
        ("remote_user", None | Some("on")) => address.remote_user(),
        ("script_name", Some(value)) => address.script_name(value),
        ("v6only", None | Some("on")) => address.v6only(),
        _ => {
            return Err(
                "options are `acceptors`, `backlog`, `fronts`, `group`, `keepalive`, `mode`, `nodelay`, \
                 `owner`, `plain_paths`, `proxy`, `remote_user`, `script_name` and `v6only`",
            );
        }
    })
}

fn address(text: &str) -> Result<Address, &'static str> {
    let (place_text, options) = match text.split_once('?') {
        Some((place, options)) => (place, options),
        None => (text, ""),
    };
    let (protocol, place_text) = Protocol::before(place_text);
    let mut address = Address::of(place(place_text)?).protocol(protocol);
    for each in options.split('&').filter(|each| !each.is_empty()) {
        let (name, value) = match each.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (each, None),
        };
        address = option(address, name, value)?;
    }
    Ok(address)
}

impl From<&str> for Address {
    fn from(text: &str) -> Self {
        address(text).unwrap_or_else(|problem| Self::mistake(text, problem))
    }
}

impl From<String> for Address {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<&String> for Address {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn problem(text: &str) -> &'static str {
        match Address::from(text).place {
            Place::Mistake(said, problem) => {
                assert!(said.starts_with("unix:") || said == text);
                problem
            }
            place => panic!("{text} is {place:?}"),
        }
    }

    #[test]
    fn text_is_a_place() {
        assert!(Address::from("0.0.0.0:80").socket().is_some());
        assert!(Address::from("tcp:[::]:0").socket().is_some());
        assert_eq!(Address::from("*:80"), Address::from("[::]:80"));
        let path = Path::new("relative.sock");
        assert_eq!(Address::from("unix:relative.sock").path(), Some(path));
        assert_eq!(
            Address::from("unix:///run/s").path(),
            Some(Path::new("/run/s"))
        );
        assert_eq!(Address::from("unix:@name"), Address::unix_abstract("name"));
        assert_eq!(Address::from("fd:3").place, Place::Fd(3));
        assert_eq!(Address::from("systemd:web").to_string(), "systemd:web");
        assert_eq!(name_and_port("localhost:8000"), Ok(("localhost", 8000)));
    }

    #[test]
    fn options_follow_a_question_mark() {
        let address = Address::from("unix:/s?mode=660&owner=www&group=33&backlog=7&proxy=::1");
        let expected = Address::unix("/s")
            .mode(0o660)
            .owner("www")
            .group("33")
            .backlog(7)
            .proxy_protocol("::1");
        assert_eq!(address, expected);
        let address = Address::from("[::]:1?v6only&acceptors=4&keepalive=off&nodelay=off");
        assert_eq!(address.options.keepalive, None);
        assert_eq!(address.options.acceptors, 4);
        assert!(address.options.v6only && !address.options.nodelay);
    }

    #[test]
    fn what_is_spoken_stands_before_the_place() {
        for (text, protocol) in [
            ("fastcgi:unix:/run/app.sock", Protocol::FastCgi),
            ("scgi:127.0.0.1:9001", Protocol::Scgi),
            ("uwsgi:[::1]:9002", Protocol::Uwsgi),
            ("fastcgi:fd:0", Protocol::FastCgi),
            ("scgi:systemd:web", Protocol::Scgi),
            ("uwsgi:unix:@name", Protocol::Uwsgi),
            ("127.0.0.1:80", Protocol::Http),
        ] {
            let address = Address::from(text);
            assert_eq!(address.options.protocol, protocol);
            assert_eq!(address.to_string(), text);
            assert_eq!(Address::from(address.to_string()), address);
        }
        let text = "fastcgi:[::]:1?fronts=10.0.0.0/8&script_name=/app&plain_paths&remote_user";
        let expected = Address::from("[::]:1")
            .protocol(Protocol::FastCgi)
            .fronts("10.0.0.0/8")
            .script_name("/app")
            .plain_paths()
            .remote_user();
        assert_eq!(Address::from(text), expected);
        assert!(problem("scgi:a:1?fronts=x").contains("fronts"));
        assert!(problem("uwsgi:/run/s").contains("unix:/path"));
    }

    #[test]
    fn what_is_no_address_is_told_so() {
        for text in [
            "",
            "8000",
            ":8000",
            "localhost",
            "a:b",
            "a:70000",
            "a:+1",
            "fd:x",
            "a b:1",
        ] {
            problem(text);
        }
        assert!(problem("::1:80").contains("brackets"));
        assert!(problem("http://a:80").contains("URL"));
        assert!(problem("/tmp/x.sock").contains("unix:/path"));
        assert!(problem("./x.sock").contains("unix:/path"));
        assert!(problem("unix:").contains("no path"));
        assert!(problem("unix:@").contains("no name"));
        for text in [
            "mode=8",
            "mode=1777",
            "backlog=x",
            "proxy",
            "proxy=a",
            "keepalive=0",
            "x",
        ] {
            problem(&format!("a:1?{text}"));
        }
    }
}
