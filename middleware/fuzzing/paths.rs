//! Targets of requests, and what is compared with them.

use std::convert::Infallible;
use std::ops::ControlFlow;

use http::{Method, Request, Uri};

use super::pair;
use crate::normalize_path::NormalizePath;
use crate::pattern::is_like;
use crate::router::{Endpoint, Lookup, Router};
use crate::static_files::file_path;
use crate::target::encoding::{is_plain, is_well_encoded, normal};
use crate::target::host::HostName;
use crate::wrap::OnRequest as _;

/// A pattern without stars is like what it says, and the stars are as a slower reading has them.
pub fn glob(bytes: &[u8]) {
    let Some((pattern, path)) = pair(bytes) else {
        return;
    };
    if pattern.len() > 12 || path.len() > 24 {
        return;
    }
    let (pattern_read, path_read) = if pattern.contains('/') {
        (pattern.strip_prefix('/').unwrap_or(pattern), path)
    } else {
        (pattern, path.rsplit('/').next().unwrap_or_default())
    };
    let slow = slowly(pattern_read.as_bytes(), path_read.as_bytes());
    assert_eq!(is_like(pattern, path.as_bytes()), slow, "{pattern} {path}");
}

fn slowly(pattern: &[u8], text: &[u8]) -> bool {
    let any = |rest: &[u8], most: usize| {
        (0..=most).any(|taken| slowly(rest, text.get(taken..).unwrap_or_default()))
    };
    match (pattern, text) {
        ([], _) => text.is_empty(),
        ([b'*', b'*', rest @ ..], _) => any(rest, text.len()),
        ([b'*', rest @ ..], _) => any(
            rest,
            text.iter()
                .position(|byte| *byte == b'/')
                .unwrap_or(text.len()),
        ),
        ([b'?', rest @ ..], [first, more @ ..]) => *first != b'/' && slowly(rest, more),
        ([want, rest @ ..], [first, more @ ..]) => want == first && slowly(rest, more),
        (_, []) => false,
    }
}

/// A name is read as it is written, and is its own; one with a star is not its own parent's.
pub fn host_name(bytes: &[u8]) {
    let Some((name, host)) = pair(bytes) else {
        return;
    };
    let Some(read) = HostName::parse(name) else {
        return;
    };
    let text = read.text();
    assert_eq!(HostName::parse(&text).as_ref(), Some(&read));
    match text.strip_prefix("*.") {
        Some(parent) => {
            assert!(read.matches(&format!("a.{parent}")) && !read.matches(parent));
        }
        None => assert!(read.matches(&text.to_ascii_uppercase())),
    }
    assert_eq!(read.matches(host), read.matches(&host.to_ascii_uppercase()));
}

/// A path that was made normal is, is no other host's, climbs nowhere and keeps its query.
pub fn normalize_path(bytes: &[u8]) {
    let Ok(uri) = Uri::try_from(bytes) else {
        return;
    };
    for layer in [
        NormalizePath::trim(),
        NormalizePath::append(),
        NormalizePath::merge(),
    ] {
        for layer in [layer.rewrite(), layer.keep_double_slashes().rewrite()] {
            let mut req = Request::new(());
            *req.uri_mut() = uri.clone();
            let ControlFlow::Continue(()) = layer.on_request(&mut req) else {
                continue;
            };
            if !uri.path().starts_with('/') {
                assert_eq!(*req.uri(), uri);
                continue;
            }
            let path = req.uri().path().to_owned();
            assert!(path.starts_with('/') && !path.starts_with("//"), "{path}");
            let dots = |segment: &str| matches!(&*normal(segment), "." | "..");
            assert!(!path.split('/').any(dots), "{path}");
            assert_eq!(req.uri().query(), uri.query());
            let once = req.uri().clone();
            assert!(layer.on_request(&mut req).is_continue());
            assert_eq!(*req.uri(), once);
        }
    }
}

/// The normal form is plain, and its own.
pub fn path_encoding(bytes: &[u8]) {
    let Ok(path) = std::str::from_utf8(bytes) else {
        return;
    };
    let once = normal(path);
    assert!(
        once.bytes().all(|byte| is_plain(byte) || byte == b'%'),
        "{once}"
    );
    assert!(is_well_encoded(&once));
    assert_eq!(normal(&once), once);
}

/// What a route finds is its pattern with the parameters in their places, and who fills a pattern in is found.
pub fn router(bytes: &[u8]) {
    let Some((patterns, path)) = pair(bytes) else {
        return;
    };
    let mut router = Router::<Infallible>::new();
    let mut first = None;
    for pattern in patterns.split(' ').take(8) {
        let endpoint = Endpoint::handler(async |_| "");
        if router.try_route(None, pattern, endpoint).is_ok() {
            first = first.or(Some(pattern));
        }
    }
    if let Some(pattern) = first {
        let filled = fill(pattern, std::iter::repeat("x"));
        let found = router.lookup(&Method::GET, &filled);
        assert!(matches!(found, Lookup::Found(_)), "{pattern} as {filled}");
    }
    if let Lookup::Found(found) = router.lookup(&Method::GET, path) {
        let values: Vec<_> = found.params().map(|(_, value)| value).collect();
        assert!(values.iter().all(|value| !value.is_empty()));
        let filled = fill(found.route().as_str(), values.into_iter());
        assert_eq!(normal(&filled), normal(path), "{}", found.route().as_str());
    }
}

/// The pattern with these in the places of its parameters. Braces that stand for themselves are there twice, as
/// are colons and stars that begin a segment.
fn fill<'a>(pattern: &str, mut values: impl Iterator<Item = &'a str>) -> String {
    let mut filled = String::new();
    let mut rest = pattern.strip_suffix("{*}").unwrap_or(pattern);
    while let Some(first) = rest.chars().next() {
        let (one, after) = rest.split_at(first.len_utf8());
        let doubled = match first {
            '{' | '}' => after.starts_with(first),
            ':' | '*' => after.starts_with(first) && filled.ends_with('/'),
            _ => false,
        };
        if first == '{' && !doubled {
            let (_, behind) = after.split_once('}').unwrap_or_default();
            filled.push_str(values.next().unwrap_or_default());
            rest = behind;
        } else {
            filled.push(first);
            rest = if doubled {
                after.strip_prefix(one).unwrap_or(after)
            } else {
                after
            };
        }
    }
    filled
}

/// What names a file stays beneath its root.
pub fn static_path(bytes: &[u8]) {
    let Ok(path) = std::str::from_utf8(bytes) else {
        return;
    };
    let Some(name) = file_path(path) else { return };
    assert!(!name.contains(&0) && !name.contains(&b'\\') && !name.starts_with(b"/"));
    for (depth, component) in name.split(|byte| *byte == b'/').enumerate() {
        let dot = component.starts_with(b".");
        assert!(!dot || depth == 0 && component == b".well-known", "{path}");
    }
}
