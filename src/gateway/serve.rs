//! What to serve, where, and for how long.

use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::Arc;
use std::{fmt, thread};

use tokio::io::{AsyncRead, AsyncWrite};

use super::address::{Address, Protocol};
use super::behind::{self, Ends};
use super::cgi;
use super::connection::Connection;
use super::deadlines::Deadlines;
use super::drain::Handle;
use super::life::Hooks;
use super::limits::Limits;
use super::listen::inherited;
use super::server::{Server, Until};
use super::settings::Settings;
use super::signals::Signals;
use super::sockets::Sockets;
use super::successor::Program;
use super::tls::Tls;
use crate::middleware::attributes;
use crate::{Application, Error};

/// Serves an application over HTTP.
///
/// See the [module documentation](super) for what is served and how.
///
/// ```no_run
/// # #[tokio::main]
/// # async fn main() -> Result<(), gopuram::Error> {
/// # let app = tower::service_fn(async |_| Ok::<_, std::convert::Infallible>(
/// #     http::Response::new(gopuram::Body::empty())));
/// gopuram::serve(app).bind("127.0.0.1:8000").await
/// # }
/// ```
pub fn serve<S: Application>(app: S) -> Serve<S> {
    Serve {
        app,
        addresses: Vec::new(),
        sockets: None,
        limits: Limits::default(),
        deadlines: Deadlines::default(),
        cores: 0,
        until: Until::Signals,
        hooks: Hooks::default(),
    }
}

/// An application and where to serve it; awaiting it serves.
///
/// Made by [`serve`]. Awaiting it is [`listen`](Self::listen) and then [`run`](Server::run); without an address, in a process that
/// a web server started for one request (`GATEWAY_INTERFACE`), it is to [answer that request](super#behind-a-front-server).
#[must_use = "await it"]
pub struct Serve<S> {
    app: S,
    pub(super) addresses: Vec<(Address, Option<Tls>)>,
    sockets: Option<Sockets>,
    limits: Limits,
    deadlines: Deadlines,
    cores: u16,
    until: Until,
    hooks: Hooks,
}

impl<S> Serve<S> {
    /// Adds an address to listen on; all are served alike.
    ///
    /// See [`Address`] for what can be written. It is bound when serving begins, all of them or
    /// none.
    pub fn bind(mut self, address: impl Into<Address>) -> Self {
        self.addresses.push((address.into(), None));
        self
    }

    /// Serves on sockets that are bound already, with TLS where that was [said](Sockets#method.secured), beside the addresses that are [bound](Self::bind).
    pub fn on(mut self, sockets: Sockets) -> Self {
        self.sockets = Some(sockets);
        self
    }

    /// How much a client may take.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// How long the gateway waits for a client.
    pub fn deadlines(mut self, deadlines: Deadlines) -> Self {
        self.deadlines = deadlines;
        self
    }

    /// Serves on a runtime for each core that this process may use, with a thread of its own.
    ///
    /// By default all is served in the runtime in which the server is run. See the
    /// [module documentation](super#a-runtime-for-each-core) for when it helps and what it costs.
    pub fn per_core(self) -> Self {
        self.cores(thread::available_parallelism().map_or(1, NonZeroUsize::get))
    }

    /// As [`per_core`](Self::per_core), with so many runtimes; at least 1, at most 1,024.
    pub fn cores(mut self, count: usize) -> Self {
        self.cores = u16::try_from(count.clamp(1, 1024)).unwrap_or(1);
        self
    }

    /// Serves until `end` is ready; by default until `SIGTERM` or `SIGINT`, which are left alone
    /// then.
    pub fn until(mut self, end: impl Future<Output = ()> + Send + 'static) -> Self {
        self.until = Until::Future(Box::pin(end));
        self
    }

    /// Does `f` at `SIGHUP`, which else ends the process: for reading configuration and certificates anew.
    ///
    /// One call at a time; the service manager, if there is one, is told. Serving goes on meanwhile.
    ///
    /// ```no_run
    /// # async fn read_configuration() {}
    /// # let app = tower::service_fn(async |_| Ok::<_, std::convert::Infallible>(
    /// #     http::Response::new(gopuram::Body::empty())));
    /// let serve = gopuram::serve(app).on_reload(|| async { read_configuration().await });
    /// # drop(serve);
    /// ```
    pub fn on_reload<F, T>(mut self, mut f: F) -> Self
    where
        F: FnMut() -> T + Send + 'static,
        T: Future<Output = ()> + Send + 'static,
    {
        self.hooks.reload = Some(Box::new(move || Box::pin(f())));
        self
    }

    /// Does `f` at `SIGUSR1`, which else ends the process: for opening logs anew that were moved away.
    ///
    /// ```no_run
    /// # use gopuram::middleware::access_log::Log;
    /// # fn main() -> std::io::Result<()> {
    /// # let app = tower::service_fn(async |_| Ok::<_, std::convert::Infallible>(
    /// #     http::Response::new(gopuram::Body::empty())));
    /// let log = Log::file("/var/log/app/access.log")?;
    /// let serve = gopuram::serve(app).on_reopen({
    ///     let log = log.clone();
    ///     move || log.reopen()
    /// });
    /// # drop(serve);
    /// # Ok(())
    /// # }
    /// ```
    pub fn on_reopen(mut self, f: impl FnMut() + Send + 'static) -> Self {
        self.hooks.reopen = Some(Box::new(f));
        self
    }

    /// Starts the program anew at `SIGUSR2`, which else ends the process, and hands the sockets over to the new
    /// process: a new version goes into service without a client noticing.
    ///
    /// See the [module documentation](super#a-new-version). To be called before the process changes its directory.
    pub fn hand_over(mut self) -> Self {
        self.hooks.successor = Program::of_this_process().map(Arc::new);
        self
    }

    /// Hears signals by these, which were heard before: what came of them meanwhile is done once it serves.
    /// Of those for which there is nothing to do nothing comes, then as before.
    pub fn heard(mut self, signals: Signals) -> Self {
        self.hooks.heard = signals;
        self
    }

    /// Leaves a connection to other processes that accept from the same [sockets](Self::on) where `f` says so, which is given how
    /// many are open in this one.
    ///
    /// A connection wakes all processes, and one that is quick and has nothing to do takes as many as come at once. One that gives way
    /// waits for a millisecond, and takes what the others did not. `f` is asked with each connection that somebody accepts, and
    /// must be quick.
    pub fn give_way(mut self, f: impl Fn(u64) -> bool + Send + Sync + 'static) -> Self {
        self.hooks.give_way = Some(Arc::new(f));
        self
    }

    /// Binds the addresses, and serves when it is [run](Server::run).
    ///
    /// Must be called within a tokio runtime, of any kind. Without an address it is FastCGI on the standard input, if
    /// that is a socket that listens: so front servers start programs that speak it.
    ///
    /// # Errors
    ///
    /// If there is no address, or one that cannot be understood or bound.
    pub async fn listen(mut self) -> Result<Server<S>, Error> {
        let is_told = !self.addresses.is_empty() || self.sockets.is_some();
        if !is_told && inherited::from_number(0).is_ok() {
            self.addresses.push((Address::from("fastcgi:fd:0"), None));
        }
        if self.addresses.is_empty() && self.sockets.is_none() {
            return Err(Error::nothing_bound());
        }
        let settings = Settings::new(&self.limits, self.deadlines);
        let server = Server::bind(
            self.app,
            self.addresses,
            Arc::new(settings),
            &self.limits,
            self.cores,
            self.until,
            self.hooks,
        )
        .await?;
        Ok(match self.sockets {
            Some(sockets) => server.on(sockets),
            None => server,
        })
    }
}

impl<S: Application> Serve<S> {
    /// Serves one connection that is there already, until it is closed or upgraded.
    ///
    /// For transports of other kinds, and for tests. Addresses and signals play no part;
    /// when the future of [`until`](Self::until) is ready the connection is drained.
    ///
    /// ```
    /// # use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let app = tower::service_fn(async |_| Ok::<_, std::convert::Infallible>(
    /// #     http::Response::new(gopuram::Body::empty())));
    /// let (mut client, io) = tokio::io::duplex(1024);
    /// tokio::spawn(gopuram::serve(app).over(io));
    /// client.write_all(b"GET / HTTP/1.0\r\n\r\n").await?;
    /// let mut answer = String::new();
    /// client.read_to_string(&mut answer).await?;
    /// assert!(answer.starts_with("HTTP/1.0 200 OK\r\n"));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn over<T>(self, io: T)
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        self.alone(|app, connection, settings| {
            Connection::new(io, app, connection, settings, None)
        })
        .await;
    }

    /// As [`over`](Self::over), for a front server that speaks another protocol than HTTP; it is believed in what it says of clients.
    ///
    /// ```
    /// # use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    /// # use gopuram::gateway::Protocol;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let app = tower::service_fn(async |_| Ok::<_, std::convert::Infallible>(
    /// #     http::Response::new(gopuram::Body::empty())));
    /// let (mut front, io) = tokio::io::duplex(1024);
    /// tokio::spawn(gopuram::serve(app).speak(Protocol::Scgi, io));
    /// let variables = "CONTENT_LENGTH\x000\0SCGI\x001\0REQUEST_METHOD\0GET\0REQUEST_URI\0/\0";
    /// front.write_all(format!("{}:{variables},", variables.len()).as_bytes()).await?;
    /// let mut answer = String::new();
    /// front.read_to_string(&mut answer).await?;
    /// assert!(answer.starts_with("Status: 200 OK\r\n"));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn speak<T>(self, protocol: Protocol, io: T)
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        if protocol == Protocol::Http {
            return self.over(io).await;
        }
        self.alone(|app, connection, settings| {
            let arrival = behind::Arrival {
                connection,
                mapping: Arc::default(),
                slot: None,
            };
            behind::speak(protocol, io, Ends::alike(), app, arrival, settings)
        })
        .await;
    }

    /// Serves one connection and nothing else.
    pub(super) async fn alone<F>(
        self,
        serve: impl FnOnce(S, attributes::Connection, Arc<Settings>) -> F,
    ) where
        F: Future<Output = ()>,
    {
        let settings = Arc::new(Settings::new(&self.limits, self.deadlines));
        let handle = Handle::of(&settings);
        let connection = attributes::Connection::default();
        let connection = serve(self.app, connection, settings);
        let Until::Future(end) = self.until else {
            return connection.await;
        };
        let drained = async {
            end.await;
            handle.stop();
            tokio::time::sleep(self.deadlines.drain).await;
        };
        tokio::select! {
            () = connection => {}
            () = drained => {}
        }
    }
}

impl<S> fmt::Debug for Serve<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serve")
            .field("addresses", &self.addresses)
            .field("sockets", &self.sockets)
            .field("limits", &self.limits)
            .field("deadlines", &self.deadlines)
            .field("cores", &self.cores)
            .field("hooks", &self.hooks)
            .finish_non_exhaustive()
    }
}

impl<S: Application> IntoFuture for Serve<S> {
    type Output = Result<(), Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async {
            if self.addresses.is_empty() && self.sockets.is_none() && cgi::is_asked_for() {
                self.alone(cgi::serve).await;
                return Ok(());
            }
            self.listen().await?.run().await
        })
    }
}
