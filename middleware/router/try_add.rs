//! Adding what is known at run time only.

use std::sync::Arc;

use http::Method;

use super::pattern::Pattern;
use super::table::{Kind, Route, Table};
use super::{Endpoint, Error, Router};
use crate::target::host::HostName;

/// What is written in a program is added by methods that panic; these are for the rest.
///
/// ```
/// use gopuram_middleware::Router;
/// use gopuram_middleware::router::Endpoint;
/// use http::Method;
///
/// let mut router = Router::new().get("/pages/{id}", async |_| "a page");
/// let pattern = String::from("/pages/{name}");
/// let endpoint = Endpoint::handler(async |_| "a page");
/// let error = router.try_route(Some(Method::GET), &pattern, endpoint).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "route `GET /pages/{name}` matches the same requests as `GET /pages/{id}`"
/// );
/// ```
impl<E> Router<E> {
    /// No routes yet, for services whose errors convert into `E`.
    pub fn fallible() -> Self {
        Self {
            table: Arc::default(),
            last: None,
        }
    }

    /// Adds a route for a method, or for all that have none of their own.
    ///
    /// # Errors
    ///
    /// If the pattern is not one, or conflicts with one that is there.
    pub fn try_route(
        &mut self,
        method: Option<Method>,
        pattern: &str,
        endpoint: Endpoint<E>,
    ) -> Result<(), Error> {
        let pattern = Pattern::parse(pattern.to_owned())?;
        self.add(method, pattern, Kind::Path, endpoint)
    }

    /// Puts an application under a prefix; see [`mount`](Self::mount).
    ///
    /// # Errors
    ///
    /// If the prefix is not one, or conflicts with one that is there.
    pub fn try_mount(&mut self, prefix: &str, app: Endpoint<E>) -> Result<(), Error> {
        self.add(None, Pattern::parse_open(prefix)?, Kind::Mount, app)
    }

    /// Says who answers for paths that are found nowhere; see [`fallback`](Self::fallback).
    ///
    /// # Errors
    ///
    /// If there is a fallback, or an application mounted at `/`.
    pub fn try_fallback(&mut self, endpoint: Endpoint<E>) -> Result<(), Error> {
        self.add(None, Pattern::parse_open("/")?, Kind::Fallback, endpoint)
    }

    /// Takes the routes of another router, behind a prefix; see [`nest`](Self::nest).
    ///
    /// # Errors
    ///
    /// If the prefix is not one, or a pattern or name conflicts with one that is there. No route
    /// is taken then.
    pub fn try_nest(&mut self, prefix: &str, router: Self) -> Result<(), Error> {
        let prefix = if prefix == "/" { "" } else { prefix };
        self.last = None;
        self.table_mut().merge(None, prefix, router.into_table())
    }

    /// Takes the routes of another router, for a host only; see [`host`](Self::host).
    ///
    /// # Errors
    ///
    /// If the name is not one, the other router has hosts itself, or one of its routes conflicts with
    /// one that is there. No route is taken then.
    pub fn try_host(&mut self, name: &str, router: Self) -> Result<(), Error> {
        let host = HostName::parse(name).ok_or_else(|| Error::BadHost { host: name.into() })?;
        self.last = None;
        self.table_mut().merge(Some(&host), "", router.into_table())
    }

    /// Names the route that was added last, if that was one.
    ///
    /// # Errors
    ///
    /// If the name is another route's.
    pub fn try_named(&mut self, name: &str) -> Result<(), Error> {
        match self.last.clone() {
            Some(place) => self.table_mut().name(&place, name),
            None => Ok(()),
        }
    }

    fn add(
        &mut self,
        method: Option<Method>,
        pattern: Pattern,
        kind: Kind,
        endpoint: Endpoint<E>,
    ) -> Result<(), Error> {
        let route = Route {
            method,
            pattern: Arc::new(pattern),
            kind,
            name: None,
            endpoint,
        };
        self.last = None;
        let place = self.table_mut().add(None, route, None)?;
        self.last = (kind == Kind::Path).then_some(place);
        Ok(())
    }

    /// The table, copied first if a clone of this router has it too.
    pub(super) fn table_mut(&mut self) -> &mut Table<E> {
        Arc::make_mut(&mut self.table)
    }

    pub(super) fn into_table(self) -> Table<E> {
        Arc::unwrap_or_clone(self.table)
    }
}
