//! Applications by prefix and by host.
//!
//! ```
//! use gopuram_middleware::Mount;
//! # use gopuram_middleware::endpoint::Endpoint;
//! # let app = |text: &'static str| Endpoint::<std::convert::Infallible>::handler(move |_| std::future::ready(text));
//! # let (api, files, admin, site) = (app("api"), app("files"), app("admin"), app("site"));
//!
//! let app = Mount::new()
//!     .at("/api", api) // sees `/users` of `/api/users`
//!     .at("/files", files)
//!     .host("admin.example.com", admin)
//!     .otherwise(site);
//! # let _ = app;
//! ```
//!
//! An application is any tower service; of those that are mounted each sees the path without its
//! prefix, as it was received otherwise, with the query. The prefix is in [`Attributes::mount`], and the two
//! together are always the path that came.
//!
//! | request | goes to |
//! |---|---|
//! | for a host that has an application | that one, with the whole path |
//! | under one prefix or several | the one with the longest |
//! | a prefix without the slash behind it | nobody: 308 to the slash, with the query, for every method |
//! | any other | what is [`otherwise`](Mount::otherwise) said; inner, as a layer; else 404 |
//!
//! Prefixes are of whole segments: `/api` is the prefix of `/api/users` and not of `/apis`. `/api` itself is
//! redirected to `/api/`, since the rest would be empty, which a target cannot be (RFC 9112, section
//! 3.2.1), and since relative links of what is there would lead astray. Encodings that mean the same
//! are the same (RFC 3986, section 6.2.2): `/%61pi/x` is under `/api`, but `%2F` does not part segments.
//! The order in which they are written does not matter; the same prefix or host twice is an error when it is
//! written. `OPTIONS *` is under no prefix.
//!
//! Hosts are compared in any case, without port and the dot of
//! the root; `*.example.com` is any name under that one, and whole names go before it. A host's
//! application may be another `Mount`.
//!
//! The route is told to outer layers as `/api/{*}`; a router that is mounted adds its own.
//!
//! # Cost
//!
//! Prefixes and hosts are compared one after the other: for dozens, use a router. An application is one clone
//! and one box a request; a prefix is two allocations more, for itself and for the rest. Cloning a
//! `Mount` counts a reference. What is under no prefix costs the comparisons alone.

mod error;
mod table;

use std::convert::Infallible;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use tower_layer::Layer;
use tower_service::Service;

use crate::body::Body;
use crate::endpoint::{Endpoint, EndpointFuture};
use crate::future::Either;
use crate::place::{Content, Placed};
use crate::promise;
use crate::response::IntoResponse;

pub use error::Error;

use table::Table;

#[cfg(doc)]
use crate::attributes::Attributes;

/// Applications by prefix and by host.
///
/// See the [module documentation](self) for an example.
#[must_use = "a mount does nothing until it is served"]
pub struct Mount<E = Infallible> {
    table: Arc<Table<E>>,
}

impl Mount {
    /// Nothing yet, for services that do not fail.
    pub fn new() -> Self {
        Self::fallible()
    }
}

impl<E> Mount<E> {
    /// Nothing yet, for services whose errors convert into `E`.
    pub fn fallible() -> Self {
        Self {
            table: Arc::default(),
        }
    }

    /// Puts an application under a prefix: it sees the rest of the path.
    ///
    /// `/` is the prefix of every path.
    ///
    /// # Panics
    ///
    /// If the prefix is not one, or has an application already.
    #[track_caller]
    pub fn at<S, C>(self, prefix: &'static str, app: S) -> Self
    where
        S: Service<Request<Body>, Response = Response<C>, Error: Into<E>>
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
        C: http_body::Body<Data = Bytes> + Send + 'static,
        C::Error: Into<Box<dyn StdError + Send + Sync>>,
        E: 'static,
    {
        self.with(|mount| mount.try_at(prefix, Endpoint::service(app)))
    }

    /// Gives a host an application of its own: `example.com`, or `*.example.com` for all under it.
    ///
    /// # Panics
    ///
    /// If the name is not one, or has an application already.
    #[track_caller]
    pub fn host<S, C>(self, name: &'static str, app: S) -> Self
    where
        S: Service<Request<Body>, Response = Response<C>, Error: Into<E>>
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
        C: http_body::Body<Data = Bytes> + Send + 'static,
        C::Error: Into<Box<dyn StdError + Send + Sync>>,
        E: 'static,
    {
        self.with(|mount| mount.try_host(name, Endpoint::service(app)))
    }

    /// Has all other requests answered by `app`, with the whole path; the same as to be its layer.
    pub fn otherwise<S>(self, app: S) -> MountService<S, Self> {
        self.layer(app)
    }

    /// As [`at`](Self::at), for a prefix that is known at run time only.
    ///
    /// # Errors
    ///
    /// If the prefix is not one, or has an application already.
    pub fn try_at(&mut self, prefix: &str, app: Endpoint<E>) -> Result<(), Error> {
        Arc::make_mut(&mut self.table).add_prefix(prefix, app)
    }

    /// As [`host`](Self::host), for a name that is known at run time only.
    ///
    /// # Errors
    ///
    /// If the name is not one, or has an application already.
    pub fn try_host(&mut self, name: &str, app: Endpoint<E>) -> Result<(), Error> {
        Arc::make_mut(&mut self.table).add_host(name, app)
    }

    #[track_caller]
    fn with(mut self, add: impl FnOnce(&mut Self) -> Result<(), Error>) -> Self {
        match add(&mut self) {
            Ok(()) => self,
            Err(error) => panic!("{error}"),
        }
    }
}

#[diagnostic::do_not_recommend]
impl<E> Placed for Mount<E> {
    type Place = Content;
    const NAME: &'static str = "mount";

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Table { hosts, prefixes } = &*self.table;
        match hosts.len().saturating_add(prefixes.len()) {
            1 => f.write_str("1 application"),
            n => write!(f, "{n} applications"),
        }
    }
}

impl<S, E> Layer<S> for Mount<E> {
    type Service = MountService<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        let mount = self.clone();
        MountService { inner, mount }
    }
}

impl<E: 'static, B> Service<Request<B>> for Mount<E>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type Response = Response<Body>;
    type Error = E;
    type Future = EndpointFuture<E>;

    #[inline]
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), E>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, req: Request<B>) -> Self::Future {
        let future = match self.table.find(&req) {
            Some(found) => found.answer(req.map(Body::new)),
            None => EndpointFuture::ready(StatusCode::NOT_FOUND.into_response()),
        };
        promise::used(self);
        future
    }
}

/// A service with a [`Mount`] before it.
#[derive(Clone, Debug)]
pub struct MountService<S, M> {
    inner: S,
    mount: M,
}

impl<S, E: 'static, B, C> Service<Request<B>> for MountService<S, Mount<E>>
where
    S: Service<Request<B>, Response = Response<C>, Error = E>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
    C: http_body::Body<Data = Bytes> + Send + 'static,
    C::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type Response = Response<Body>;
    type Error = E;
    type Future = Either<S::Future, EndpointFuture<E>>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), E>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, req: Request<B>) -> Self::Future {
        match self.mount.table.find(&req) {
            Some(found) => Either::right(found.answer(req.map(Body::new))),
            None => Either::left(self.inner.call(req)),
        }
    }
}

impl<E> Clone for Mount<E> {
    fn clone(&self) -> Self {
        Self {
            table: Arc::clone(&self.table),
        }
    }
}

impl Default for Mount {
    fn default() -> Self {
        Self::new()
    }
}

impl<E> fmt::Debug for Mount<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts = self.table.hosts.iter().map(|(host, _)| host.text());
        let prefixes = self.table.prefixes.iter().map(|prefix| &*prefix.path);
        f.debug_set().entries(hosts).entries(prefixes).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app() -> Endpoint {
        Endpoint::handler(async |_| ())
    }

    #[test]
    fn what_is_wrong_is_said() {
        let why = |prefix| Mount::new().try_at(prefix, app()).unwrap_err().to_string();
        assert_eq!(why(""), "prefix ``: a prefix starts with a slash");
        assert!(why("/a/").ends_with("does not end with a slash"));
        assert!(why("/a?b").contains("`?` and `#` end a path"));
        assert!(why("/50%").contains("`%` without two hex digits"));
        let bad = Mount::new().try_host("a:80", app()).unwrap_err();
        let text = "host `a:80` is not a name or `*.` and a name, without a port";
        assert_eq!(bad.to_string(), text);
    }

    #[test]
    fn what_means_the_same_is_taken_once() {
        let mut mount = Mount::new();
        mount.try_at("/caf%c3%a9", app()).unwrap();
        let taken = mount.try_at("/café", app()).unwrap_err();
        let text = "prefix `/café` has an application already";
        assert_eq!(taken.to_string(), text);
        mount.try_host("*.Example.com", app()).unwrap();
        let taken = mount.try_host("*.example.COM", app()).unwrap_err();
        let text = "host `*.example.com` has an application already";
        assert_eq!(taken.to_string(), text);
        mount.try_host("a.example.com", app()).unwrap();
        assert_eq!(
            format!("{mount:?}"),
            r#"{"a.example.com", "*.example.com", "/caf%C3%A9"}"#
        );
    }

    #[test]
    #[should_panic(expected = "prefix `/a` has an application already")]
    fn a_prefix_written_twice_panics() {
        drop(Mount::new().at("/a", app()).at("/a", app()));
    }
}
