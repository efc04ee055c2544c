//! A server that listens, and its end.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tracing::{info, warn};

use super::address::{Address, Protocol};
use super::admission::{Admission, Front};
use super::cores::Cores;
use super::drain::Handle;
use super::life::{Hooks, Life};
use super::limits::Limits;
use super::listen::{Acceptor, Listener};
use super::notify;
use super::settings::Settings;
use super::slots::Slots;
use super::sockets::Sockets;
use super::stats::Stats;
use super::tls::Tls;
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
    pub(super) bound: Vec<Bound>,
    addresses: Vec<Address>,
    settings: Arc<Settings>,
    slots: Slots,
    connections: u32,
    /// On how many cores of their own connections are served, if on any.
    cores: u16,
    until: Until,
    hooks: Hooks,
}

/// The sockets of one address.
#[derive(Clone, Debug)]
pub(super) struct Bound {
    /// One, or several.
    pub(super) listeners: Vec<Arc<Listener>>,
    /// How they are secured.
    pub(super) tls: Option<Tls>,
}

/// Why an address is not secured.
pub(super) const WITH_FRONTS: &str =
    "TLS is spoken with clients, and this is spoken with front servers";

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
        wanted: Vec<(Address, Option<Tls>)>,
        settings: Arc<Settings>,
        limits: &Limits,
        cores: u16,
        until: Until,
        hooks: Hooks,
    ) -> Result<Self, Error> {
        let mut addresses = Vec::with_capacity(wanted.len());
        let mut bound = Vec::with_capacity(wanted.len());
        for (address, tls) in wanted {
            if let Some(tls) = &tls {
                if address.options.protocol != Protocol::Http {
                    return Err(Error::address(&address.to_string(), WITH_FRONTS));
                }
                tls.prepare()?;
            }
            let options = address.options.clone();
            let listeners = Listener::bind(&address.accepted_by(cores)).await?;
            // As it was asked for: how many cores there are is not the address's to say.
            addresses.extend(listeners.first().map(|first| Address {
                place: first.address().place.clone(),
                options,
            }));
            let listeners = listeners.into_iter().map(Arc::new).collect();
            bound.push(Bound { listeners, tls });
        }
        Ok(Self {
            app,
            bound,
            addresses,
            slots: Slots::new(
                limits.connections,
                limits.per_client,
                Arc::clone(&settings.counters),
            ),
            settings,
            connections: limits.connections,
            cores,
            until,
            hooks,
        })
    }

    /// Adds what is bound already.
    pub(super) fn on(mut self, sockets: Sockets) -> Self {
        self.addresses.extend(sockets.addresses().cloned());
        self.bound.extend(sockets.all);
        self
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
            bound,
            addresses,
            settings,
            slots,
            connections,
            cores,
            until,
            hooks,
        } = self;
        let mut until = Ending::new(until)?;
        let give_way = hooks.give_way.clone();
        let mut life = Life::new(hooks)?;
        let cores = Cores::start(cores).await?;
        let handle = EndOnDrop(Handle::of(&settings));
        let mut accepting = JoinSet::new();
        let mut listeners = Vec::new();
        for Bound {
            listeners: all,
            tls,
        } in bound
        {
            // Each socket is accepted from, and each core accepts.
            let number = all.len().max(cores.count());
            for (index, listener) in all.iter().cycle().take(number).enumerate() {
                let runtime = cores.runtime(index);
                let acceptor = Acceptor::new(Arc::clone(listener), &runtime, give_way.clone())?;
                let admission = Admission {
                    app: app.clone(),
                    tls: tls.clone(),
                    front: Front::of(&listener.address().options),
                    settings: Arc::clone(&settings),
                    slots: slots.clone(),
                };
                let drain = Arc::clone(&settings.drain);
                accepting.spawn_on(acceptor.accept(slots.clone(), admission, drain), &runtime);
            }
            listeners.extend(all);
        }
        for address in &addresses {
            info!(%address, "listening");
        }
        for listener in &listeners {
            listener.own_file();
        }
        Life::begin();

        let mut wishes = 0;
        tokio::select! {
            () = until.next() => wishes += 1,
            () = settings.drain.wished() => {}
            // They have ended before, with a wish, or in a panic.
            () = ended(&mut accepting) => {}
            () = life.go_on(&listeners) => {
                for listener in &listeners {
                    listener.keep_file();
                }
                settings.drain.hand_over();
            }
        }
        if !settings.drain.is_handed_over() {
            notify::tell("STOPPING=1");
            handle.0.stop();
        }
        drop((life, listeners));
        info!("ending: no more connections, requests in flight may finish");
        // A core that is held up by its application accepts still, for all it knows.
        let all = async {
            ended(&mut accepting).await;
            slots.all(connections).await;
        };
        // A handle's wish is not the first of two signals.
        let insisted = async {
            while wishes < 2 {
                until.next().await;
                wishes += 1;
            }
        };
        let finished = tokio::select! {
            () = all => true,
            () = insisted => false,
            () = settings.drain.ended() => false,
            () = lose_patience(&handle.0, settings.deadlines.drain) => false,
        };
        if !finished {
            // Who accepts may not have ended yet, where there is nothing left to finish.
            let open = connections as usize - slots.free();
            if open > 0 {
                warn!(open, "ended before all requests were finished");
            }
            handle.0.end();
            // Connections close when they are polled, which is soon; upgraded ones are not ours.
            let all = slots.all(connections);
            tokio::time::timeout(GOODBYE, all).await.ok();
        }
        // One that is held up by its application is left behind.
        tokio::time::timeout(GOODBYE, cores.end()).await.ok();
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
