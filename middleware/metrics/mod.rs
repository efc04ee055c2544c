//! Requests, latencies and sizes for Prometheus.
//!
//! ```
//! use gopuram_middleware::Metrics;
//! # use tower_layer::Layer as _;
//! # let app = ();
//!
//! let metrics = Metrics::new().at("/metrics"); // for this machine only
//! let app = metrics.layer(app);
//! let page = metrics.page(); // an application: for a port of its own
//! # let _ = (app, page);
//! ```
//!
//! A request is counted once, when the body of its response has ended or is dropped, or when there will be none,
//! whatever happens to it. Clones of a layer count together.
//!
//! | metric | counts | by |
//! |---|---|---|
//! | `http_server_requests_total` | requests that have ended | all labels |
//! | `http_server_request_duration_seconds` | time from the request to the end of the response's body | all labels |
//! | `http_server_time_to_head_seconds` | time from the request to the head of the response | method, route |
//! | `http_server_request_body_size_bytes` | bytes of the request's body that were read | method, route |
//! | `http_server_response_body_size_bytes` | bytes of the response's body that were handed to the server | method, route |
//! | `http_server_active_requests` | requests that have not ended | method |
//!
//! | label | is |
//! |---|---|
//! | `http_request_method` | the method; `_OTHER` for one that is not of RFC 9110, `PATCH` or `QUERY` |
//! | `http_route` | the pattern of the [route](crate::attributes::MatchedRoute) that matched, as the router told it; none where none did; `_OTHER` for those that are too many |
//! | `http_response_status_code` | the status: of the response, 499 if the client was gone before it, 500 if the application failed |
//! | `error_type` | `client_gone`, `error`, `panic` or `timeout` for an [`Outcome`](crate::outcome::Outcome) that is not complete, else the status from 500 on |
//!
//! Names and labels are those of OpenTelemetry's semantic conventions for HTTP servers in the spelling of Prometheus, in
//! seconds and bytes; scheme and version, which it would have too, are left out, since they hardly vary with a
//! server. Both times are measured: to the end a download takes as long as its client likes, and only there it is known how
//! a request ended; to the head is what the application takes. The latter, and lengths, tell little by status, and
//! are kept by route and method alone, which leaves a third of the text.
//!
//! Of a request's body it counts what was read, whatever the client declared; that can be seen of a [`Body`] only. The bodies of
//! requests under another server, unless they are empty, are left out of their histogram.
//!
//! # Where the page is
//!
//! [`at`](Metrics::at) has the layer answer a path itself, to clients of this machine and of the networks that are
//! [allowed](Metrics::allow); a request of anybody else is passed on like any other. [`page`](Metrics::page) is an
//! application that answers all: for a router behind a guard, or best for a port that clients cannot reach. The text is
//! OpenMetrics 1.0 where `Accept` would rather have it, as Prometheus says, else the format 0.0.4 of Prometheus.
//!
//! # Security
//!
//! The page tells of load, errors and routes. Behind a proxy on the same machine every client seems to be of this
//! machine, until a layer outside says who it is, as [`Forwarded`](crate::Forwarded) does: a request with `Forwarded`, `Via`,
//! `X-Forwarded-For` or `X-Real-IP` is not taken for one of this machine by its peer alone, but a proxy may send none of them. There,
//! keep the path from clients in the proxy, or have the page on a port of its own.
//!
//! # Limits
//!
//! No request makes more labels than there may be: methods are eleven, statuses and routes are the
//! application's, and of routes there are [256](Metrics::for_routes) at most. All others are `_OTHER`. There are eight label sets
//! for each route, and four of method and route; what has no place any more is counted without its labels, as `_OTHER`
//! with no status, and the sums stay right. So a client that tries all methods on all paths can take
//! detail from what comes later, and never memory. Of a route the first 128 bytes are told. At worst that is 1 MB on one
//! core and 11 MB on sixteen or more, of which half a megabyte is taken at once and the rest when it is used.
//!
//! Times are added up in nanoseconds, of which 64 bits have room for 584 years: ten thousand downloads at once take three weeks to
//! fill them. Then that sum begins anew, which Prometheus takes for a restart.
//!
//! # Cost
//!
//! In steady state no allocation and no lock of its own: each core counts in cache lines of its own, which are added up for
//! the page. The way in takes the time once, the way out twice. The route needs a [`Report`](crate::attributes::Report), which is
//! used again, and attributes, which are made where the server made none. The body of a request that comes as a stream is boxed,
//! and its count is an allocation more.
//! A label set that is new takes an allocation or two. The page is put together where it is asked for, of all there is.
//!
//! # Under another server
//!
//! Who has another router says the route [by a function](Metrics::route): under axum as a layer of its router,
//! which is inside of the look-up.
//!
//! ```
//! # use gopuram_middleware::Metrics;
//! # #[derive(Clone)] struct MatchedPath; // axum::extract::MatchedPath
//! # impl MatchedPath { fn as_str(&self) -> &str { "/users/{id}" } }
//! let metrics = Metrics::new().route(|extensions| extensions.get::<MatchedPath>().map(MatchedPath::as_str));
//! # let _ = metrics;
//! ```
//!
//! # Several processes
//!
//! Workers that are scraped as one each [snapshot](Metrics::snapshot) their numbers into a place that the others can
//! read, and [add up](Metrics::peers) what is there. Counters and gauges are summed. The counters of a worker that is gone are
//! [restored](Metrics::restore) by the next in its place; what it had in flight is gone with it.
//!
//! ```
//! use gopuram_middleware::Metrics;
//! use gopuram_middleware::metrics::Snapshot;
//!
//! let (first, second) = (Metrics::new(), Metrics::new());
//! let words = second.snapshot().words().to_vec(); // in shared memory, say
//! let first = first.peers(move || Snapshot::read(&words).into_iter().collect());
//! # let _ = first;
//! ```

mod exchange;
mod histogram;
mod labels;
mod page;
mod registry;
mod snapshot;
mod table;
mod text;

use std::borrow::Cow;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use http::{Extensions, Request, Response};
use tower_layer::Layer;

use crate::body::Body;
use crate::networks::{Networks, NotNetworks};
use crate::place::{Observe, Placed};
use crate::wrap::{OnRequest, Wrapped};

use exchange::Exchange;
use registry::Registry;
use text::Numbers;

pub use exchange::{MetricsBody, Pending};
pub use page::Page;
pub use snapshot::{Refused, Snapshot};

/// How many routes have a label by default.
const ROUTES: usize = 256;

/// Requests, latencies and sizes for Prometheus.
///
/// See the [module documentation](self) for an example.
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Config>);

#[derive(Clone)]
struct Config {
    registry: Arc<Registry>,
    route: Option<Arc<dyn Fn(&Extensions) -> Option<&str> + Send + Sync>>,
    /// Where the layer answers itself.
    at: Option<Cow<'static, str>>,
    /// Whom, besides this machine.
    allowed: Networks,
    peers: Option<Arc<dyn Fn() -> Vec<Snapshot> + Send + Sync>>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Counts requests, by up to 256 routes.
    pub fn new() -> Self {
        Self::for_routes(ROUTES)
    }

    /// Counts requests by up to so many routes, 16384 at most; those that come later are `_OTHER`.
    pub fn for_routes(routes: usize) -> Self {
        Self(Arc::new(Config {
            registry: Arc::new(Registry::new(routes)),
            route: None,
            at: None,
            allowed: Networks::default(),
            peers: None,
        }))
    }

    /// Answers `path` with the page, to clients of this machine: on a loopback address or a Unix socket.
    ///
    /// Nowhere by default. Compared with the path as it was received, byte for byte. Those requests are not counted.
    #[must_use]
    pub fn at(mut self, path: impl Into<Cow<'static, str>>) -> Self {
        Arc::make_mut(&mut self.0).at = Some(path.into());
        self
    }

    /// Shows the page [there](Self::at) to clients of these networks too: `10.0.0.0/8,2001:db8::/32`.
    ///
    /// # Errors
    ///
    /// If that is no list of networks.
    pub fn allow(mut self, networks: &str) -> Result<Self, NotNetworks> {
        Arc::make_mut(&mut self.0).allowed = networks.parse()?;
        Ok(self)
    }

    /// Says by the extensions of a request which route it has, in place of what inner layers tell; as the layer sees
    /// it, on the way in.
    ///
    /// A pattern, never a path: of those there are as many as clients like.
    #[must_use]
    pub fn route<F>(mut self, route: F) -> Self
    where
        F: Fn(&Extensions) -> Option<&str> + Send + Sync + 'static,
    {
        Arc::make_mut(&mut self.0).route = Some(Arc::new(route));
        self
    }

    /// Adds up what these tell with its own numbers, whenever there is a page to be made.
    #[must_use]
    pub fn peers(mut self, peers: impl Fn() -> Vec<Snapshot> + Send + Sync + 'static) -> Self {
        Arc::make_mut(&mut self.0).peers = Some(Arc::new(peers));
        self
    }

    /// The page with all numbers, as an application.
    pub fn page(&self) -> Page {
        Page(Arc::clone(&self.0))
    }

    /// All numbers of this moment, without those of [peers](Self::peers).
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::of(&self.0.registry)
    }

    /// How many words a [snapshot](Self::snapshot) has at most.
    pub fn snapshot_len(&self) -> usize {
        self.0.registry.most_words()
    }

    /// Counts what another has counted before, but not what it had in flight.
    pub fn restore(&self, snapshot: &Snapshot) {
        self.0.registry.restore(snapshot);
    }
}

impl Config {
    /// All numbers, with those of peers.
    fn numbers(&self) -> Numbers {
        // First: what is told here is no more than what peers that ask for it afterwards are told.
        let own = Snapshot::of(&self.registry);
        let peers = self.peers.as_ref().map(|peers| peers()).unwrap_or_default();
        Numbers::of(peers.iter().chain([&own]))
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

#[diagnostic::do_not_recommend]
impl Placed for Metrics {
    type Place = Observe;
    const NAME: &'static str = "metrics";

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.at {
            Some(at) => f.write_str(at),
            None => Ok(()),
        }
    }
}

impl<S> Layer<S> for Metrics {
    type Service = Wrapped<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        Wrapped::new(inner, self.clone())
    }
}

impl<B: http_body::Body + 'static> OnRequest<B> for Metrics {
    type Then = Pending;
    type Reply = Response<Body>;

    #[inline]
    fn on_request(&self, req: &mut Request<B>) -> ControlFlow<Response<Body>, Pending> {
        if let Some(at) = &self.0.at
            && *at == req.uri().path()
            && page::is_for(&self.0.allowed, req)
        {
            return ControlFlow::Break(page::answer(&self.0, req));
        }
        ControlFlow::Continue(Exchange::begin(&self.0, req))
    }
}
