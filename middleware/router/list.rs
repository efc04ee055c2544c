//! The routes of a router, in print.

use std::fmt;

use http::Method;

use super::Router;
use super::table::{Kind, Route};
use crate::attributes::MatchedRoute;
use crate::target::host::HostName;

/// A route as it is listed by [`Router::routes`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Listed<'r> {
    /// The method; none for all of them.
    pub method: Option<&'r Method>,
    /// The host, `*.` included; none for any.
    pub host: Option<String>,
    /// The pattern; that of a mount or a fallback ends with `/{*}`.
    pub route: &'r MatchedRoute,
    /// The name for [`Router::url`].
    pub name: Option<&'r str>,
    /// Whether an application is mounted there.
    pub is_mount: bool,
    /// Whether it answers for what is found nowhere else.
    pub is_fallback: bool,
}

/// The routes of a router; prints itself as a table.
#[derive(Clone, Debug)]
pub struct Routes<'r>(Vec<Listed<'r>>);

impl<E> Router<E> {
    /// All routes, by host, paths in the order in which they were first written.
    ///
    /// ```
    /// # use gopuram_middleware::Router;
    /// let router = Router::new()
    ///     .get("/users/{id}", async |_| "a user").named("user")
    ///     .delete("/users/{id}", async |_| "gone")
    ///     .any("/echo", async |_| "echo");
    /// assert_eq!(router.routes().to_string(), "\
    /// GET     /users/{id}  user
    /// DELETE  /users/{id}
    /// *       /echo
    /// ");
    /// ```
    pub fn routes(&self) -> Routes<'_> {
        let listed = self.table.sites().flat_map(|(host, site)| {
            let routes = site.paths.iter().flat_map(|paths| &paths.routes);
            routes.map(move |route| Listed::new(host.map(HostName::text), route))
        });
        Routes(listed.collect())
    }
}

impl<'r> Listed<'r> {
    fn new<E>(host: Option<String>, route: &'r Route<E>) -> Self {
        Self {
            method: route.method.as_ref(),
            host,
            route: &route.pattern.text,
            name: route.name.as_deref(),
            is_mount: route.kind == Kind::Mount,
            is_fallback: route.kind == Kind::Fallback,
        }
    }

    fn method(&self) -> &str {
        self.method.map_or("*", Method::as_str)
    }

    fn target(&self) -> String {
        let host = self.host.as_deref().unwrap_or_default();
        [host, self.route.as_str()].concat()
    }

    fn remark(&self) -> &str {
        match self.name {
            Some(name) => name,
            None if self.is_mount => "(mount)",
            None if self.is_fallback => "(fallback)",
            None => "",
        }
    }
}

impl<'r> Routes<'r> {
    /// The routes.
    pub fn iter(&self) -> std::slice::Iter<'_, Listed<'r>> {
        self.0.iter()
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'r> IntoIterator for Routes<'r> {
    type Item = Listed<'r>;
    type IntoIter = std::vec::IntoIter<Listed<'r>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a, 'r> IntoIterator for &'a Routes<'r> {
    type Item = &'a Listed<'r>;
    type IntoIter = std::slice::Iter<'a, Listed<'r>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// A line a route: method, host and pattern, name.
impl fmt::Display for Routes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widest = |of: &dyn Fn(&Listed<'_>) -> usize| self.iter().map(of).max().unwrap_or(0);
        let methods = widest(&|listed| listed.method().len());
        let targets = widest(&|listed| listed.target().chars().count());
        for listed in self {
            let (method, target) = (listed.method(), listed.target());
            match listed.remark() {
                "" => writeln!(f, "{method:methods$}  {target}")?,
                remark => writeln!(f, "{method:methods$}  {target:targets$}  {remark}")?,
            }
        }
        Ok(())
    }
}
