//! A server that listens, and its end.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tracing::{error, info, warn};

use super::address::{Address, Options, Protocol};
use super::behind::{self, Wire};
use super::connection::Connection;
use super::drain::Handle;
use super::life::{Hooks, Life};
use super::limits::Limits;
use super::listen::{Admit, Listener};
use super::notify;
use super::proxy_protocol;
use super::settings::Settings;
use super::slots::{Slot, Slots};
use super::stats::Stats;
use super::tls::Tls;
use crate::environ::Mapping;
use crate::middleware::attributes;
use crate::{Application, Error};

/// A server that listens and does not serve yet: clients can connect and have to wait.
///
/// Made by [`Serve::listen`](super::Serve::listen), for who wants to know the ports taken or to end
/// serving from code.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), gopuram::Error> {
/// # let app = tower::service_fn(async |_| Ok::<_, std::convert::Infallible>(
/// #     http::Response::new(gopuram::Body::empty())));
/// let server = gopuram::serve(app).bind("127.0.0.1:0").listen().await?;
/// let port = server.socket().map(|socket| socket.port());
/// assert_ne!(port, Some(0));
/// let handle = server.handle();
/// let serving = tokio::spawn(server.run());
/// // ... clients come and go ...
/// handle.stop();
/// serving.await.unwrap()
/// # }
/// ```
#[must_use = "a server serves when it is run"]
pub struct Server<S> {
    app: S,
    listeners: Vec<Arc<Listener>>,
    /// How each of them is secured.
    pub(super) tls: Vec<Option<Tls>>,
    addresses: Vec<Address>,
    settings: Arc<Settings>,
    slots: Slots,
    connections: u32,
    until: Until,
    hooks: Hooks,
}

/// What ends serving.
pub(super) enum Until {
    Signals,
    Future(Pin<Box<dyn Future<Output = ()> + Send>>),
}

impl<S> std::fmt::Debug for Server<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Server").field(&self.addresses).finish()
    }
}

impl<S> Server<S> {
    pub(super) async fn bind(
        app: S,
        addresses: &[(Address, Option<Tls>)],
        settings: Arc<Settings>,
        limits: &Limits,
        until: Until,
        hooks: Hooks,
    ) -> Result<Self, Error> {
        if addresses.is_empty() {
            return Err(Error::nothing_bound());
        }
        let mut listeners = Vec::with_capacity(addresses.len());
        let mut bound = Vec::with_capacity(addresses.len());
        let mut secured = Vec::new();
        for (address, tls) in addresses {
            if let Some(tls) = tls {
                if address.options.protocol != Protocol::Http {
                    let problem =
                        "TLS is spoken with clients, and this is spoken with front servers";
                    return Err(Error::address(&address.to_string(), problem));
                }
                tls.prepare()?;
            }
            let sockets = Listener::bind(address).await?;
            bound.extend(sockets.first().map(|first| first.address().clone()));
            secured.extend(sockets.iter().map(|_| tls.clone()));
            listeners.extend(sockets.into_iter().map(Arc::new));
        }
        Ok(Self {
            app,
            listeners,
            tls: secured,
            addresses: bound,
            slots: Slots::new(
                limits.connections,
                limits.per_client,
                Arc::clone(&settings.counters),
            ),
            settings,
            connections: limits.connections,
            until,
            hooks,
        })
    }

    /// What is listened on, in the order of [`bind`](super::Serve::bind), with the ports that were
    /// taken.
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// The first TCP address that is listened on.
    pub fn socket(&self) -> Option<SocketAddr> {
        self.addresses.iter().find_map(Address::socket)
    }

    /// A handle to end serving with.
    pub fn handle(&self) -> Handle {
        Handle::of(&self.settings)
    }

    /// What the server has counted so far.
    pub fn stats(&self) -> Stats {
        self.settings.counters.stats()
    }
}

impl<S: Application> Server<S> {
    /// Serves until `SIGTERM`, `SIGINT`, [`until`](super::Serve::until) or a [`Handle`] ends it.
    ///
    /// Then no more connections are accepted and idle ones are closed; requests that have arrived, in a
    /// connection that waits to be accepted too, may finish
    /// until the [deadline](super::Deadlines::drain), or until a second signal or [`Handle::end`],
    /// which cuts the rest. Connections that were upgraded are waited for as well. Dropping
    /// the future cuts all connections that were not upgraded.
    ///
    /// # Errors
    ///
    /// If signals cannot be waited for.
    ///
    /// # Panics
    ///
    /// If accepting does, rather than to serve no longer and live on. A panic in the application is caught.
    pub async fn run(self) -> Result<(), Error> {
        let Self {
            app,
            listeners,
            tls,
            addresses,
            settings,
            slots,
            connections,
            until,
            hooks,
        } = self;
        let mut until = Ending::new(until)?;
        let mut life = Life::new(hooks)?;
        let handle = EndOnDrop(Handle::of(&settings));
        let mut accepting = JoinSet::new();
        for (listener, tls) in listeners.iter().zip(tls) {
            let admit = Admission {
                app: app.clone(),
                tls,
                front: Front::of(&listener.address().options),
                settings: Arc::clone(&settings),
                slots: slots.clone(),
            };
            let drain = Arc::clone(&settings.drain);
            accepting.spawn(Arc::clone(listener).accept(slots.clone(), admit, drain));
        }
        for address in &addresses {
            info!(%address, "listening");
        }
        Life::begin();

        let mut wishes = 0;
        tokio::select! {
            () = until.next() => wishes += 1,
            () = settings.drain.wished() => {}
            // They have ended before, with a wish, or in a panic.
            () = ended(&mut accepting) => {}
            () = life.go_on(&listeners) => settings.drain.hand_over(),
        }
        if !settings.drain.is_handed_over() {
            notify::tell("STOPPING=1");
            handle.0.stop();
        }
        drop((life, listeners));
        info!("ending: no more connections, requests in flight may finish");
        ended(&mut accepting).await;
        // A handle's wish is not the first of two signals.
        let insisted = async {
            while wishes < 2 {
                until.next().await;
                wishes += 1;
            }
        };
        tokio::select! {
            () = slots.all(connections) => return Ok(()),
            () = insisted => {}
            () = settings.drain.ended() => {}
            () = lose_patience(&handle.0, settings.deadlines.drain) => {}
        }
        let open = connections as usize - slots.free();
        warn!(open, "ended before all requests were finished");
        handle.0.end();
        // Connections close when they are polled, which is soon; upgraded ones are not ours.
        let all = slots.all(connections);
        tokio::time::timeout(GOODBYE, all).await.ok();
        Ok(())
    }
}

/// When nobody accepts any longer; goes on with the panic of one who does.
async fn ended(accepting: &mut JoinSet<()>) {
    while let Some(ended) = accepting.join_next().await {
        if let Err(error) = ended
            && let Ok(panic) = error.try_into_panic()
        {
            resume_unwind(panic);
        }
    }
}

/// How long a request may be on its way to a process that another one succeeded.
const PATIENCE: Duration = Duration::from_secs(2);

/// Closes idle connections, if that was not done at once, and comes to the end of the drain.
async fn lose_patience(handle: &Handle, drain: Duration) {
    let patience = PATIENCE.min(drain);
    tokio::time::sleep(patience).await;
    handle.stop();
    tokio::time::sleep(drain.saturating_sub(patience)).await;
}

/// How long to wait for connections that were told to close at once.
const GOODBYE: Duration = Duration::from_millis(200);

/// Nobody is left who would wait for the connections.
struct EndOnDrop(Handle);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// The signals, or a future and then nothing.
enum Ending {
    Signals {
        terminate: Signal,
        interrupt: Signal,
    },
    Future(Option<Pin<Box<dyn Future<Output = ()> + Send>>>),
}

impl Ending {
    fn new(until: Until) -> Result<Self, Error> {
        Ok(match until {
            Until::Signals => Self::Signals {
                terminate: signal(SignalKind::terminate()).map_err(Error::signals)?,
                interrupt: signal(SignalKind::interrupt()).map_err(Error::signals)?,
            },
            Until::Future(future) => Self::Future(Some(future)),
        })
    }

    async fn next(&mut self) {
        poll_fn(|cx| match self {
            Self::Signals {
                terminate,
                interrupt,
            } => match (terminate.poll_recv(cx), interrupt.poll_recv(cx)) {
                (Poll::Pending, Poll::Pending) => Poll::Pending,
                _ => Poll::Ready(()),
            },
            Self::Future(slot) => {
                let Some(future) = slot else {
                    return Poll::Pending;
                };
                ready!(future.as_mut().poll(cx));
                *slot = None;
                Poll::Ready(())
            }
        })
        .await;
    }
}

/// Gives each connection a task and a clone of the application.
struct Admission<S> {
    app: S,
    tls: Option<Tls>,
    front: Option<Front>,
    settings: Arc<Settings>,
    slots: Slots,
}

impl<S: Application> Admit for Admission<S> {
    fn admit<T: Wire>(
        &mut self,
        mut io: T,
        mut connection: attributes::Connection,
        mut slot: Slot,
        options: &Options,
    ) {
        if let Some(front) = &mut self.front
            && !front.is_believed(&connection)
        {
            self.settings.counters.refused_fronts.one();
            return;
        }
        // In a task of its own it could not be cloned: an application need not be `Sync`. Nothing is done
        // with what a panic leaves but to clone it again.
        let Ok(app) = catch_unwind(AssertUnwindSafe(|| self.app.clone())) else {
            error!("the application panicked when it was cloned; a connection was closed");
            return;
        };
        let settings = Arc::clone(&self.settings);
        let spoken = match &self.front {
            Some(front) => Spoken::Behind(front.protocol, Arc::clone(&front.mapping)),
            None => Spoken::Http(self.tls.clone()),
        };
        // Behind a front server all clients come from there.
        let each = self.front.is_none();
        let ip = |connection: &attributes::Connection| connection.peer.map(|peer| peer.ip());
        let Some(networks) = &options.proxy else {
            if !each || self.slots.count(&mut slot, ip(&connection)) {
                spoken.spawn(io, app, connection, settings, slot);
            }
            return;
        };
        if ip(&connection).is_some_and(|ip| !networks.contain(ip)) {
            self.settings.counters.refused_proxy_peer.one();
            return;
        }
        let slots = self.slots.clone();
        tokio::spawn(async move {
            let said = proxy_protocol::introduce(&mut io, &mut connection, &settings).await;
            if said && (!each || slots.count(&mut slot, ip(&connection))) {
                spoken.spawn(io, app, connection, settings, slot);
            }
        });
    }
}

/// What is spoken on a connection.
enum Spoken {
    Http(Option<Tls>),
    Behind(Protocol, Arc<Mapping>),
}

impl Spoken {
    /// Serves a connection in a task of its own.
    fn spawn<T: Wire, S: Application>(
        self,
        io: T,
        app: S,
        connection: attributes::Connection,
        settings: Arc<Settings>,
        slot: Slot,
    ) {
        match self {
            Self::Http(None) => {
                tokio::spawn(Connection::new(io, app, connection, settings, Some(slot)))
            }
            Self::Http(Some(tls)) => {
                tokio::spawn(tls.serve(io, app, connection, settings, Some(slot)))
            }
            Self::Behind(protocol, mapping) => {
                let arrival = behind::Arrival {
                    connection,
                    mapping,
                    slot: Some(slot),
                };
                let (io, ends) = io.cuttable();
                tokio::spawn(behind::speak(protocol, io, ends, app, arrival, settings))
            }
        };
    }
}

/// The front servers of an address.
struct Front {
    protocol: Protocol,
    peers: behind::Peers,
    mapping: Arc<Mapping>,
    /// Whether it was said that somebody was refused.
    said: bool,
}

impl Front {
    fn of(options: &Options) -> Option<Self> {
        (options.protocol != Protocol::Http).then(|| Self {
            protocol: options.protocol,
            peers: behind::Peers::of(options.protocol, options.fronts.as_ref()),
            mapping: Arc::new(options.mapping()),
            said: false,
        })
    }

    /// Whether the peer is one of them; the log says once that one is not.
    fn is_believed(&mut self, connection: &attributes::Connection) -> bool {
        let believed = self.peers.contain(connection.peer);
        if !believed && !std::mem::replace(&mut self.said, true) {
            let peer = connection.peer;
            warn!(
                ?peer,
                "refused a front server that is not on this machine; the option `fronts` allows it"
            );
        }
        believed
    }
}
