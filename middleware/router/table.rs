//! The routes of a router: by host, by path, by method.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use http::Method;

use super::allow::Allow;
use super::encoding;
use super::error::Error;
use super::pattern::Pattern;
use super::serve::automatic;
use super::tree::Tree;
use crate::endpoint::Endpoint;
use crate::target::host::HostName;

/// All routes of a router.
pub(super) struct Table<E> {
    /// What is found for any host, after those that have a name.
    pub(super) any: Site<E>,
    /// In the order in which they are tried.
    pub(super) hosts: Vec<(HostName, Site<E>)>,
    pub(super) names: HashMap<Box<str>, Arc<Pattern>>,
    /// `Allow` of the server as a whole.
    pub(super) allow: Allow,
}

/// The routes of a host.
pub(super) struct Site<E> {
    tree: Tree,
    /// By the numbers of the tree.
    pub(super) paths: Vec<Paths<E>>,
    numbers: HashMap<String, u32>,
}

/// The routes of one shape of paths.
pub(super) struct Paths<E> {
    /// Never empty.
    pub(super) routes: Vec<Route<E>>,
    pub(super) allow: Allow,
    /// What answers where no route does, if layers are to see it.
    pub(super) automatic: Option<Endpoint<E>>,
}

/// A route.
pub(super) struct Route<E> {
    /// All methods if none.
    pub(super) method: Option<Method>,
    pub(super) pattern: Arc<Pattern>,
    pub(super) kind: Kind,
    pub(super) name: Option<Box<str>>,
    pub(super) endpoint: Endpoint<E>,
}

/// What kind of route it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// Whatever is under a prefix and found nowhere else.
    Fallback,
    /// An application that sees the rest of the path.
    Mount,
    /// One pattern.
    Path,
}

/// Which route of a path is for a method.
pub(super) enum Choice<'a, E> {
    /// The route, and whether it is one for `GET` that answers `HEAD`.
    Route { route: &'a Route<E>, is_head: bool },
    /// None is, the router answers itself.
    Automatic,
}

/// A host and a path in it, to come back to.
#[derive(Clone, Debug)]
pub(super) struct Place {
    host: Option<HostName>,
    number: u32,
    route: usize,
}

impl<E> Table<E> {
    /// The paths that `path` is one of, and whether it is in the normal form.
    #[inline]
    pub(super) fn find(&self, host: Option<&str>, path: &str) -> Option<(&Paths<E>, bool)> {
        let mut odd = false;
        let paths = self.find_normal(host, path, &mut odd);
        if odd && let Cow::Owned(normal) = encoding::normal(path) {
            let paths = self.find_normal(host, &normal, &mut odd);
            return Some((paths?, false));
        }
        Some((paths?, true))
    }

    #[inline]
    fn find_normal(&self, host: Option<&str>, path: &str, odd: &mut bool) -> Option<&Paths<E>> {
        if let Some(host) = host {
            let mut sites = self.hosts.iter().filter(|(name, _)| name.matches(host));
            let found = sites.find_map(|(_, site)| site.find(path, odd));
            if found.is_some() {
                return found;
            }
        }
        self.any.find(path, odd)
    }

    /// Adds a route.
    pub(super) fn add(
        &mut self,
        host: Option<&HostName>,
        route: Route<E>,
        automatic: Option<Endpoint<E>>,
    ) -> Result<Place, Error> {
        self.check(host, &route)?;
        if let Some(name) = &route.name {
            self.names.insert(name.clone(), Arc::clone(&route.pattern));
        }
        if let Some(method) = &route.method {
            self.allow.add(method);
        }
        let (number, route) = self.site_mut(host).add(route, automatic);
        let host = host.cloned();
        Ok(Place {
            host,
            number,
            route,
        })
    }

    /// Adds the routes of another table, all or none, behind a prefix and for a host.
    pub(super) fn merge(
        &mut self,
        host: Option<&HostName>,
        prefix: &str,
        inner: Self,
    ) -> Result<(), Error> {
        let mut all = Vec::new();
        let named = inner
            .hosts
            .into_iter()
            .map(|(name, site)| (Some(name), site));
        for (name, site) in named.chain([(None, inner.any)]) {
            if let (Some(inner), Some(outer)) = (&name, host) {
                return Err(Error::NestedHost {
                    inner: inner.text(),
                    outer: outer.text(),
                });
            }
            for paths in site.paths {
                for mut route in paths.routes {
                    if !prefix.is_empty() {
                        route.pattern = Arc::new(route.pattern.behind(prefix)?);
                    }
                    let host = name.as_ref().or(host);
                    self.check(host, &route)?;
                    all.push((host.cloned(), route, paths.automatic.clone()));
                }
            }
        }
        for (host, route, automatic) in all {
            self.add(host.as_ref(), route, automatic)?;
        }
        Ok(())
    }

    /// Gives the route at `place` a name.
    pub(super) fn name(&mut self, place: &Place, name: &str) -> Result<(), Error> {
        let Self {
            names, hosts, any, ..
        } = self;
        let site = match &place.host {
            None => Some(any),
            Some(host) => hosts.iter_mut().find(|(h, _)| h == host).map(|(_, s)| s),
        };
        let route = site
            .and_then(|site| site.paths.get_mut(place.number as usize))
            .and_then(|paths| paths.routes.get_mut(place.route));
        if let Some(route) = route {
            check_name(names, name, &route.pattern)?;
            if let Some(old) = route.name.replace(name.into()) {
                names.remove(&old);
            }
            names.insert(name.into(), Arc::clone(&route.pattern));
        }
        Ok(())
    }

    /// All sites, those of named hosts first.
    pub(super) fn sites(&self) -> impl Iterator<Item = (Option<&HostName>, &Site<E>)> {
        let named = self.hosts.iter().map(|(name, site)| (Some(name), site));
        named.chain([(None, &self.any)])
    }

    /// Wraps all endpoints, and what the router answers itself.
    pub(super) fn wrap(&mut self, wrap: impl Fn(Endpoint<E>) -> Endpoint<E>)
    where
        E: 'static,
    {
        let named = self.hosts.iter_mut().map(|(_, site)| site);
        for paths in named
            .chain([&mut self.any])
            .flat_map(|site| &mut site.paths)
        {
            let automatic = paths.automatic.take().unwrap_or_else(|| {
                Endpoint::handler(|req| std::future::ready(automatic(req.method())))
            });
            paths.automatic = Some(wrap(automatic));
            for route in &mut paths.routes {
                route.endpoint = wrap(route.endpoint.clone());
            }
        }
    }

    fn check(&self, host: Option<&HostName>, route: &Route<E>) -> Result<(), Error> {
        let site = match host {
            None => Some(&self.any),
            Some(host) => self.hosts.iter().find(|(h, _)| h == host).map(|(_, s)| s),
        };
        let paths = site.and_then(|site| site.same_paths(&route.pattern));
        let same = |old: &&Route<E>| old.method == route.method;
        if let Some(old) = paths.and_then(|paths| paths.routes.iter().find(same)) {
            return Err(Error::Conflict {
                new: route.text(host),
                old: old.text(host),
            });
        }
        match &route.name {
            Some(name) => check_name(&self.names, name, &route.pattern),
            None => Ok(()),
        }
    }

    fn site_mut(&mut self, host: Option<&HostName>) -> &mut Site<E> {
        let Some(host) = host else {
            return &mut self.any;
        };
        let at = self.hosts.iter().position(|(name, _)| name == host);
        let at = at.unwrap_or_else(|| {
            let at = self
                .hosts
                .partition_point(|(name, _)| name.precedence(host).is_le());
            self.hosts.insert(at, (host.clone(), Site::default()));
            at
        });
        #[expect(clippy::indexing_slicing, reason = "it was found or made above")]
        &mut self.hosts[at].1
    }
}

fn check_name(
    names: &HashMap<Box<str>, Arc<Pattern>>,
    name: &str,
    new: &Pattern,
) -> Result<(), Error> {
    match names.get(name) {
        None => Ok(()),
        Some(old) => Err(Error::NameTaken {
            name: name.to_owned(),
            new: new.text.as_str().to_owned(),
            old: old.text.as_str().to_owned(),
        }),
    }
}

impl<E> Site<E> {
    #[inline]
    fn find(&self, path: &str, odd: &mut bool) -> Option<&Paths<E>> {
        self.paths.get(self.tree.find(path, odd)? as usize)
    }

    fn same_paths(&self, pattern: &Pattern) -> Option<&Paths<E>> {
        self.paths
            .get(*self.numbers.get(&pattern.shape())? as usize)
    }

    fn add(&mut self, route: Route<E>, automatic: Option<Endpoint<E>>) -> (u32, usize) {
        let next = u32::try_from(self.paths.len()).unwrap_or(u32::MAX);
        let number = *self.numbers.entry(route.pattern.shape()).or_insert(next);
        if number == next {
            self.tree.insert(&route.pattern, number);
            self.paths.push(Paths {
                routes: Vec::with_capacity(1),
                allow: Allow::default(),
                automatic,
            });
        }
        #[expect(clippy::indexing_slicing, reason = "it was there or is pushed above")]
        let paths = &mut self.paths[number as usize];
        if let Some(method) = &route.method {
            paths.allow.add(method);
        }
        paths.routes.push(route);
        (number, paths.routes.len() - 1)
    }
}

impl<E> Paths<E> {
    /// Which route is for `method`: one that says so, one for `GET` if it is `HEAD`, one for all.
    #[inline]
    pub(super) fn choose(&self, method: &Method) -> Choice<'_, E> {
        let of = |method: Option<&Method>| {
            let mut routes = self.routes.iter();
            routes.find(|route| route.method.as_ref() == method)
        };
        if let Some(route) = of(Some(method)) {
            let is_head = false;
            return Choice::Route { route, is_head };
        }
        if *method == Method::HEAD
            && let Some(route) = of(Some(&Method::GET))
        {
            let is_head = true;
            return Choice::Route { route, is_head };
        }
        match of(None) {
            Some(route) => Choice::Route {
                route,
                is_head: false,
            },
            None => Choice::Automatic,
        }
    }
}

impl<E> Route<E> {
    /// How the route is called in messages.
    fn text(&self, host: Option<&HostName>) -> String {
        let method = self.method.as_ref().map_or("*", Method::as_str);
        let host = host.map(HostName::text).unwrap_or_default();
        format!("{method} {host}{}", self.pattern.text.as_str())
    }
}

impl<E> Default for Table<E> {
    fn default() -> Self {
        Self {
            any: Site::default(),
            hosts: Vec::new(),
            names: HashMap::new(),
            allow: Allow::default(),
        }
    }
}

impl<E> Default for Site<E> {
    fn default() -> Self {
        Self {
            tree: Tree::default(),
            paths: Vec::new(),
            numbers: HashMap::new(),
        }
    }
}

impl<E> Clone for Table<E> {
    fn clone(&self) -> Self {
        Self {
            any: self.any.clone(),
            hosts: self.hosts.clone(),
            names: self.names.clone(),
            allow: self.allow.clone(),
        }
    }
}

impl<E> Clone for Site<E> {
    fn clone(&self) -> Self {
        Self {
            tree: self.tree.clone(),
            paths: self.paths.clone(),
            numbers: self.numbers.clone(),
        }
    }
}

impl<E> Clone for Paths<E> {
    fn clone(&self) -> Self {
        Self {
            routes: self.routes.clone(),
            allow: self.allow.clone(),
            automatic: self.automatic.clone(),
        }
    }
}

impl<E> Clone for Route<E> {
    fn clone(&self) -> Self {
        Self {
            method: self.method.clone(),
            pattern: Arc::clone(&self.pattern),
            kind: self.kind,
            name: self.name.clone(),
            endpoint: self.endpoint.clone(),
        }
    }
}
