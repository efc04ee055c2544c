//! What a response is stored under: RFC 9111, sections 2 and 4.4.

use std::fmt::Write as _;

use http::header::{CONTENT_LOCATION, HOST, LOCATION};
use http::uri::{Authority, Scheme as UriScheme};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri, request};

use crate::attributes::{Attributes, Scheme};
use crate::header::host_port;
use crate::wrap::with_parts;

/// What a response is stored under: the URI that the client asked for.
///
/// Scheme, authority, path and query, whatever the method. Scheme and authority are normalised
/// (RFC 9110, section 4.2.3), path and query are kept byte for byte.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Key {
    url: Box<str>,
    view: Option<Box<str>>,
}

impl Key {
    /// The URI as text.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What else tells this response from others of the same URI: the user that it is for, or
    /// where an outer layer has rewritten the target to.
    ///
    /// All views of a URI are invalidated together.
    pub fn view(&self) -> Option<&str> {
        self.view.as_deref()
    }

    /// None if it is not certain what was asked for: see [`authority`].
    #[inline]
    pub(super) fn of<B>(req: &Request<B>) -> Option<Self> {
        let attributes = Attributes::of(req);
        let scheme = attributes.map_or(Scheme::default(), Attributes::scheme);
        let target = req.uri();
        let original = attributes.and_then(Attributes::original_uri);
        let asked = original.unwrap_or(target);
        let said = asked.authority().or(target.authority());
        let authority = authority(scheme.as_str(), said, req.headers())?;
        let path = asked.path_and_query().map_or("/", |path| path.as_str());
        let url = url(scheme.as_str(), authority, path);
        let rewritten = original.is_some().then(|| {
            let prefix = attributes.map_or("", |attributes| attributes.mount().prefix());
            let rest = target.path_and_query().map_or("/", |path| path.as_str());
            [prefix, rest].concat()
        });
        // Beneath a mount, prefix and rest are what was asked for.
        let view = rewritten.filter(|now| now != path).map(Into::into);
        Some(Self { url, view })
    }

    /// With what `user` says of the request, and whether it says something.
    pub(super) fn for_user<B>(self, req: &mut Request<B>, user: &User) -> (Self, bool) {
        let Some(user) = with_parts(req, |head| user(head)) else {
            return (self, false);
        };
        let view = match self.view {
            // No target has a space in it.
            Some(view) => format!("{view} {user}"),
            None => format!(" {user}"),
        };
        let view = Some(view.into());
        (Self { view, ..self }, true)
    }

    /// Made again of its parts, by a store that keeps them elsewhere.
    pub fn from_parts(url: impl Into<Box<str>>, view: Option<Box<str>>) -> Self {
        Self {
            url: url.into(),
            view,
        }
    }
}

/// Whose response it is, by the head of a request.
pub(super) type User = dyn Fn(&request::Parts) -> Option<String> + Send + Sync;

/// Host and port, in the form that all keys have.
#[derive(Clone, Copy, Default)]
struct HostPort<'a> {
    host: &'a str,
    /// None if it is the scheme's.
    port: Option<u16>,
}

impl<'a> HostPort<'a> {
    /// Reads an authority without userinfo; none if it is anything else, which names nothing.
    fn parse(scheme: &str, text: &'a str) -> Option<Self> {
        let (host, port) = host_port::parse(text)?;
        let port = match port {
            None | Some("") => None,
            Some(digits) => Some(digits.parse().ok()?),
        };
        let default = if scheme == "https" { 443 } else { 80 };
        let port = port.filter(|port| *port != default);
        Some(Self { host, port })
    }

    fn is_same(&self, other: &Self) -> bool {
        // A host is the same in any case (RFC 9110, section 4.2.3).
        self.host.eq_ignore_ascii_case(other.host) && self.port == other.port
    }
}

/// The authority that is asked for: the target's, or else the `Host` field's (RFC 9110, section 7.2).
///
/// None if there are two different ones, two fields, or one that is none: what the application makes of
/// that is not known here, and nothing of it may be for others. Where there is none at all it is empty,
/// as in HTTP/1.0.
fn authority<'a>(
    scheme: &str,
    said: Option<&'a Authority>,
    headers: &'a HeaderMap,
) -> Option<HostPort<'a>> {
    let parse = |text: &'a str| HostPort::parse(scheme, text);
    let read = |value: &'a HeaderValue| value.to_str().ok().and_then(parse);
    let mut fields = headers.get_all(HOST).iter().map(read);
    let field = fields.next();
    if fields.next().is_some() {
        return None;
    }
    match (said.map(Authority::as_str).map(parse), field) {
        (Some(said), Some(field)) => said.filter(|said| field.is_some_and(|it| it.is_same(said))),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => Some(HostPort::default()),
    }
}

/// A URI in the form that all keys have.
fn url(scheme: &str, authority: HostPort<'_>, path: &str) -> Box<str> {
    let HostPort { host, port } = authority;
    let slash = if path.starts_with('/') { "" } else { "/" };
    let digits = port.map_or(0, |_| ":65535".len());
    let len = scheme.len() + "://".len() + host.len() + digits + slash.len() + path.len();
    let mut url = String::with_capacity(len);
    url.push_str(scheme);
    url.push_str("://");
    url.push_str(host);
    url.make_ascii_lowercase();
    if let Some(port) = port {
        // Writing to a string does not fail.
        let _done = write!(url, ":{port}");
    }
    url.push_str(slash);
    url.push_str(path);
    url.into()
}

/// `text`, an absolute URI, in the form that all keys have.
pub(super) fn normal(text: &str) -> Option<Box<str>> {
    let uri: Uri = text.parse().ok()?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let scheme = uri.scheme().map(UriScheme::as_str)?.to_ascii_lowercase();
    let authority = HostPort::parse(&scheme, uri.authority()?.as_str())?;
    Some(url(&scheme, authority, path))
}

/// The URIs that an answer names beside `base`, if they are of the same origin (section 4.4).
pub(super) fn named_beside(base: &str, headers: &HeaderMap) -> impl Iterator<Item = Box<str>> {
    let named = |name: &HeaderName| {
        let text = headers.get(name)?.to_str().ok()?;
        let url = resolve(base, text)?;
        (origin(&url) == origin(base) && *url != *base).then_some(url)
    };
    [named(&LOCATION), named(&CONTENT_LOCATION)]
        .into_iter()
        .flatten()
}

/// Where the origin of a key ends.
fn origin(url: &str) -> &str {
    split(url).0
}

/// The origin of a key, and the rest.
fn split(url: &str) -> (&str, &str) {
    let authority = url.find("://").map_or(0, |at| at + 3);
    let path = url.get(authority..).and_then(|rest| rest.find('/'));
    let path = path.map_or(url.len(), |at| authority + at);
    url.split_at_checked(path).unwrap_or((url, ""))
}

/// A reference relative to a key (RFC 3986, section 5.2), without its fragment.
fn resolve(base: &str, text: &str) -> Option<Box<str>> {
    let text = text.split('#').next().unwrap_or_default();
    let (origin, path) = split(base);
    if text.starts_with("//") {
        let scheme = base.split("//").next()?;
        return normal(&[scheme, text].concat());
    }
    let colon = text.find(':').unwrap_or(text.len());
    if text.find(['/', '?']).is_none_or(|at| colon < at) && colon < text.len() {
        return normal(text);
    }
    let own = path.split('?').next().unwrap_or_default();
    let path = match text.bytes().next() {
        None => path.to_owned(),
        Some(b'/') => text.to_owned(),
        Some(b'?') => [own, text].concat(),
        Some(_) => {
            let folder = own.rfind('/').and_then(|at| own.get(..=at));
            [folder.unwrap_or("/"), text].concat()
        }
    };
    Some([origin, &without_dots(&path)].concat().into())
}

/// Without the segments `.` and `..` (RFC 3986, section 5.2.4).
fn without_dots(path: &str) -> String {
    let (path, query) = match path.find('?') {
        Some(at) => path.split_at_checked(at).unwrap_or((path, "")),
        None => (path, ""),
    };
    let mut kept = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        match segment {
            ".." => drop(kept.pop()),
            "." => {}
            segment => {
                kept.push(segment);
                continue;
            }
        }
        if segments.peek().is_none() {
            kept.push("");
        }
    }
    ["/", &kept.join("/"), query].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(target: &str, host: &str) -> Key {
        let req = Request::get(target).header(HOST, host).body(()).unwrap();
        Key::of(&req).unwrap()
    }

    #[test]
    fn a_key_is_the_uri_that_was_asked_for() {
        assert_eq!(
            key("/a?b", "Example.com:80").url(),
            "http://example.com/a?b"
        );
        assert_eq!(key("/A%2f", "e:8080").url(), "http://e:8080/A%2f");
        assert_eq!(key("http://H:80/a", "h").url(), "http://h/a");
        assert_eq!(key("/", "[::1]:08").url(), "http://[::1]:8/");
        let req = Request::get("*").body(()).unwrap();
        assert_eq!(Key::of(&req).unwrap().url(), "http:///*");
        let mut https = Request::get("/").header(HOST, "h:443").body(()).unwrap();
        Attributes::of_mut(&mut https).set_scheme(Scheme::Https);
        assert_eq!(Key::of(&https).unwrap().url(), "https://h/");
    }

    #[test]
    fn beneath_a_mount_the_key_is_of_the_whole_path() {
        let mut req = Request::get("/users?a").header(HOST, "h").body(()).unwrap();
        let attributes = Attributes::of_mut(&mut req);
        attributes.keep_original_uri(&"/api/users?a".parse().unwrap());
        attributes.enter_mount("/api");
        let key = Key::of(&req).unwrap();
        assert_eq!((key.url(), key.view()), ("http://h/api/users?a", None));
    }

    #[test]
    fn where_a_layer_rewrites_by_more_than_the_uri_answers_are_kept_apart() {
        let mut req = Request::get("/de/x").header(HOST, "h").body(()).unwrap();
        Attributes::of_mut(&mut req).keep_original_uri(&"/x".parse().unwrap());
        let key = Key::of(&req).unwrap();
        assert_eq!((key.url(), key.view()), ("http://h/x", Some("/de/x")));
        let user: &User = &|head| Some(head.uri.path().len().to_string());
        let (key, is_own) = key.for_user(&mut req, user);
        assert!(is_own);
        assert_eq!(key.view(), Some("/de/x 5"));
    }

    #[test]
    fn references_are_resolved_and_those_of_other_origins_left_alone() {
        // 4.4
        let beside = |location: &str| {
            let value = HeaderValue::from_str(location).unwrap();
            let headers = HeaderMap::from_iter([(LOCATION, value)]);
            named_beside("http://h/a/b?c", &headers).next()
        };
        for (location, wanted) in [
            ("/x", "http://h/x"),
            ("x", "http://h/a/x"),
            ("../x?y#z", "http://h/x?y"),
            ("../../../x", "http://h/x"),
            ("./", "http://h/a/"),
            ("..", "http://h/"),
            ("?d", "http://h/a/b?d"),
            ("//h/x", "http://h/x"),
            ("HTTP://H:80/x", "http://h/x"),
            ("x/y:z", "http://h/a/x/y:z"),
        ] {
            assert_eq!(beside(location).as_deref(), Some(wanted), "{location}");
        }
        for location in [
            "http://other/x",
            "https://h/x",
            "//h.evil/x",
            "http://h:81/x",
            "http://a@h/x",
            "#a",
            "",
            "mailto:a@b",
            "http://[",
        ] {
            assert_eq!(beside(location), None, "{location}");
        }
    }
}
