//! What is known of a request besides its message: attributes.
//!
//! Gateways and layers talk through one request extension, [`Attributes`]: who the
//! client is, where the application is mounted, which route matched.
//!
//! ```
//! use gopuram_middleware::attributes::{Attributes, Scheme};
//!
//! let mut req = http::Request::new(());
//! Attributes::of_mut(&mut req).set_scheme(Scheme::Https);
//! assert_eq!(Attributes::of(&req).unwrap().scheme(), Scheme::Https);
//! ```
//!
//! They are one extension and not one each, since a request's first extension costs
//! three allocations and each further one another: the gateway pays once and the
//! layers fill in. Under another server the first layer that has something to
//! say makes them.
//!
//! Attributes travel inwards, as the request does. What an outer layer wants to know of the
//! inner ones on the way out, it asks for with a [`Report`].

mod connection;
mod draining;
mod early_hints;
mod params;
mod protocol;
mod proxied;
mod report;
mod tls;
mod unmodified;

use std::num::NonZeroU32;
use std::sync::Arc;

use http::{HeaderValue, Request, Uri, request};

pub use connection::{ClientAddr, Connection, Scheme};
pub use draining::{Draining, Drains};
pub use early_hints::{EarlyHints, Hints, Sender, Unsent};
pub use params::Params;
pub use protocol::Protocol;
pub use proxied::{Proxied, ProxiedTls};
pub(crate) use report::Reports;
pub use report::{Panicked, Report, TimedOut, Told};
pub use tls::{Tls, TlsVersion};
pub use unmodified::Unmodified;

/// What is known of a request besides its message.
///
/// See the [module documentation](self).
#[derive(Clone, Debug, Default)]
pub struct Attributes {
    connection: Option<Arc<Connection>>,
    /// Which request of its connection it is, where it may have early hints.
    number: Option<NonZeroU32>,
    client: Option<ClientAddr>,
    scheme: Option<Scheme>,
    /// Whether who passed the request on is taken for the client, since it is not known for whom.
    relayed: bool,
    request_id: Option<RequestId>,
    /// Boxed, as the next.
    original_host: Option<Box<HeaderValue>>,
    /// Boxed, since few requests have one and every record would be larger by a third.
    original_uri: Option<Box<Uri>>,
    mount: Mount,
    route: Option<MatchedRoute>,
    params: Params,
    report: Option<Report>,
}

impl Attributes {
    /// The attributes of a request over `connection`.
    pub fn new(connection: Arc<Connection>) -> Self {
        Self {
            connection: Some(connection),
            ..Self::default()
        }
    }

    /// The same, of the request of that number on its connection, which may have [`EarlyHints`]. Only for the gateway that
    /// counts them: of another number none are sent.
    #[must_use]
    pub const fn numbered(mut self, number: Option<NonZeroU32>) -> Self {
        self.number = number;
        self
    }

    /// The attributes of `req`, if it has any.
    pub fn of<B>(req: &Request<B>) -> Option<&Self> {
        req.extensions().get()
    }

    /// The attributes of a request's head, if it has any.
    pub fn of_head(head: &request::Parts) -> Option<&Self> {
        head.extensions.get()
    }

    /// The attributes of `req`, made if there are none yet.
    pub fn of_mut<B>(req: &mut Request<B>) -> &mut Self {
        req.extensions_mut().get_or_insert_default()
    }

    /// The connection that the request came over, if a gateway said so.
    pub fn connection(&self) -> Option<&Connection> {
        self.connection.as_deref()
    }

    /// Who the client is: what a trust layer said, as [`Forwarded`](crate::Forwarded) is one, else the connection's peer.
    pub fn client(&self) -> Option<ClientAddr> {
        self.client.or_else(|| {
            let peer = self.connection.as_ref()?.peer?;
            Some(ClientAddr::new(peer.ip(), Some(peer.port())))
        })
    }

    /// Says who the client is. Only for the layer that decides whom to trust.
    pub fn set_client(&mut self, client: ClientAddr) {
        self.client = Some(client);
    }

    /// How the client speaks: what a trust layer said, else the connection's scheme, else `http`.
    pub fn scheme(&self) -> Scheme {
        let connection = || Some(self.connection.as_ref()?.scheme);
        self.scheme.or_else(connection).unwrap_or_default()
    }

    /// Says how the client speaks. Only for the layer that decides whom to trust.
    pub fn set_scheme(&mut self, scheme: Scheme) {
        self.scheme = Some(scheme);
    }

    /// Whether somebody has passed the request on for another who is not known: the [`client`](Self::client) is then the one who
    /// passed it on. Who lets clients in by their addresses does not do so then. Not where a trusted proxy says nothing of another: it
    /// may ask for itself.
    pub fn is_relayed(&self) -> bool {
        self.relayed
    }

    /// Says whether the client is not the one who asks. Only for the layer that decides whom to trust.
    pub fn set_relayed(&mut self, relayed: bool) {
        self.relayed = relayed;
    }

    /// `Host`, or the authority of the target, as it was received, if a trust layer has put the one in its place that the client
    /// asked for; empty if there was none.
    pub fn original_host(&self) -> Option<&HeaderValue> {
        self.original_host.as_deref()
    }

    /// Keeps the host before it is replaced; the first one kept stays. Only for the layer that decides whom to trust.
    pub fn keep_original_host(&mut self, host: HeaderValue) {
        self.original_host.get_or_insert_with(|| Box::new(host));
    }

    /// The id of the request, if it was given one.
    pub fn request_id(&self) -> Option<&RequestId> {
        self.request_id.as_ref()
    }

    /// Gives the request an id.
    pub fn set_request_id(&mut self, id: RequestId) {
        self.request_id = Some(id);
    }

    /// The target as it was received, if a layer has changed it since.
    pub fn original_uri(&self) -> Option<&Uri> {
        self.original_uri.as_deref()
    }

    /// Keeps the target before it is changed; the first one kept stays.
    pub fn keep_original_uri(&mut self, uri: &Uri) {
        self.original_uri
            .get_or_insert_with(|| Box::new(uri.clone()));
    }

    /// Where the application is mounted.
    pub fn mount(&self) -> &Mount {
        &self.mount
    }

    /// Says that the application is mounted at `prefix`, below where it was.
    pub fn enter_mount(&mut self, prefix: &str) {
        self.mount = self.mount.join(prefix);
    }

    /// The route that matched, if one did.
    pub fn route(&self) -> Option<&MatchedRoute> {
        self.route.as_ref()
    }

    /// Says which route matched, also in the [`Report`] if one was asked for.
    pub fn set_route(&mut self, route: MatchedRoute) {
        if let Some(report) = &self.report {
            report.update(|told| told.route = Some(route.clone()));
        }
        self.route = Some(route);
    }

    /// The parameters of the routes that matched, outermost first.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// Sets or extends the parameters of the routes that matched.
    pub fn params_mut(&mut self) -> &mut Params {
        &mut self.params
    }

    /// Who the client proved to be, if a layer further out asked for proof.
    pub fn user(&self) -> Option<Arc<str>> {
        self.report.as_ref()?.update(|told| told.user.clone())
    }

    /// Says who the client proved to be. Only for the layer that asked for proof.
    pub fn set_user(&mut self, user: Arc<str>) {
        self.report().update(|told| told.user = Some(user));
    }

    /// Asks the layers further in to tell what they find out.
    ///
    /// The first to ask makes the report; all that ask share it.
    pub fn report(&mut self) -> Report {
        self.report.get_or_insert_default().clone()
    }

    /// What was told so far to those who asked; `None` if nobody did.
    pub(crate) fn told(&self) -> Option<Told> {
        self.report.as_ref().map(Report::read)
    }

    /// Tells what was told before in place of what was told since.
    pub(crate) fn tell_again(&self, told: Told) {
        if let Some(report) = &self.report {
            report.update(|now| *now = told);
        }
    }

    /// As [`report`](Self::report), but `spare` becomes the report if there is none yet.
    ///
    /// For a layer that [takes](Report::take) what its reports say and uses them again.
    pub fn report_or(&mut self, spare: Report) -> Report {
        self.report.get_or_insert(spare).clone()
    }
}

/// The id of a request, ready to be a field value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// An id; the value must be visible ASCII to be read as text.
    pub const fn new(id: HeaderValue) -> Self {
        Self(id)
    }

    /// The id as a field value.
    pub const fn as_header(&self) -> &HeaderValue {
        &self.0
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }
}

/// Where an application is mounted: `SCRIPT_NAME`.
///
/// The prefix and the rest, which is the path of the request that the application
/// sees, are together the path as it was received. The prefix is empty or starts
/// with a slash, and never ends with one.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Mount(Option<Arc<str>>);

impl Mount {
    /// The prefix, still percent-encoded.
    pub fn prefix(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }

    fn join(&self, prefix: &str) -> Self {
        let prefix = prefix.trim_end_matches('/');
        if prefix.is_empty() {
            return self.clone();
        }
        let slash = if prefix.starts_with('/') { "" } else { "/" };
        Self(Some(match (&self.0, slash) {
            (None, "") => prefix.into(),
            _ => [self.prefix(), slash, prefix].concat().into(),
        }))
    }
}

/// The pattern of the route that matched: `/users/{id}`, mounts included.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct MatchedRoute(Arc<str>);

impl MatchedRoute {
    /// A route by its pattern.
    pub fn new(pattern: impl Into<Arc<str>>) -> Self {
        Self(pattern.into())
    }

    /// The pattern.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_is_the_peer_until_a_trust_layer_says_otherwise() {
        let peer = "192.0.2.1:5000".parse().unwrap();
        let connection = Connection::new(None, Some(peer), Scheme::Http);
        let mut attributes = Attributes::new(Arc::new(connection));
        assert_eq!(attributes.client().unwrap().ip, peer.ip());
        let mapped = "::ffff:198.51.100.7".parse().unwrap();
        attributes.set_client(ClientAddr::new(mapped, None));
        assert_eq!(attributes.client().unwrap().ip.to_string(), "198.51.100.7");
    }

    #[test]
    fn mounts_nest_and_never_end_with_a_slash() {
        let mut attributes = Attributes::default();
        assert_eq!(attributes.mount().prefix(), "");
        attributes.enter_mount("//");
        attributes.enter_mount("/api/");
        attributes.enter_mount("/v1");
        assert_eq!(attributes.mount().prefix(), "/api/v1");
    }

    #[test]
    fn a_report_carries_the_route_outwards() {
        let mut attributes = Attributes::default();
        let report = attributes.report();
        attributes
            .clone()
            .set_route(MatchedRoute::new("/users/{id}"));
        assert_eq!(report.read().route.unwrap().as_str(), "/users/{id}");
    }

    #[test]
    fn a_mount_starts_with_a_slash_however_it_is_written() {
        let mut attributes = Attributes::default();
        assert_eq!(attributes.user(), None);
        attributes.enter_mount("api");
        assert_eq!(attributes.mount().prefix(), "/api");
        attributes.enter_mount("v1/");
        assert_eq!(attributes.mount().prefix(), "/api/v1");
    }

    #[test]
    fn a_report_is_used_again_only_by_the_last_who_holds_it() {
        let mut attributes = Attributes::default();
        let mut spare = Report::default();
        let mut report = attributes.report_or(spare.clone());
        assert_eq!(attributes.user(), None);
        attributes.set_user("ann".into());
        assert_eq!(attributes.user().as_deref(), Some("ann"));
        assert_eq!(spare.read().user.as_deref(), Some("ann"));
        assert!(report.take().is_none());
        drop((attributes, spare));
        assert_eq!(report.take().unwrap().user.as_deref(), Some("ann"));
        assert!(report.read().user.is_none());
        spare = Report::default();
        let mut attributes = Attributes::default();
        let first = attributes.report();
        let second = attributes.report_or(spare);
        attributes.set_user("bob".into());
        assert_eq!(first.read().user, second.read().user);
    }
}
