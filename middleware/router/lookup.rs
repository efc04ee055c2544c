//! What a router finds, without a request.

use std::ops::Range;

use http::{HeaderValue, Method};

use super::Router;
use super::pattern::Walk;
use super::table::{Choice, Paths, Route};
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
    route: &'r MatchedRoute,
    names: &'r [Box<str>],
    path: &'p str,
    walk: Walk<'r>,
}

impl<'r, 'p: 'r> Match<'r, 'p> {
    fn new<E>(route: &'r Route<E>, path: &'p str, normal: bool) -> Self {
        Self {
            route: &route.pattern.text,
            names: &route.pattern.names,
            path,
            walk: route.pattern.walk(path, normal),
        }
    }

    /// The pattern; that of a mount or a fallback ends with `/{*}`.
    pub const fn route(&self) -> &'r MatchedRoute {
        self.route
    }

    /// Where the values of the parameters stand in the path, in order.
    pub fn spans(&self) -> impl Iterator<Item = Range<usize>> + use<'r, 'p> {
        self.walk.clone()
    }

    /// The parameters, names and values, percent-encoded as they stand in the path.
    pub fn params(&self) -> impl Iterator<Item = (&'r str, &'p str)> + use<'r, 'p> {
        let path = self.path;
        let values = self.walk.clone();
        let values = values.map(move |span| path.get(span).unwrap_or_default());
        self.names.iter().map(|name| &**name).zip(values)
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
        Choice::Route { route, .. } => Lookup::Found(Match::new(route, path, normal)),
        Choice::Automatic => Lookup::Automatic(paths.allow.value()),
    }
}
