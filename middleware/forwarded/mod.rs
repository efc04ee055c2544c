//! Who asks, how and for which host, as proxies that are trusted say it in fields.
//!
//! ```
//! use gopuram_middleware::Forwarded;
//! # use tower_layer::Layer as _;
//! # let app = ();
//!
//! let app = Forwarded::trusting("10.0.0.0/8, 2001:db8::/32".parse()?).layer(app);
//! # let _ = app;
//! # Ok::<(), gopuram_middleware::networks::NotNetworks>(())
//! ```
//!
//! This is the one place where fields say who the client is. What is believed goes into the request's
//! [attributes](crate::attributes), from where the access log, the environ of CGI and WSGI, and all layers inside take it:
//! [`client`](Attributes::client) and [`scheme`](Attributes::scheme). What the connection said stays beside it, as
//! [`connection`](Attributes::connection). The layer never answers.
//!
//! # Whom it trusts
//!
//! Nobody but whom it is told to: a proxy that is trusted by mistake lets every client choose its address ([RFC 7239], section 8.1).
//!
//! - [`trusting`](Forwarded::trusting) networks: the peer, and whoever is named on the way, if they are in one of them;
//! - [`unix_sockets`](Forwarded::unix_sockets): a peer on a Unix socket, which has no address to go by;
//! - [`behind`](Forwarded::behind) a number of proxies, whatever their addresses, where clients cannot come by another way.
//!
//! From anybody else all of these fields are **removed**, so that nothing inside believes them: `Forwarded`, all that begin with
//! `X-Forwarded-`, and `X-Real-IP`.
//!
//! # What it believes
//!
//! One [family](Fields) of fields, which is chosen when it is made: who believed both would let a client write the one
//! that its proxy does not. `X-Forwarded-For` and `X-Forwarded-Proto` by default, which is what proxies write unless told otherwise, or
//! else `Forwarded` ([RFC 7239]). The other, and `X-Real-IP`, are removed from what trusted peers send too; the one that is believed
//! stays as it came.
//!
//! Each proxy appends whom it was asked by (RFC 7239, section 4), so that all lines of the field are one list (RFC 9110, section 5.3), read
//! **from the right**: the first address that is not trusted is the client, or of a number of proxies the one at that number. If all are
//! trusted, or there are fewer, it is the leftmost. To the left of it is what clients write, and nobody looks there.
//!
//! - **What is no address ends the walk**, and the client is the last proxy that is known, as in nginx's `realip` and Apache's
//!   `mod_remoteip`: `unknown`, names that hide somebody (RFC 7239, section 6.3), and what breaks the grammar. To refuse it would
//!   refuse what the RFC allows; to look further left would believe a stranger. [`is_relayed`](Attributes::is_relayed) says that this
//!   is not who asks, for whoever lets in by address. So do fields that are removed.
//! - Addresses may have ports; v4-mapped ones count as what they map. IPv6 is in brackets in `Forwarded`, in `X-Forwarded-For` with a port.
//! - After 64 addresses the walk ends as well: its work is bounded by that and by the size of the head.
//!
//! **The scheme** is that with which the outermost trusted proxy was asked: `proto` of the member at which the walk ended, or the member of
//! `X-Forwarded-Proto` at the same number from the right; if it has only one, that, as some proxy has replaced it. `http` or
//! `https` in any case; with anything else, or nothing, it stays the connection's.
//!
//! **The host** only if [told](Forwarded::host), for most proxies pass `Host` on as it came, and then what
//! `X-Forwarded-Host` says is the client's own. It is taken by the same number, and must be a host and perhaps a port (RFC 9110, section 7.2). It replaces
//! `Host` and the authority of the target, and [`original_host`](Attributes::original_host) keeps what was there.
//!
//! `X-Forwarded-Port` is not believed: a port that matters is in the host. Nor is `X-Forwarded-Prefix`, since a prefix is where an
//! application is put, which is for who puts it there to say, and no proxy writes over it.
//!
//! Fields of trusted peers that could not be read are [counted](Forwarded::unreadable).
//!
//! # Where somebody else has named the client
//!
//! With the PROXY protocol the peer is the one that its header names. Over FastCGI, SCGI and uwsgi it is the one that the front server
//! names, whose variables are believed already: unless that one is trusted, a proxy before the front server, fields
//! say nothing and are removed. Where a number is trusted, the proxy that spoke either is one of it. Under another server, the peer
//! is the client that a layer outside has [set](Attributes::set_client).
//!
//! # Security
//!
//! A trusted proxy must set or remove each field that is believed: what it passes on as it came is the client's word. Of a network
//! whoever is in it is believed: list the proxies, and not all that is inside. With
//! [`behind`](Forwarded::behind) a number that is too high, clients choose their addresses. Fields of other names, such as
//! `True-Client-IP` or `X-Client-IP`, pass: [`HeaderRules`](crate::HeaderRules) removes what an application would take for true.
//! In a stack this comes first; what is outside of it sees the connection's word.
//!
//! # Cost
//!
//! No allocation for an address and a scheme, nor for fields that are not there: a look at each name, and one member parsed for each proxy.
//! Fields that are removed cost an allocation each and one more, a host that is believed a few.
//!
//! [RFC 7239]: https://www.rfc-editor.org/rfc/rfc7239

mod host;
mod said;
#[cfg(test)]
mod tests;
mod walk;

use std::convert::Infallible;
use std::fmt;
use std::ops::ControlFlow;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::header::FORWARDED;
use http::{HeaderMap, HeaderName, Request};
use tower_layer::Layer;

use crate::attributes::Attributes;
use crate::networks::{Networks, NotNetworks};
use crate::place::{Identify, Placed};
use crate::wrap::{OnRequest, Wrapped};

use said::Said;
use walk::Trust;

/// Who asks, how and for which host, as proxies that are trusted say it in fields.
///
/// See the [module documentation](self) for an example.
#[derive(Clone, Debug)]
pub struct Forwarded {
    trust: Arc<Trust>,
    fields: Fields,
    host: bool,
    unreadable: Arc<AtomicU64>,
}

/// The fields of which one family is believed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Fields {
    /// `Forwarded` (RFC 7239).
    Forwarded,
    /// `X-Forwarded-For`, `X-Forwarded-Proto` and, if told, `X-Forwarded-Host`.
    #[default]
    XForwarded,
}

const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

impl Forwarded {
    /// Believes proxies in these networks.
    pub fn trusting(networks: Networks) -> Self {
        let unix = false;
        Self::new(Trust::Networks { networks, unix })
    }

    /// Believes as many proxies, whatever their addresses; 0 believes nobody.
    ///
    /// # Security
    ///
    /// Right only if clients cannot reach this server but through all of them.
    pub fn behind(proxies: u8) -> Self {
        Self::new(Trust::Number(proxies))
    }

    fn new(trust: Trust) -> Self {
        Self {
            trust: Arc::new(trust),
            fields: Fields::default(),
            host: false,
            unreadable: Arc::default(),
        }
    }

    /// Believes a peer on a Unix socket too, whose file's permissions say who may connect. Not by default; of a
    /// number of proxies it is one in any case.
    #[must_use]
    pub fn unix_sockets(mut self) -> Self {
        if let Trust::Networks { unix, .. } = Arc::make_mut(&mut self.trust) {
            *unix = true;
        }
        self
    }

    /// Sets which fields are believed; `X-Forwarded-*` by default, as most proxies write them.
    #[must_use]
    pub const fn fields(mut self, fields: Fields) -> Self {
        self.fields = fields;
        self
    }

    /// Believes which host was asked for. Not by default, as the [module](self) says.
    ///
    /// # Security
    ///
    /// Right only if the proxy sets the field itself, whatever the client has sent.
    #[must_use]
    pub const fn host(mut self) -> Self {
        self.host = true;
        self
    }

    /// Of how many requests a trusted peer has sent what cannot be read, by this layer and its clones.
    pub fn unreadable(&self) -> u64 {
        self.unreadable.load(Ordering::Relaxed)
    }
}

/// Believes the proxies of a list: [networks](Networks), and `unix` for [Unix sockets](Forwarded::unix_sockets), as in
/// `10.0.0.0/8,unix`.
impl FromStr for Forwarded {
    type Err = NotNetworks;

    fn from_str(list: &str) -> Result<Self, NotNetworks> {
        let is_unix = |one: &&str| one.trim() == "unix";
        let networks: Vec<_> = list.split(',').filter(|one| !is_unix(one)).collect();
        let layer = match networks.as_slice() {
            [] => Self::trusting(Networks::default()),
            networks => Self::trusting(networks.join(",").parse()?),
        };
        Ok(if list.split(',').any(|one| is_unix(&one)) {
            layer.unix_sockets()
        } else {
            layer
        })
    }
}

#[diagnostic::do_not_recommend]
impl Placed for Forwarded {
    type Place = Identify;
    const NAME: &'static str = "forwarded";

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.trust)?;
        if self.fields == Fields::Forwarded {
            f.write_str(", RFC 7239")?;
        }
        f.write_str(if self.host { ", host" } else { "" })
    }
}

impl<S> Layer<S> for Forwarded {
    type Service = Wrapped<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        Wrapped::new(inner, self.clone())
    }
}

impl<B> OnRequest<B> for Forwarded {
    type Then = ();
    type Reply = Infallible;

    fn on_request(&self, req: &mut Request<B>) -> ControlFlow<Infallible, ()> {
        let trusted = self.trust.of(Attributes::of(req));
        let said = trusted.map(|it| Said::by(self.fields, it, req.headers(), self.host));
        let removed = remove(req.headers_mut(), said.is_some().then_some(self.fields));
        let said = said.unwrap_or_default();
        if said.unreadable {
            self.unreadable.fetch_add(1, Ordering::Relaxed);
        }
        let relayed = said.lost || removed && said.client.is_none();
        if relayed || said.client.is_some() || said.scheme.is_some() {
            let attributes = Attributes::of_mut(req);
            attributes.set_relayed(relayed);
            if let Some(client) = said.client {
                attributes.set_client(client);
            }
            if let Some(scheme) = said.scheme {
                attributes.set_scheme(scheme);
            }
        }
        if let Some(host) = said.host {
            host::replace(req, host);
        }
        ControlFlow::Continue(())
    }
}

/// Removes all fields of a stranger, or those of a trusted proxy that are not believed; whether there were any.
fn remove(headers: &mut HeaderMap, believed: Option<Fields>) -> bool {
    let goes = |name: &&HeaderName| match believed {
        None => is_any(name),
        Some(Fields::Forwarded) => *name != FORWARDED && is_any(name),
        Some(Fields::XForwarded) => *name == FORWARDED || *name == X_REAL_IP,
    };
    let all: Vec<_> = headers.keys().filter(goes).cloned().collect();
    for name in &all {
        headers.remove(name);
    }
    !all.is_empty()
}

/// Whether it is a field that says for whom a request is.
fn is_any(name: &HeaderName) -> bool {
    *name == FORWARDED || *name == X_REAL_IP || name.as_str().starts_with("x-forwarded-")
}
