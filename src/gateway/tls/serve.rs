//! Listeners that speak TLS.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};

use super::Tls;
use crate::gateway::address::Address;
use crate::gateway::serve::Serve;
use crate::gateway::server::Server;
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
