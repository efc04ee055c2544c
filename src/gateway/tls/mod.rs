//! TLS: what a listener secures its connections with.
//!
//! See [`Tls`].

mod certificate;
mod clients;
mod config;
mod connection;
pub(crate) mod der;
#[cfg(any(fuzzing, test))]
pub(super) mod fuzzing;
mod gate;
mod handshake;
mod names;
mod pem;
mod serve;
mod staple;
mod stats;
mod validity;

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::{error, info};

pub use certificate::Certificate;
pub use clients::Authorities;
use clients::Clients;
use config::{Loaded, Plan};
use names::Pattern;
pub use serve::Certificates;
use stats::Counters;
pub use stats::Stats;

use crate::Error;

/// What a listener secures its connections with: certificates, and what is asked of clients.
///
/// ```no_run
/// use gopuram::gateway::{Certificate, Tls};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), gopuram::Error> {
/// # let app = tower::service_fn(async |_| Ok::<_, std::convert::Infallible>(
/// #     http::Response::new(gopuram::Body::empty())));
/// let tls = Tls::pem_files("fullchain.pem", "privkey.pem")?
///     .host("*.example.org", Certificate::pem_files("org.pem", "org-key.pem")?)?;
/// gopuram::serve(app).bind("127.0.0.1:8000").tls("0.0.0.0:8443", tls).await
/// # }
/// ```
///
/// A clone is the same as what it was cloned from: it is reloaded along with it and counts the same handshakes.
/// To change a setting of one makes another.
///
/// # What is on, and why
///
/// | | | |
/// |---|---|---|
/// | TLS 1.3 and 1.2 | [`only_tls13`](Self::only_tls13) | nothing older (RFC 8996); 1.2 with ephemeral keys and AEAD only, so that no suite is one that HTTP/2 forbids (RFC 9113, section 9.2.2) |
/// | X25519MLKEM768, X25519, P-256, P-384 | | the first keeps what is recorded today from the quantum computers of tomorrow |
/// | HTTP/2 and HTTP/1.1 | [`alpn`](Self::alpn) | by ALPN. What was agreed on is spoken: on `h2` without its preface the connection ends. Of a client without ALPN the preface tells |
/// | tickets | | sessions go on without a full handshake for up to 12 hours, in 1.3 with a fresh exchange of keys; the tickets' keys change every 6 hours, and on a reload |
/// | early data | never | it can be sent again by anybody who saw it (RFC 8470), and no layer here asks whether a request bears that |
/// | renegotiation, compression | never | rustls has neither (RFC 9113, section 9.2.1) |
/// | client certificates | [`client_optional`](Self::client_optional), [`client_required`](Self::client_required) | not asked for |
/// | certificates revoked | [`Authorities::revoked`] | lists are not looked at: give clients certificates that do not live long |
/// | OCSP stapling | [`Certificate::stapled`] | authorities and browsers have given it up |
/// | names nobody knows | [`refuse_unknown`](Self::refuse_unknown) | get the default certificate, as from nginx |
/// | requests for another host | [`strict_authority`](Self::strict_authority) | 421 if that host has a certificate of its own, see below |
///
/// Requests say in [`Connection::tls`](crate::middleware::attributes::Connection::tls) over what they came, and their
/// scheme is `https`, whatever `:scheme` a client of HTTP/2 writes.
///
/// # Handshakes
///
/// They have a [deadline](super::Deadlines::handshake) and take a place among the
/// [connections](super::Limits::connections) from their first byte, so there are never more than those. One that has begun when
/// the server is to end is finished, and what it was made for is served.
///
/// Who speaks HTTP without TLS is told so with a 400. Failures are [counted](Self::stats) by cause; each is
/// logged at `DEBUG`, and at `INFO` the counts, once a minute, so that nobody fills the log.
///
/// # Misdirected requests
///
/// A browser asks for all hosts of a certificate over one connection (RFC 9113, section 9.1.1), and other clients may name any
/// host in any connection. If a host has a certificate of its [own](Self::host), and the connection shows another that is not valid for
/// that host, its requests are answered 421 before the application sees them. Apache does so where the settings of the two
/// hosts differ, and nginx where client certificates are in play. A host without one of its own is let through, as the two do, though RFC 9110, section
/// 7.4 asks for more: probes that ask an address, and do not look at the certificate, are everywhere. What
/// it asks for is [`strict_authority`](Self::strict_authority).
///
/// What clients have to show is the same for all hosts of a `Tls`, so no name leads around it.
///
/// # The end of a connection
///
/// It is said (`close_notify`) when an answer, and whatever else was under way, was whole, and is not where it was cut:
/// by that a client without another measure of length tells the two apart. A request's body
/// that ends with the connection is broken off, whether its end was said or not; an idle connection may just end.
///
/// # What it costs
///
/// About 14 KiB of memory more for a connection than without TLS. Of a full handshake the signature is what
/// a key decides: one of P-256 needs a tenth of the time of RSA with 2048 bits. It is made on the runtime's threads. The feature `tls` needs a C compiler, for [aws-lc](https://docs.rs/aws-lc-rs).
#[derive(Clone)]
pub struct Tls(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    /// One reload at a time: else an older one could win.
    reloading: Mutex<()>,
    counters: Counters,
}

struct State {
    plan: Plan,
    /// None until it is used, so that it is made once all is set.
    loaded: Option<Arc<Loaded>>,
}

/// What a reload has read, and goes on with.
pub(crate) struct Reload<'t> {
    tls: &'t Tls,
    plan: Plan,
    loaded: Arc<Loaded>,
    _one: MutexGuard<'t, ()>,
}

impl Reload<'_> {
    /// From now on handshakes are made with it.
    pub(crate) fn take_on(self) {
        let mut state = self.tls.lock();
        state.plan = self.plan;
        state.loaded = Some(self.loaded);
        info!("the certificates were loaded again");
    }
}

impl Tls {
    /// With that certificate, for all clients that ask for none of the [others](Self::host).
    pub fn new(default: Certificate) -> Self {
        Self::of(Plan::new(default))
    }

    /// With one certificate and its key from files in PEM.
    ///
    /// # Errors
    ///
    /// Those of [`Certificate::pem_files`].
    pub fn pem_files(chain: impl AsRef<Path>, key: impl AsRef<Path>) -> Result<Self, Error> {
        Certificate::pem_files(chain, key).map(Self::new)
    }

    /// With one certificate and its key in PEM.
    ///
    /// # Errors
    ///
    /// Those of [`Certificate::pem`].
    pub fn pem(chain: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> Result<Self, Error> {
        Certificate::pem(chain, key).map(Self::new)
    }

    fn of(plan: Plan) -> Self {
        Self(Arc::new(Inner {
            state: Mutex::new(State { plan, loaded: None }),
            reloading: Mutex::default(),
            counters: Counters::default(),
        }))
    }

    /// The same but for one thing.
    fn with(&self, change: impl FnOnce(&mut Plan)) -> Self {
        let mut plan = self.plan();
        change(&mut plan);
        Self::of(plan)
    }

    /// A certificate for clients that ask for `name`, or with `*.example.com` for any name one label longer than
    /// `example.com` (RFC 9525, section 6.3); a whole name comes before an asterisk.
    ///
    /// Names beyond ASCII are written as `xn--`. That the certificate is valid for the name is for clients to see.
    ///
    /// # Errors
    ///
    /// If it is not a name by which a client can ask, as an address is not (RFC 6066, section 3).
    pub fn host(self, name: &str, certificate: Certificate) -> Result<Self, Error> {
        let Some(pattern) = Pattern::new(name) else {
            let source = std::io::ErrorKind::InvalidInput.into();
            let problem = format!(
                "`{name}` is not a name for a certificate; write it as `example.com` or `*.example.com`"
            );
            return Err(Error::tls(problem, source));
        };
        Ok(self.with(|plan| plan.hosts.push((pattern, certificate))))
    }

    /// Sends clients away that name no [host](Self::host), nor one for which the default certificate is valid, with the alert
    /// `unrecognized_name`; also those that name none at all. By default they get the default certificate.
    ///
    /// So that who scans addresses does not learn whose they are. Probes have to name a host then.
    #[must_use]
    pub fn refuse_unknown(self) -> Self {
        self.with(|plan| plan.refuses_unknown = true)
    }

    /// Answers 421 to every request for a host for which the certificate of its connection is not valid, as RFC 9110, section
    /// 7.4 has it. By default only to those for a host that has another.
    ///
    /// Probes that ask an address are refused then, unless the certificate is valid for it.
    #[must_use]
    pub fn strict_authority(self) -> Self {
        self.with(|plan| plan.strict_authority = true)
    }

    /// Asks clients for a certificate and verifies it, but serves those without one as well.
    ///
    /// What it was is in [`client_certificates`](crate::middleware::attributes::Tls::client_certificates), for the application to
    /// decide by. Who shows one that is not good is not served.
    #[must_use]
    pub fn client_optional(self, authorities: Authorities) -> Self {
        self.with(|plan| plan.clients = Clients::Optional(authorities))
    }

    /// Serves only clients with a certificate that is good.
    #[must_use]
    pub fn client_required(self, authorities: Authorities) -> Self {
        self.with(|plan| plan.clients = Clients::Required(authorities))
    }

    /// The protocols to agree on by ALPN, the best first; by default `h2` and then `http/1.1`.
    ///
    /// A client that offers some, and none of these, is sent away (RFC 7301, section 3.2). Without any,
    /// nothing is agreed on, and the preface tells.
    #[must_use]
    pub fn alpn<'a>(self, names: impl IntoIterator<Item = &'a str>) -> Self {
        let names = names.into_iter().map(|name| name.as_bytes().to_vec());
        self.with(|plan| plan.protocols = names.collect())
    }

    /// Speaks TLS 1.3 and not 1.2, which by default it does for clients from before 2018.
    #[must_use]
    pub fn only_tls13(self) -> Self {
        self.with(|plan| plan.only_tls13 = true)
    }

    /// Reads all files again: certificates, keys, authorities, and lists of theirs. Handshakes from now on are made with what they say, and
    /// connections that there are live on.
    ///
    /// All of it or nothing: if anything is wrong, all stays as it was, which is also logged; but for what is
    /// [stapled](Certificate::stapled), of which that page tells. Sessions of before do not go on, so that what was
    /// verified by authorities that are gone is verified again.
    ///
    /// The files are read while it is called, which is short. [`Serve::on_reload`](crate::gateway::Serve::on_reload)
    /// calls a clone at `SIGHUP`.
    ///
    /// # Errors
    ///
    /// Those of [`Certificate::pem_files`], [`Authorities::pem_file`] and [`Authorities::revoked`].
    pub fn reload(&self) -> Result<(), Error> {
        self.begin_reload(None).map(Reload::take_on)
    }

    /// Reads all files again, or has read them already as those of another, whose files and settings it has from then on.
    pub(crate) fn begin_reload(&self, other: Option<&Self>) -> Result<Reload<'_>, Error> {
        let reloading = self.0.reloading.lock();
        let one = reloading.unwrap_or_else(PoisonError::into_inner);
        let plan = match other {
            Some(other) => Ok(other.plan()),
            None => self.plan().read_again(),
        };
        let fresh = plan.and_then(|plan| Ok((Loaded::new(&plan)?, plan)));
        match fresh {
            Ok((loaded, plan)) => Ok(Reload {
                tls: self,
                plan,
                loaded: Arc::new(loaded),
                _one: one,
            }),
            Err(error) => {
                let cause: &(dyn std::error::Error + 'static) = &error;
                error!(error = cause, "the certificates stay as they were");
                Err(error)
            }
        }
    }

    /// What became of handshakes so far.
    pub fn stats(&self) -> Stats {
        self.0.counters.read()
    }

    fn counters(&self) -> &Counters {
        &self.0.counters
    }

    /// Sees that connections can be secured.
    pub(crate) fn prepare(&self) -> Result<(), Error> {
        self.loaded().map(drop)
    }

    /// What connections are secured with now; the first to ask makes it.
    fn loaded(&self) -> Result<Arc<Loaded>, Error> {
        let mut state = self.lock();
        if let Some(loaded) = &state.loaded {
            return Ok(Arc::clone(loaded));
        }
        let first = Arc::new(Loaded::new(&state.plan)?);
        Ok(Arc::clone(state.loaded.insert(first)))
    }

    fn plan(&self) -> Plan {
        self.lock().plan.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tls").field(&self.plan()).finish()
    }
}
