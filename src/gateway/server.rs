//! A server that listens, and its end.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tracing::{error, info, warn};

use super::address::Address;
use super::connection::Connection;
use super::drain::Handle;
use super::listen::{Admit, Listener};
use super::settings::Settings;
use super::tls::Tls;
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
    pub(super) listeners: Vec<(Listener, Option<Tls>)>,
    addresses: Vec<Address>,
    settings: Arc<Settings>,
    connections: u32,
    until: Until,
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
        connections: u32,
        until: Until,
    ) -> Result<Self, Error> {
        if addresses.is_empty() {
            return Err(Error::nothing_bound());
        }
        let mut listeners = Vec::with_capacity(addresses.len());
        let mut bound = Vec::with_capacity(addresses.len());
        for (address, tls) in addresses {
            if let Some(tls) = tls {
                tls.prepare()?;
            }
            let listener = Listener::bind(address).await?;
            let taken = listener.address();
            bound.push(taken.map_err(|error| Error::bind(address, error))?);
            listeners.push((listener, tls.clone()));
        }
        Ok(Self {
            app,
            listeners,
            addresses: bound,
            settings,
            connections,
            until,
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
        Handle(Arc::clone(&self.settings.drain))
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
            addresses,
            settings,
            connections,
            until,
        } = self;
        let mut until = Ending::new(until)?;
        let handle = EndOnDrop(Handle(Arc::clone(&settings.drain)));
        let slots = Arc::new(Semaphore::new(connections as usize));
        let mut accepting = JoinSet::new();
        for (listener, tls) in listeners {
            let admit = Admission {
                app: app.clone(),
                tls,
                settings: Arc::clone(&settings),
            };
            let drain = Arc::clone(&settings.drain);
            accepting.spawn(listener.accept(Arc::clone(&slots), admit, drain));
        }
        for address in &addresses {
            info!(%address, "listening");
        }

        let mut wishes = 0;
        tokio::select! {
            () = until.next() => wishes += 1,
            () = settings.drain.wished() => {}
            // They have ended before, with a wish, or in a panic.
            () = ended(&mut accepting) => {}
        }
        handle.0.stop();
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
            _ = slots.acquire_many(connections) => return Ok(()),
            () = insisted => {}
            () = settings.drain.ended() => {}
            () = tokio::time::sleep(settings.deadlines.drain) => {}
        }
        let open = connections as usize - slots.available_permits();
        warn!(open, "ended before all requests were finished");
        handle.0.end();
        // Connections close when they are polled, which is soon; upgraded ones are not ours.
        let all = slots.acquire_many(connections);
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
    settings: Arc<Settings>,
}

impl<S: Application> Admit for Admission<S> {
    fn admit<T>(&mut self, io: T, connection: attributes::Connection, slot: OwnedSemaphorePermit)
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        // In a task of its own it could not be cloned: an application need not be `Sync`. Nothing is done
        // with what a panic leaves but to clone it again.
        let Ok(app) = catch_unwind(AssertUnwindSafe(|| self.app.clone())) else {
            error!("the application panicked when it was cloned; a connection was closed");
            return;
        };
        let settings = Arc::clone(&self.settings);
        match self.tls.clone() {
            None => tokio::spawn(Connection::new(io, app, connection, settings, Some(slot))),
            Some(tls) => tokio::spawn(tls.serve(io, app, connection, settings, Some(slot))),
        };
    }
}
