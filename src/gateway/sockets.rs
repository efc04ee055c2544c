//! Sockets apart from a server, for processes that serve by others.

use std::io;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use super::address::Address;
use super::life::Life;
use super::listen::Listener;
use super::listen::inherited::{self, Heir};
use super::server::Bound;
use super::successor;
use crate::Error;

/// Sockets that listen, apart from a server: what a supervisor binds, for all processes that serve on them.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// # let app = tower::service_fn(async |_| Ok::<_, std::convert::Infallible>(
/// #     http::Response::new(gopuram::Body::empty())));
/// use gopuram::gateway::Sockets;
/// use std::process::Command;
///
/// let sockets = Sockets::bind(["127.0.0.1:8000"]).await?;
/// if std::env::var_os("WORKER").is_some() {
///     // Those that were passed: the address is the same.
///     return Ok(gopuram::serve(app).on(sockets).await?);
/// }
/// let mut worker = Command::new(std::env::current_exe()?);
/// worker.env("WORKER", "1");
/// sockets.pass(&mut worker)?;
/// let mut worker = worker.spawn()?;
/// sockets.ready();
/// worker.wait()?;
/// # Ok(())
/// # }
/// ```
///
/// All workers accept from the same sockets, so that whoever waits to be accepted is served as long as one of them lives, and none
/// is lost with a worker. One that is to end while others go on [leaves](super::Handle::leave).
#[derive(Clone, Debug)]
pub struct Sockets {
    pub(super) all: Vec<Bound>,
}

impl Sockets {
    /// Binds addresses, all or none, or takes over what a supervisor or a predecessor has passed under the same text.
    ///
    /// The files of Unix sockets are removed by the process that bound them, when the last clone of this is dropped.
    ///
    /// # Errors
    ///
    /// If there is no address, or one that cannot be understood or bound.
    pub async fn bind<A: Into<Address>>(
        addresses: impl IntoIterator<Item = A>,
    ) -> Result<Self, Error> {
        let mut all = Vec::new();
        for address in addresses {
            let bound = Listener::bind(&address.into()).await?;
            all.push(Bound {
                listeners: bound.into_iter().map(Arc::new).collect(),
                tls: None,
            });
        }
        if all.is_empty() {
            return Err(Error::nothing_bound());
        }
        Ok(Self { all })
    }

    /// Takes from the environment what this process was passed, so that none that it starts believes it to be for itself or has it.
    ///
    /// To bind does so too. But it changes the environment, which other threads may be reading: a program that has some by then
    /// calls this before it starts them.
    pub fn inherit() {
        inherited::begin();
    }

    /// What is listened on, in the order of [`bind`](Self::bind), with the ports that were taken.
    pub fn addresses(&self) -> impl Iterator<Item = &Address> {
        let firsts = self.all.iter().filter_map(|bound| bound.listeners.first());
        firsts.map(|listener| listener.address())
    }

    /// Passes the sockets to a program that is to be started; it takes them over when it binds the same addresses.
    ///
    /// It is none of the service manager's business: `NOTIFY_SOCKET` is not passed.
    ///
    /// # Errors
    ///
    /// If there are no descriptors left.
    pub fn pass(&self, program: &mut Command) -> io::Result<()> {
        let shared = self.each().map(|listener| listener.share(Heir::Worker));
        successor::pass(program, shared.collect::<io::Result<_>>()?)?;
        program.env_remove("NOTIFY_SOCKET");
        program.env_remove("WATCHDOG_USEC");
        Ok(())
    }

    /// Tells the service manager and the predecessor, where there are any, that all is ready, and closes what the predecessor
    /// passed and nobody bound.
    pub fn ready(&self) {
        for listener in self.each() {
            listener.own_file();
        }
        Life::begin();
    }

    /// Starts a new version of this process, which binds the same addresses and says when it is [ready](Self::ready); whether it
    /// does in time, and has the sockets and their files from then on.
    ///
    /// If not, or if the future is dropped before, it is sent `SIGTERM`, and `SIGKILL` if it has not ended half a minute later.
    pub async fn hand_over(&self, program: Command, deadline: Duration) -> bool {
        let listeners: Vec<_> = self.each().cloned().collect();
        let succeeded = successor::succeed(program, &listeners, deadline).await;
        if succeeded {
            for listener in listeners {
                listener.keep_file();
            }
        }
        succeeded
    }

    fn each(&self) -> impl Iterator<Item = &Arc<Listener>> {
        self.all.iter().flat_map(|bound| &bound.listeners)
    }
}
