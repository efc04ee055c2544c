//! Patterns, methods, hosts and mounts.
//!
//! ```
//! use gopuram_middleware::{Body, Router, attributes::Params};
//! use http::{Method, Request};
//!
//! async fn hello(req: Request<Body>) -> String {
//!     let name = Params::of(&req).decoded("name");
//!     format!("hello {}", name.as_deref().unwrap_or("you"))
//! }
//!
//! let router = Router::new()
//!     .get("/", async |_| "the front page")
//!     .get("/hello/{name}", hello)
//!     .nest("/api", Router::new().post("/users", async |_| "made"));
//! # use gopuram_middleware::router::Lookup;
//! # let found = |method, path| matches!(router.lookup(&method, path), Lookup::Found(_));
//! # assert!(found(Method::GET, "/") && found(Method::GET, "/hello/x") && found(Method::POST, "/api/users"));
//! # assert!(!found(Method::GET, "/hello/") && !found(Method::GET, "/api/users"));
//! ```
//!
//! # Patterns
//!
//! | pattern | matches | `{..}` is |
//! |---|---|---|
//! | `/about` | that path, and no slash after it | |
//! | `/users/{id}` | one segment, not an empty one | `7` of `/users/7` |
//! | `/img-{id}.png` | text around it | `7` of `/img-7.png` |
//! | `/files/{*path}` | all that follows, if anything does | `a/b` of `/files/a/b` |
//! | `/{{x}}`, `/::x`, `/**x` | `{x}`, `:x`, `*x` itself | |
//!
//! A segment has one parameter at most. Where several patterns match, the most literal from the
//! left wins: text before a parameter, a longer suffix before a shorter one, a parameter
//! before `{*rest}`, that before a mount or a fallback; one that leads nowhere is given up
//! for the next. The order in which routes are written does not matter.
//! Patterns conflict if they are the same but for the names of parameters, and have the same
//! method. That is found where the route is written, which panics and names both; the
//! `try_` methods return an [`Error`] instead and are for patterns made at run time.
//!
//! The path is matched as it was received, percent-encoded. Encodings that mean the same are the
//! same: `/café` is matched by `/caf%c3%a9`, `/%61` by `/a`; but `%2F` does not part
//! segments (RFC 3986, sections 2.2 and 6.2.2). Double slashes and dot segments are nothing special here;
//! [`NormalizePath`](crate::NormalizePath) settles them. Parameters are given as they stand in the
//! path ([`Params::get`]) or [`decoded`](Params::decoded).
//!
//! # State
//!
//! What handlers share is captured by closures, each with a clone of its own: an `Arc`, a pool.
//!
//! ```
//! # use std::sync::Arc;
//! # use std::sync::atomic::{AtomicU64, Ordering};
//! # use gopuram_middleware::{Body, Router};
//! # use http::Request;
//! async fn count(_: Request<Body>, visits: Arc<AtomicU64>) -> String {
//!     visits.fetch_add(1, Ordering::Relaxed).to_string()
//! }
//!
//! let visits = Arc::new(AtomicU64::new(0));
//! let router = Router::new().get("/", move |req| count(req, Arc::clone(&visits)));
//! # drop(router);
//! ```
//!
//! The closure returns the future of an async function. An `async move |req| ..` would move its state into
//! the first call and is refused by the compiler.
//!
//! # What is answered by itself
//!
//! | request | answer |
//! |---|---|
//! | `HEAD` of a route for `GET` | what it answers, called with `HEAD`, without the body but with its length |
//! | `OPTIONS` of a path | 204 and `Allow`, unless a route is for `OPTIONS` |
//! | `OPTIONS *` | 204 and `Allow` with all methods of the router |
//! | another method of a path | 405 and `Allow` |
//! | a mount without the slash behind it | 308 to the slash, with the query, for every method |
//! | any other path | 404, or the [fallback](Router::fallback) |
//!
//! `Allow` is sorted and names `OPTIONS`, and `HEAD` with `GET` (RFC 9110, section 10.2.1).
//!
//! # Mounts
//!
//! A [mount](Router::mount) is an application of any kind under a prefix: `axum::Router`, static
//! files, another stack. It sees the path without the prefix, as it was received otherwise, with
//! the query; the prefix is in [`Attributes::mount`], and the two together are always the path that came.
//! That is why the prefix without a slash behind it is redirected: the rest would be empty,
//! which a target cannot be, and relative links of what is there would lead astray.
//! A more literal pattern hides a mount for all methods: with `get("/files/new", ..)` beside a mount at
//! `/files`, a `POST` there is 405 and does not reach the mount.
//! A [nested](Router::nest) router is no mount: its patterns become this one's, one lookup finds
//! them, and paths stay whole. What it has no pattern for is the outer router's to answer, a mount at `/`
//! or a fallback for all: give the nested router a fallback of its own if its 404 is to be another.
//!
//! # Groups
//!
//! A [group](Router::group) wraps its routes in a layer or a stack, which is written first and sees the
//! request first. It also sees the 405 and 204 that the router answers for the group's paths, so
//! that a guard guards them and `cors` can answer a preflight. It does not see a 404.
//!
//! # For layers
//!
//! The route that matched is told to outer layers by [`Attributes::set_route`] as a [`MatchedRoute`],
//! nested prefixes included; 405 and 204 have that of the path. A router inside of a mount adds its own
//! to the mount's. As a layer, [`Placed`](crate::place::Placed) at `Content`, the router passes on what it
//! has no path for; a path that it has with another method it answers itself, 405.
//!
//! # Errors
//!
//! Handlers answer, and do not fail. Services may: their errors pass through as the router's own,
//! [`Infallible`] for [`Router::new`], any type for [`Router::fallible`], which services' errors
//! convert into; `map_err` of tower does for others. A compiler that says that `Infallible: From<..>` is not satisfied
//! asks for [`Router::fallible`].
//!
//! # Cost
//!
//! A lookup allocates nothing, whatever the pattern, unless the path is not in the normal form. A
//! handler is one box a request, a service is a clone more, each group around it one box
//! more. The parameters are places in the path, which is shared. A mount costs two allocations
//! for the prefix and the rest. Where no gateway or layer made [`Attributes`] before, the router
//! does, for what that costs. Cloning a router counts a reference.

mod allow;
mod encoding;
mod error;
mod layer;
mod list;
mod lookup;
mod params;
mod pattern;
mod serve;
mod table;
mod tree;
mod try_add;
mod url;

use std::convert::Infallible;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use crate::body::Body;
use crate::response::IntoResponse;

pub use crate::endpoint::{Endpoint, EndpointFuture};
pub use error::Error;
pub use layer::RouterService;
pub use list::{Listed, Routes};
pub use lookup::{Lookup, Match};

pub use serve::ResponseFuture;
pub use url::UrlError;

use table::{Place, Table};

#[cfg(doc)]
use crate::attributes::{Attributes, MatchedRoute, Params};

/// Patterns, methods, hosts and mounts.
///
/// See the [module documentation](self) for an example.
#[must_use = "a router does nothing until it is served"]
pub struct Router<E = Infallible> {
    table: Arc<Table<E>>,
    /// The route that was written last, for `named`.
    last: Option<Place>,
}

impl Router {
    /// No routes yet, for services that do not fail.
    pub fn new() -> Self {
        Self::fallible()
    }
}

macro_rules! methods {
    ($($name:ident: $method:ident,)*) => {
        $(
            #[doc = concat!("Adds a route for `", stringify!($method), "`.")]
            ///
            /// # Panics
            ///
            /// If the pattern is not one, or conflicts with one that is there.
            #[track_caller]
            pub fn $name<F, Fut>(self, pattern: &'static str, handler: F) -> Self
            where
                F: Fn(Request<Body>) -> Fut + Send + Sync + 'static,
                Fut: Future<Output: IntoResponse> + Send + 'static,
            {
                self.route(Method::$method, pattern, handler)
            }
        )*
    };
}

impl<E: 'static> Router<E> {
    methods! {
        get: GET,
        post: POST,
        put: PUT,
        patch: PATCH,
        delete: DELETE,
    }

    /// Adds a route for any method.
    ///
    /// # Panics
    ///
    /// If the pattern is not one, or conflicts with one that is there.
    #[track_caller]
    pub fn route<F, Fut>(self, method: Method, pattern: &'static str, handler: F) -> Self
    where
        F: Fn(Request<Body>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoResponse> + Send + 'static,
    {
        let endpoint = Endpoint::handler(handler);
        self.with(|router| router.try_route(Some(method), pattern, endpoint))
    }

    /// Adds a route for all methods that have none of their own.
    ///
    /// # Panics
    ///
    /// If the pattern is not one, or conflicts with one that is there.
    #[track_caller]
    pub fn any<F, Fut>(self, pattern: &'static str, handler: F) -> Self
    where
        F: Fn(Request<Body>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoResponse> + Send + 'static,
    {
        let endpoint = Endpoint::handler(handler);
        self.with(|router| router.try_route(None, pattern, endpoint))
    }

    /// Adds a service for all methods that have no route of their own; it sees the whole path.
    ///
    /// # Panics
    ///
    /// If the pattern is not one, or conflicts with one that is there.
    #[track_caller]
    pub fn route_service<S, C>(self, pattern: &'static str, service: S) -> Self
    where
        S: Service<Request<Body>, Response = Response<C>, Error: Into<E>>
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
        C: http_body::Body<Data = Bytes> + Send + 'static,
        C::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        let endpoint = Endpoint::service(service);
        self.with(|router| router.try_route(None, pattern, endpoint))
    }

    /// Puts an application under a prefix: it sees the rest of the path, for all methods.
    ///
    /// The prefix may have parameters. `/` is the whole of the path, which is what is left
    /// over by routes.
    ///
    /// ```
    /// # use gopuram_middleware::{Router, router::Lookup};
    /// # use http::Method;
    /// let blog = Router::new().get("/{post}", async |_| "a post");
    /// let router = Router::new().mount("/blog", blog);
    /// # let Lookup::Found(found) = router.lookup(&Method::GET, "/blog/x") else { panic!() };
    /// # assert_eq!(found.route().as_str(), "/blog/{*}");
    /// ```
    ///
    /// # Panics
    ///
    /// If the prefix is not one, or conflicts with one that is there.
    #[track_caller]
    pub fn mount<S, C>(self, prefix: &'static str, app: S) -> Self
    where
        S: Service<Request<Body>, Response = Response<C>, Error: Into<E>>
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
        C: http_body::Body<Data = Bytes> + Send + 'static,
        C::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        let endpoint = Endpoint::service(app);
        self.with(|router| router.try_mount(prefix, endpoint))
    }

    /// Says who answers for paths that are found nowhere; it sees the whole path.
    ///
    /// Of a nested router, that is for the paths under its prefix. A service of status 404 is the
    /// default.
    ///
    /// # Panics
    ///
    /// If there is a fallback, or an application mounted at `/`.
    #[track_caller]
    pub fn fallback<F, Fut>(self, handler: F) -> Self
    where
        F: Fn(Request<Body>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoResponse> + Send + 'static,
    {
        let endpoint = Endpoint::handler(handler);
        self.with(|router| router.try_fallback(endpoint))
    }

    /// Takes the routes of another router, behind a prefix; names and hosts too.
    ///
    /// The prefix and the pattern are simply written one after the other: `/api` and `/` is `/api/`, and a
    /// router may have the empty pattern for `/api`. `/` is no prefix at all.
    ///
    /// ```
    /// # use gopuram_middleware::{Router, router::Lookup};
    /// # use http::Method;
    /// let api = Router::new()
    ///     .get("", async |_| "at /api")
    ///     .get("/users", async |_| "at /api/users")
    ///     .fallback(async |_| http::StatusCode::NOT_FOUND);
    /// let router = Router::new().nest("/api", api);
    /// # for path in ["/api", "/api/users"] {
    /// #     assert!(matches!(router.lookup(&Method::GET, path), Lookup::Found(_)));
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If the prefix is not one, or a pattern or name conflicts with one that is there.
    #[track_caller]
    pub fn nest(self, prefix: &'static str, router: Self) -> Self {
        self.with(|outer| outer.try_nest(prefix, router))
    }

    /// Adds routes that are for a host only: `example.com`, or `*.example.com` for all under it.
    ///
    /// Case, port and the dot of the root do not matter. A request's host is its target's, or else that of
    /// its `Host` field. Hosts are tried one after the other: names, then `*.` with the longest name,
    /// then the routes for any host. The first that has the path answers.
    ///
    /// ```
    /// # use gopuram_middleware::{Router, router::Lookup};
    /// # use http::Method;
    /// let router = Router::new()
    ///     .get("/", async |_| "for people")
    ///     .host("api.example.com", |api| api.get("/", async |_| "for programs"));
    /// # let found = |host, path| matches!(router.lookup_host(host, &Method::GET, path), Lookup::Found(_));
    /// # assert!(found("API.example.com", "/") && found("example.com", "/"));
    /// ```
    ///
    /// # Panics
    ///
    /// If the name is not one, or a route conflicts with one that is there.
    #[track_caller]
    pub fn host(self, name: &'static str, routes: impl FnOnce(Self) -> Self) -> Self {
        let inner = routes(Self::fallible());
        self.with(|router| router.try_host(name, inner))
    }

    /// Adds routes with a layer around each, which sees the request first.
    ///
    /// ```
    /// use gopuram_middleware::{Router, SetHeader};
    /// # use http::{HeaderValue, header::CACHE_CONTROL};
    ///
    /// let private = SetHeader::response(CACHE_CONTROL).value(HeaderValue::from_static("private"));
    /// let router = Router::new().group(private, |r| {
    ///     r.get("/inbox", async |_| "mail").post("/inbox", async |_| "sent")
    /// });
    /// # assert_eq!(router.routes().len(), 2);
    /// ```
    ///
    /// Any tower layer will do, a `Stack` too, and groups may be in groups. The layer is put
    /// around each route on its own: what it makes when that is done is the route's, what it shares is the
    /// group's. Around what the router answers for a path (405, 204) it is the layer
    /// of the group in which that path was first written.
    ///
    /// # Panics
    ///
    /// If a pattern or a name conflicts with one that is there.
    #[track_caller]
    pub fn group<L, C>(self, layer: L, routes: impl FnOnce(Self) -> Self) -> Self
    where
        L: Layer<Endpoint<E>>,
        L::Service: Service<Request<Body>, Response = Response<C>, Error: Into<E>, Future: Send + 'static>
            + Clone
            + Send
            + Sync
            + 'static,
        C: http_body::Body<Data = Bytes> + Send + 'static,
        C::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        let mut inner = routes(Self::fallible());
        inner
            .table_mut()
            .wrap(|endpoint| Endpoint::service(layer.layer(endpoint)));
        self.with(|router| router.table_mut().merge(None, "", inner.into_table()))
    }

    /// Names the route that was written last, for [`url`](Self::url).
    ///
    /// # Panics
    ///
    /// If that was no route, or the name is another's.
    #[track_caller]
    pub fn named(self, name: &'static str) -> Self {
        assert!(self.last.is_some(), "there is no route to name `{name}`");
        self.with(|router| router.try_named(name))
    }

    #[track_caller]
    fn with<T>(mut self, change: impl FnOnce(&mut Self) -> Result<T, Error>) -> Self {
        if let Err(error) = change(&mut self) {
            panic!("{error}");
        }
        self
    }
}

impl<E> Default for Router<E> {
    fn default() -> Self {
        Self::fallible()
    }
}

impl<E> Clone for Router<E> {
    fn clone(&self) -> Self {
        Self {
            table: Arc::clone(&self.table),
            last: self.last.clone(),
        }
    }
}

impl<E> fmt::Debug for Router<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let routes = self.routes();
        f.debug_list()
            .entries(routes.iter().map(|listed| listed.route.as_str()))
            .finish()
    }
}
