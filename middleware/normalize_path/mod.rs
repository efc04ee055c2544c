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

mod form;

use std::fmt;
use std::ops::ControlFlow;

use http::header::LOCATION;
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use tower_layer::Layer;

use crate::attributes::Attributes;
use crate::place::{Direct, Placed};
use crate::wrap::{OnRequest, Wrapped};

use form::{Empty, Form, Slash};

/// Trailing and double slashes.
///
/// See the [module documentation](self) for examples.
#[derive(Clone, Copy, Debug)]
pub struct NormalizePath {
    form: Form,
    answer: Answer,
}

/// What is done about a path that is not in normal form.
#[derive(Clone, Copy, Debug)]
enum Answer {
    Redirect,
    Rewrite,
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
            form: Form {
                slash,
                empty: Empty::Merge,
            },
            answer: Answer::Redirect,
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
        self.form.empty = Empty::Keep;
        self
    }
}

#[diagnostic::do_not_recommend]
impl Placed for NormalizePath {
    type Place = Direct;
    const NAME: &'static str = "normalize_path";

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.form.slash {
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
    type Then = ();
    type Reply = Response<()>;

    #[inline]
    fn on_request(&self, req: &mut Request<B>) -> ControlFlow<Response<()>> {
        let path = req.uri().path();
        if !path.starts_with('/') || self.form.accepts(path) || req.method() == Method::CONNECT {
            return ControlFlow::Continue(());
        }
        self.settle(req)
    }
}

impl NormalizePath {
    #[cold]
    fn settle<B>(self, req: &mut Request<B>) -> ControlFlow<Response<()>> {
        let mut target = self.form.normalize(req.uri().path());
        let path_end = target.len();
        if let Some(query) = req.uri().query() {
            target.push('?');
            target.push_str(query);
        }
        match self.answer {
            Answer::Redirect => {
                let (path, query) = target.split_at(path_end);
                let mount = Attributes::of(req).map_or("", |known| known.mount().prefix());
                let location = location(mount, path, query);
                ControlFlow::Break(location.map_or_else(refusal, redirect))
            }
            Answer::Rewrite => match with_target(req.uri(), target) {
                Some(uri) => {
                    let original = std::mem::replace(req.uri_mut(), uri);
                    Attributes::of_mut(req).keep_original_uri(&original);
                    ControlFlow::Continue(())
                }
                None => ControlFlow::Break(refusal()),
            },
        }
    }
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
        fn a_location_is_a_path_of_this_host(mount in "[/a\\\\]{0,4}", path in "/[/.a\\\\]{0,12}") {
            let location = location(&mount, &path, "").unwrap();
            let location = location.to_str().unwrap();
            prop_assert!(location.starts_with('/'));
            prop_assert!(!location.starts_with("//") && !location.contains('\\'));
        }
    }
}
