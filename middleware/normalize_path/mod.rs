//! Trailing and double slashes.
//!
//! ```
//! # use gopuram_middleware::NormalizePath;
//! # use tower_layer::Layer as _;
//! # let app = ();
//! let app = NormalizePath::trim().layer(app); // `/a//b/` is redirected to `/a/b`
//! let app = NormalizePath::append().rewrite().layer(app); // `/a` is served as `/a/`
//! # let _ = app;
//! ```
//!
//! | sent | [`trim`](NormalizePath::trim) | [`append`](NormalizePath::append) | [`merge`](NormalizePath::merge) |
//! |---|---|---|---|
//! | `/` and `//` | `/` | `/` | `/` |
//! | `/a//b/` | `/a/b` | `/a/b/` | `/a/b/` |
//! | `/a` | `/a` | `/a/` | `/a` |
//! | `/a/x.css` | `/a/x.css` | `/a/x.css` | `/a/x.css` |
//! | `/a/./b/../c` | `/a/c` | `/a/c/` | `/a/c` |
//!
//! A path that is not in its normal form is answered `308 Permanent Redirect`, which
//! keeps the method and the body, or [rewritten](NormalizePath::rewrite) for inner. Redirect, so that one
//! resource has one address, for caches, search engines and relative links; rewrite where clients
//! do not follow. The query stays byte for byte, and so does percent-encoding.
//!
//! Dot segments are resolved, `%2e` for a dot too, as the standard normal form asks for
//! ([RFC 3986, sections 6.2.2.2 and 6.2.2.3]) and browsers do themselves: guards further in
//! decide by the path that the application would come to. There is no way out above the root.
//!
//! `OPTIONS *` and `CONNECT` have no path and pass, as does what has an authority for a target.
//!
//! Below a mount or a directory of static files `trim` and a redirect to the
//! slash at its end would chase each other: choose `append` or `merge` there.
//!
//! # Security
//!
//! The `Location` is always a path of this host: it starts with one slash, never with two nor with
//! a backslash, which browsers read as one. `//evil.test/` cannot become a
//! redirect to another host.
//!
//! # Cost
//!
//! A path in normal form is scanned once; no allocation.
//!
//! [RFC 3986, sections 6.2.2.2 and 6.2.2.3]: https://www.rfc-editor.org/rfc/rfc3986#section-6.2.2.2

use std::fmt;
use std::ops::ControlFlow;

use http::header::LOCATION;
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use tower_layer::Layer;

use crate::attributes::Attributes;
use crate::place::{Direct, Placed};
use crate::wrap::{OnRequest, Wrapped};

/// Trailing and double slashes.
///
/// See the [module documentation](self) for examples.
#[derive(Clone, Copy, Debug)]
pub struct NormalizePath {
    slash: Slash,
    answer: Answer,
    empty: Empty,
}

/// What is done about a trailing slash.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Slash {
    Append,
    Leave,
    Trim,
}

/// What is done about a path that is not in normal form.
#[derive(Clone, Copy, Debug)]
enum Answer {
    Redirect,
    Rewrite,
}

/// What is done about empty segments.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Empty {
    Keep,
    Merge,
}

impl NormalizePath {
    /// Paths have no trailing slash, but for the root.
    pub const fn trim() -> Self {
        Self::new(Slash::Trim)
    }

    /// Paths have a trailing slash, but for those whose last segment has an extension
    /// (`/style.css`).
    pub const fn append() -> Self {
        Self::new(Slash::Append)
    }

    /// Paths have a trailing slash or not, as they were sent.
    pub const fn merge() -> Self {
        Self::new(Slash::Leave)
    }

    const fn new(slash: Slash) -> Self {
        Self {
            slash,
            answer: Answer::Redirect,
            empty: Empty::Merge,
        }
    }

    /// Changes the target for inner in place of redirecting the client.
    ///
    /// What was sent stays known by [`Attributes::original_uri`].
    #[must_use]
    pub const fn rewrite(mut self) -> Self {
        self.answer = Answer::Rewrite;
        self
    }

    /// Keeps double slashes within the path, for applications where an empty segment means
    /// something (object keys, addresses within addresses). By default they are merged.
    ///
    /// At its start they are merged all the same, and [`trim`](Self::trim) trims all
    /// there are at its end.
    #[must_use]
    pub const fn keep_double_slashes(mut self) -> Self {
        self.empty = Empty::Keep;
        self
    }

    /// Whether `path` is in normal form: the one scan of each request.
    #[inline]
    fn accepts(self, path: &str) -> bool {
        let bytes = path.as_bytes();
        let mut after_slash = false;
        for (at, byte) in bytes.iter().enumerate() {
            if after_slash && matches!(byte, b'/' | b'.' | b'%') {
                let fine = match byte {
                    b'/' => self.empty == Empty::Keep && at > 1,
                    _ => Dots::at_start_of(bytes.get(at..).unwrap_or_default()).is_none(),
                };
                if !fine {
                    return false;
                }
            }
            after_slash = *byte == b'/';
        }
        match self.slash {
            Slash::Append => bytes.ends_with(b"/") || has_extension(path),
            Slash::Leave => true,
            Slash::Trim => bytes.len() <= 1 || !bytes.ends_with(b"/"),
        }
    }

    /// The normal form of `path`, which starts with a slash.
    fn normalize(self, path: &str) -> String {
        let (parents, last) = path.rsplit_once('/').unwrap_or_default();
        let mut segments: Vec<&str> = Vec::new();
        for segment in parents.split('/').skip(1) {
            match Dots::at_start_of(segment.as_bytes()) {
                Some(Dots::One) => {}
                Some(Dots::Two) => drop(segments.pop()),
                None => {
                    let kept = self.empty == Empty::Keep && !segments.is_empty();
                    if kept || !segment.is_empty() {
                        segments.push(segment);
                    }
                }
            }
        }
        let dots = Dots::at_start_of(last.as_bytes());
        let directory = last.is_empty() || dots.is_some();
        match dots {
            Some(Dots::One) => {}
            Some(Dots::Two) => drop(segments.pop()),
            None if last.is_empty() => {}
            None => segments.push(last),
        }
        if self.slash == Slash::Trim {
            while segments.last().is_some_and(|segment| segment.is_empty()) {
                segments.pop();
            }
        }
        let mut normal = String::with_capacity(path.len() + 1);
        for segment in segments {
            normal.push('/');
            normal.push_str(segment);
        }
        let slash = match self.slash {
            Slash::Append => directory || !has_extension(&normal),
            Slash::Leave => directory,
            Slash::Trim => false,
        };
        if slash || normal.is_empty() {
            normal.push('/');
        }
        normal
    }
}

#[diagnostic::do_not_recommend]
impl Placed for NormalizePath {
    type Place = Direct;
    const NAME: &'static str = "normalize_path";

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.slash {
            Slash::Append => "append",
            Slash::Leave => "merge",
            Slash::Trim => "trim",
        })?;
        f.write_str(match self.answer {
            Answer::Redirect => ", redirect",
            Answer::Rewrite => ", rewrite",
        })
    }
}

impl<S> Layer<S> for NormalizePath {
    type Service = Wrapped<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        Wrapped::new(inner, *self)
    }
}

impl<B> OnRequest<B> for NormalizePath {
    type Body = B;
    type Then = ();
    type Reply = Response<()>;

    #[inline]
    fn on_request(&self, req: Request<B>) -> ControlFlow<Response<()>, (Request<B>, ())> {
        let path = req.uri().path();
        if !path.starts_with('/') || self.accepts(path) || req.method() == Method::CONNECT {
            return ControlFlow::Continue((req, ()));
        }
        self.settle(req)
    }
}

impl NormalizePath {
    #[cold]
    fn settle<B>(self, mut req: Request<B>) -> ControlFlow<Response<()>, (Request<B>, ())> {
        let mut target = self.normalize(req.uri().path());
        let path_end = target.len();
        if let Some(query) = req.uri().query() {
            target.push('?');
            target.push_str(query);
        }
        match self.answer {
            Answer::Redirect => {
                let (path, query) = target.split_at(path_end);
                let mount = Attributes::of(&req).map_or("", |known| known.mount().prefix());
                let location = location(mount, path, query);
                ControlFlow::Break(location.map_or_else(refusal, redirect))
            }
            Answer::Rewrite => match with_target(req.uri(), target) {
                Some(uri) => {
                    let original = std::mem::replace(req.uri_mut(), uri);
                    Attributes::of_mut(&mut req).keep_original_uri(&original);
                    ControlFlow::Continue((req, ()))
                }
                None => ControlFlow::Break(refusal()),
            },
        }
    }
}

/// A segment of dots only, spelled any way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Dots {
    One,
    Two,
}

impl Dots {
    /// The dot segment with which `path` starts, if it does.
    fn at_start_of(path: &[u8]) -> Option<Self> {
        let first = after_dot(path)?;
        if let [] | [b'/', ..] = first {
            return Some(Self::One);
        }
        match after_dot(first)? {
            [] | [b'/', ..] => Some(Self::Two),
            _ => None,
        }
    }
}

/// What is after a dot, which is unreserved and so the same when encoded (RFC 3986, 6.2.2.2).
fn after_dot(path: &[u8]) -> Option<&[u8]> {
    match path {
        [b'.', rest @ ..] | [b'%', b'2', b'E' | b'e', rest @ ..] => Some(rest),
        _ => None,
    }
}

/// Whether the last segment has a dot that is not its first character.
fn has_extension(path: &str) -> bool {
    let segment = path.rsplit('/').next().unwrap_or_default();
    segment.bytes().skip(1).any(|byte| byte == b'.')
}

/// A reference to `path` on this host, that no client can take for another host's.
fn location(mount: &str, path: &str, query: &str) -> Option<HeaderValue> {
    // Where the application is mounted, the client's path is longer than ours. Neither part is
    // trusted to have one slash only, and together they have exactly one in front.
    let prefix = mount.trim_start_matches(['/', '\\']);
    let path = match prefix {
        "" => path.trim_start_matches(['/', '\\']),
        _ => path,
    };
    let mut location = String::with_capacity(1 + prefix.len() + path.len() + query.len());
    location.push('/');
    for part in [prefix, path] {
        // No character of a URI (RFC 3986, 2), and a slash to browsers.
        for (i, piece) in part.split('\\').enumerate() {
            if i > 0 {
                location.push_str("%5C");
            }
            location.push_str(piece);
        }
    }
    location.push_str(query);
    HeaderValue::from_maybe_shared(bytes::Bytes::from(location)).ok()
}

/// `uri` with another path and query.
fn with_target(uri: &Uri, target: String) -> Option<Uri> {
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(target).ok()?);
    Uri::from_parts(parts).ok()
}

fn redirect(location: HeaderValue) -> Response<()> {
    let mut res = Response::new(());
    *res.status_mut() = StatusCode::PERMANENT_REDIRECT;
    res.headers_mut().insert(LOCATION, location);
    res
}

/// A target of which no valid one can be made.
fn refusal() -> Response<()> {
    let mut res = Response::new(());
    *res.status_mut() = StatusCode::BAD_REQUEST;
    res
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TRIM: NormalizePath = NormalizePath::trim();
    const APPEND: NormalizePath = NormalizePath::append();
    const MERGE: NormalizePath = NormalizePath::merge();

    #[track_caller]
    fn check(layer: NormalizePath, path: &str, normal: &str) {
        assert_eq!(layer.normalize(path), normal, "{path}");
        assert_eq!(layer.accepts(path), path == normal, "{path}");
        assert!(layer.accepts(normal), "{normal}");
    }

    #[test]
    fn each_mode_has_its_normal_form() {
        for (path, trim, append, merge) in [
            ("/", "/", "/", "/"),
            ("//", "/", "/", "/"),
            ("/a", "/a", "/a/", "/a"),
            ("/a/", "/a", "/a/", "/a/"),
            ("/a//b/", "/a/b", "/a/b/", "/a/b/"),
            ("///a", "/a", "/a/", "/a"),
            ("/a///", "/a", "/a/", "/a/"),
            ("/a/x.css", "/a/x.css", "/a/x.css", "/a/x.css"),
            ("/a/x.css/", "/a/x.css", "/a/x.css/", "/a/x.css/"),
            ("/a.b/c", "/a.b/c", "/a.b/c/", "/a.b/c"),
            ("/.env", "/.env", "/.env/", "/.env"),
            ("/%2F/%61", "/%2F/%61", "/%2F/%61/", "/%2F/%61"),
        ] {
            check(TRIM, path, trim);
            check(APPEND, path, append);
            check(MERGE, path, merge);
        }
    }

    #[test]
    fn dot_segments_are_resolved_and_never_leave_the_root() {
        for (path, normal) in [
            ("/a/./b/../c", "/a/c"),
            ("/a/b/c/./../../g", "/a/g"),
            ("/../../etc", "/etc"),
            ("/a/..", "/"),
            ("/a/.", "/a/"),
            ("/a/%2e%2E/b", "/b"),
            ("/a/.%2e/b", "/b"),
            ("/a//../b", "/b"),
            ("/a/...", "/a/..."),
            ("/.well-known/x", "/.well-known/x"),
            ("/a/..b", "/a/..b"),
            ("/%2eb", "/%2eb"),
        ] {
            check(MERGE, path, normal);
        }
    }

    #[test]
    fn double_slashes_are_kept_on_request_but_not_in_front() {
        let trim = TRIM.keep_double_slashes();
        check(trim, "/get/http://x", "/get/http://x");
        check(trim, "//a//b//", "/a//b");
        check(trim, "//", "/");
        let merge = MERGE.keep_double_slashes();
        check(merge, "/a//", "/a//");
        check(merge, "//a/", "/a/");
        check(merge, "/a//../b", "/a/b");
        check(APPEND.keep_double_slashes(), "/a//b", "/a//b/");
    }

    #[test]
    fn a_location_is_never_another_host() {
        for (mount, path, expected) in [
            ("", "/a", "/a"),
            ("", "//evil.test", "/evil.test"),
            ("", "/\\evil.test/a", "/evil.test/a"),
            ("", "/a\\b", "/a%5Cb"),
            ("/app", "/", "/app/"),
            ("//app", "/x", "/app/x"),
        ] {
            let location = location(mount, path, "").unwrap();
            assert_eq!(location, expected);
        }
    }

    proptest! {
        #[test]
        fn a_normal_form_is_normal(path in "/([/.a\\\\]|%2e){0,12}", keep: bool) {
            for mut layer in [TRIM, APPEND, MERGE] {
                if keep {
                    layer = layer.keep_double_slashes();
                }
                let normal = layer.normalize(&path);
                prop_assert!(layer.accepts(&normal), "{normal}");
                prop_assert_eq!(layer.normalize(&normal), normal.clone());
                prop_assert_eq!(layer.accepts(&path), path == normal);
                let location = location("", &normal, "").unwrap();
                let location = location.to_str().unwrap();
                prop_assert!(location.starts_with('/'));
                prop_assert!(!location.starts_with("//") && !location.contains('\\'));
            }
        }
    }
}
