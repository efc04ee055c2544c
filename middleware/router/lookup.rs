//! What a router finds, without a request.

use std::ops::Range;

use http::{HeaderValue, Method};

use super::Router;
use super::pattern::Pattern;
use super::table::{Choice, Paths};
use crate::attributes::MatchedRoute;

/// What a router finds for a method and a path.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Lookup<'r, 'p> {
    /// The path is of a route, but not with this method; `OPTIONS` is answered 204 and any other
    /// method 405, with these methods in `Allow`.
    Automatic(&'r HeaderValue),
    /// A route, a mount or a fallback.
    Found(Match<'r, 'p>),
    /// No route has the path: 404.
    Nothing,
}

/// The route that was found.
#[derive(Clone, Debug)]
pub struct Match<'r, 'p> {
    pattern: &'r Pattern,
    path: &'p str,
    normal: bool,
}

impl<'r, 'p: 'r> Match<'r, 'p> {
    /// The pattern; that of a mount or a fallback ends with `/{*}`.
    pub const fn route(&self) -> &'r MatchedRoute {
        &self.pattern.text
    }

    /// Where the values of the parameters stand in the path, in order.
    pub fn spans(&self) -> impl Iterator<Item = Range<usize>> + use<'r, 'p> {
        self.pattern.walk(self.path, self.normal)
    }

    /// The parameters, names and values, percent-encoded as they stand in the path.
    pub fn params(&self) -> impl Iterator<Item = (&'r str, &'p str)> + use<'r, 'p> {
        let path = self.path;
        let values = self.spans();
        let values = values.map(move |span| path.get(span).unwrap_or_default());
        self.pattern.names.iter().map(|name| &**name).zip(values)
    }
}

impl<E> Router<E> {
    /// What is found for a method and a path, for any host.
    ///
    /// The path is that of a URI, percent-encoded. Nothing is allocated unless it is not in the
    /// normal form.
    #[inline]
    pub fn lookup<'r, 'p: 'r>(&'r self, method: &Method, path: &'p str) -> Lookup<'r, 'p> {
        result(self.table.find(None, path), method, path)
    }

    /// What is found for a method and a path of a host, without port.
    #[inline]
    pub fn lookup_host<'r, 'p: 'r>(
        &'r self,
        host: &str,
        method: &Method,
        path: &'p str,
    ) -> Lookup<'r, 'p> {
        result(self.table.find(Some(host), path), method, path)
    }
}

#[inline]
fn result<'r, 'p: 'r, E>(
    found: Option<(&'r Paths<E>, bool)>,
    method: &Method,
    path: &'p str,
) -> Lookup<'r, 'p> {
    let Some((paths, normal)) = found else {
        return Lookup::Nothing;
    };
    match paths.choose(method) {
        Choice::Route { route, .. } => Lookup::Found(Match {
            pattern: &route.pattern,
            path,
            normal,
        }),
        Choice::Automatic => Lookup::Automatic(paths.allow.value()),
    }
}
