//! Which application a request is for.

use http::Request;

use super::Error;
use crate::attributes::{Attributes, MatchedRoute};
use crate::body::Body;
use crate::endpoint::{Endpoint, EndpointFuture};
use crate::target::host::{self, HostName};
use crate::target::{encoding, prefix};

/// The applications, in the order in which they are tried.
pub(super) struct Table<E> {
    /// By precedence.
    pub(super) hosts: Vec<(HostName, Endpoint<E>)>,
    /// The longest first.
    pub(super) prefixes: Vec<Prefix<E>>,
}

/// An application and the prefix that it is under.
pub(super) struct Prefix<E> {
    /// In the normal form; empty for the root.
    pub(super) path: Box<str>,
    route: MatchedRoute,
    app: Endpoint<E>,
}

/// Where a request goes.
pub(super) enum Found<'a, E> {
    Host(&'a Endpoint<E>),
    /// And where the prefix ends in the path.
    Prefix(&'a Prefix<E>, usize),
}

impl<E> Table<E> {
    pub(super) fn add_prefix(&mut self, prefix: &str, app: Endpoint<E>) -> Result<(), Error> {
        let bad = |why| Error::BadPrefix {
            prefix: prefix.to_owned(),
            why,
        };
        let path = normal_prefix(prefix).map_err(bad)?;
        if self.prefixes.iter().any(|other| *other.path == *path) {
            let prefix = prefix.to_owned();
            return Err(Error::PrefixTaken { prefix });
        }
        let at = self
            .prefixes
            .partition_point(|other| other.path.len() >= path.len());
        let route = MatchedRoute::new([&*path, prefix::OPEN].concat());
        self.prefixes.insert(at, Prefix { path, route, app });
        Ok(())
    }

    pub(super) fn add_host(&mut self, name: &str, app: Endpoint<E>) -> Result<(), Error> {
        let host = HostName::parse(name).ok_or_else(|| Error::BadHost { host: name.into() })?;
        if self.hosts.iter().any(|(other, _)| *other == host) {
            return Err(Error::HostTaken { host: host.text() });
        }
        let at = self
            .hosts
            .partition_point(|(other, _)| other.precedence(&host).is_lt());
        self.hosts.insert(at, (host, app));
        Ok(())
    }

    pub(super) fn find<B>(&self, req: &Request<B>) -> Option<Found<'_, E>> {
        if !self.hosts.is_empty()
            && let Some(host) = host::of(req)
            && let Some((_, app)) = self.hosts.iter().find(|(name, _)| name.matches(host))
        {
            return Some(Found::Host(app));
        }
        let path = req.uri().path();
        let mut prefixes = self.prefixes.iter();
        prefixes.find_map(|prefix| Some(Found::Prefix(prefix, end_of(&prefix.path, path)?)))
    }
}

impl<E: 'static> Found<'_, E> {
    pub(super) fn answer(&self, mut req: Request<Body>) -> EndpointFuture<E> {
        match *self {
            Self::Host(app) => app.start(req),
            Self::Prefix(Prefix { route, app, .. }, end) => {
                prefix::set_route(Attributes::of_mut(&mut req), route);
                match prefix::enter(req, end) {
                    Ok(req) => app.start(req),
                    Err(res) => EndpointFuture::ready(res),
                }
            }
        }
    }
}

/// Where `prefix`, in the normal form, ends in `path`, if it is one of it.
fn end_of(prefix: &str, path: &str) -> Option<usize> {
    let end = encoding::advance(path.as_bytes(), 0, prefix.len());
    let is_whole = matches!(path.as_bytes().get(end), None | Some(b'/'));
    (is_whole && encoding::normal(path.get(..end)?) == prefix).then_some(end)
}

/// A prefix in the normal form, or what is wrong with it.
fn normal_prefix(prefix: &str) -> Result<Box<str>, &'static str> {
    if prefix == "/" {
        Ok(Box::default())
    } else if !prefix.starts_with('/') {
        Err("a prefix starts with a slash")
    } else if prefix.ends_with('/') {
        Err("a prefix does not end with a slash")
    } else if prefix.contains(['?', '#']) {
        Err("`?` and `#` end a path; write `%3F` or `%23`")
    } else if !encoding::is_well_encoded(prefix) {
        Err("`%` without two hex digits; write `%25` for the character")
    } else {
        Ok(encoding::normal(prefix).into())
    }
}

impl<E> Clone for Table<E> {
    fn clone(&self) -> Self {
        Self {
            hosts: self.hosts.clone(),
            prefixes: self.prefixes.clone(),
        }
    }
}

impl<E> Clone for Prefix<E> {
    fn clone(&self) -> Self {
        Self {
            path: self.path.clone(),
            route: self.route.clone(),
            app: self.app.clone(),
        }
    }
}

impl<E> Default for Table<E> {
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            prefixes: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_where_a_segment_does() {
        for (prefix, path, end) in [
            ("/api", "/api/users", Some(4)),
            ("/api", "/api", Some(4)),
            ("/api", "/%61pi/x", Some(6)),
            ("/api", "/apis", None),
            ("/api", "/api%2Fx", None),
            ("/api", "/ap", None),
            ("/api", "//api", None),
            ("/api", "*", None),
            ("/caf%C3%A9", "/caf%c3%a9/x", Some(10)),
            ("/caf%C3%A9", "/caf%c3", None),
            ("", "/a", Some(0)),
            ("", "*", None),
        ] {
            assert_eq!(end_of(prefix, path), end, "{prefix} {path}");
        }
    }
}
