//! The host that was asked for, in place of the one that the proxy asks for.

use http::header::HOST;
use http::uri::Authority;
use http::{HeaderValue, Request, uri};

use crate::attributes::Attributes;
use crate::header::host_port;

/// A host, and perhaps a port, that can stand in a target.
pub(super) fn parse(text: &str) -> Option<Authority> {
    let (_, port) = host_port::parse(text)?;
    let is_port = port.is_none_or(|digits| digits.parse::<u16>().is_ok());
    is_port.then(|| text.parse().ok())?
}

/// Puts `host` in place of `Host` and of the target's authority, and keeps what was there. The target of a tunnel is where it leads
/// to, and stays.
pub(super) fn replace<B>(req: &mut Request<B>, host: Authority) {
    let authority = req.uri().authority();
    let is_tunnel = authority.is_some() && req.uri().scheme().is_none();
    let Ok(value) = HeaderValue::from_str(host.as_str()) else {
        return;
    };
    if is_tunnel {
        return;
    }
    let was = || HeaderValue::from_str(authority?.as_str()).ok();
    let was = req.headers().get(HOST).cloned().or_else(was);
    if authority.is_none() || req.headers().contains_key(HOST) {
        req.headers_mut().insert(HOST, value);
    }
    if req.uri().authority().is_some() {
        let target = uri::Builder::from(req.uri().clone()).authority(host);
        if let Ok(target) = target.build() {
            *req.uri_mut() = target;
        }
    }
    let was = was.unwrap_or_else(|| HeaderValue::from_static(""));
    Attributes::of_mut(req).keep_original_host(was);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_and_perhaps_a_port() {
        for host in [
            "a",
            "A-b_c.example.",
            "a:80",
            "192.0.2.1:65535",
            "[::1]",
            "[2001:db8::1]:443",
        ] {
            assert_eq!(parse(host).map(|it| it.to_string()).as_deref(), Some(host));
        }
        for host in [
            "", ":80", "a:", "a:b", "a:65536", "a:+1", "a@b", "a/b", "a b", "a,b", "[::1", "[a]",
            "[::1]80", "::1", "a%20", "http://a", "a?", "\u{e4}", "a:80:80",
        ] {
            assert_eq!(parse(host), None, "{host}");
        }
    }

    #[test]
    fn it_replaces_field_and_authority_and_the_first_is_kept() {
        let after = |target: &str, host: Option<&str>| {
            let mut req = Request::builder().uri(target);
            if let Some(host) = host {
                req = req.header(HOST, host);
            }
            let mut req = req.body(()).unwrap();
            replace(&mut req, parse("new.test:8443").unwrap());
            let text = |value: &HeaderValue| value.to_str().unwrap().to_owned();
            let host = req.headers().get(HOST).map(text);
            let kept = Attributes::of(&req).and_then(Attributes::original_host);
            (req.uri().to_string(), host, kept.map(text))
        };
        let new = || Some("new.test:8443".to_owned());
        let kept = |text: &str| Some(text.to_owned());
        assert_eq!(
            after("/a?b", Some("old")),
            ("/a?b".into(), new(), kept("old"))
        );
        assert_eq!(after("/a?b", None), ("/a?b".into(), new(), kept("")));
        let there = || "http://new.test:8443/a?b".to_owned();
        assert_eq!(after("http://old/a?b", None), (there(), None, kept("old")));
        assert_eq!(
            after("http://old/a?b", Some("old")),
            (there(), new(), kept("old"))
        );
        assert_eq!(
            after("old:443", Some("old:443")),
            ("old:443".into(), kept("old:443"), None)
        );
    }
}
