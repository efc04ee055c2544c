//! Listeners that speak TLS.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};

use super::Tls;
use crate::gateway::address::{Address, Protocol};
use crate::gateway::serve::Serve;
use crate::gateway::server::{Bound, Server, WITH_FRONTS};
use crate::gateway::sockets::Sockets;
use crate::{Application, Error};

impl<S> Serve<S> {
    /// Adds an address to listen on with TLS; see [`Tls`].
    ///
    /// What is said of [`bind`](Self::bind) is true of it too.
    pub fn tls(mut self, address: impl Into<Address>, tls: Tls) -> Self {
        self.addresses.push((address.into(), Some(tls)));
        self
    }
}

impl<S: Application> Serve<S> {
    /// As [`over`](Self::over), with TLS: serves one connection that is there already, from its handshake on.
    pub async fn over_tls<T>(self, io: T, tls: Tls)
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        self.alone(|app, connection, settings| tls.serve(io, app, connection, settings, None))
            .await;
    }
}

impl Sockets {
    /// Secures those of one address, which are served without TLS else.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// # let app = tower::service_fn(async |_| Ok::<_, std::convert::Infallible>(
    /// #     http::Response::new(gopuram::Body::empty())));
    /// use gopuram::gateway::{Sockets, Tls};
    ///
    /// let sockets = Sockets::bind(["127.0.0.1:8000", "0.0.0.0:8443"]).await?;
    /// let tls = Tls::pem_files("fullchain.pem", "privkey.pem")?;
    /// gopuram::serve(app).on(sockets.secured("0.0.0.0:8443", &tls)?).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If none was bound at that address, or it is of another protocol than HTTP, or the certificates cannot be used.
    pub fn secured(mut self, address: impl Into<Address>, tls: &Tls) -> Result<Self, Error> {
        let address = address.into();
        let told = |problem| Error::address(&address.to_string(), problem);
        if address.options.protocol != Protocol::Http {
            return Err(told(WITH_FRONTS));
        }
        tls.prepare()?;
        let is_of = |bound: &&mut Bound| bound.listeners.iter().any(|it| it.is_of(&address));
        let mut is_there = false;
        for bound in self.all.iter_mut().filter(is_of) {
            bound.tls = Some(tls.clone());
            is_there = true;
        }
        if is_there {
            Ok(self)
        } else {
            Err(told("no socket was bound there"))
        }
    }
}

impl<S> Server<S> {
    /// The certificates of all addresses that speak TLS.
    pub fn certificates(&self) -> Certificates {
        let secured = self.bound.iter().filter_map(|bound| bound.tls.clone());
        Certificates(secured.collect())
    }
}

/// The certificates of all addresses of a server that speak TLS.
///
/// From [`Server::certificates`], for who wants to reload them all.
#[derive(Clone, Debug)]
pub struct Certificates(Arc<[Tls]>);

impl Certificates {
    /// [Reloads](Tls::reload) all of them, whatever becomes of each.
    ///
    /// # Errors
    ///
    /// The first there was; each is logged.
    pub fn reload(&self) -> Result<(), Error> {
        let mut all = Ok(());
        for tls in self.0.iter() {
            all = all.and(tls.reload());
        }
        all
    }
}
