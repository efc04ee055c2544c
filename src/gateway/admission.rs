//! What becomes of a connection that was accepted.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tracing::error;

use super::address::Options;
use super::connection::Connection;
use super::listen::Admit;
use super::proxy_protocol;
use super::settings::Settings;
use super::slots::{Slot, Slots};
use super::tls::Tls;
use crate::Application;
use crate::middleware::attributes;

/// Gives each connection a task and a clone of the application.
pub(super) struct Admission<S> {
    pub(super) app: S,
    pub(super) tls: Option<Tls>,
    pub(super) settings: Arc<Settings>,
    pub(super) slots: Slots,
}

impl<S: Application> Admit for Admission<S> {
    fn admit<T>(
        &mut self,
        mut io: T,
        mut connection: attributes::Connection,
        mut slot: Slot,
        options: &Options,
    ) where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        // In a task of its own it could not be cloned: an application need not be `Sync`. Nothing is done
        // with what a panic leaves but to clone it again.
        let Ok(app) = catch_unwind(AssertUnwindSafe(|| self.app.clone())) else {
            error!("the application panicked when it was cloned; a connection was closed");
            return;
        };
        let settings = Arc::clone(&self.settings);
        let tls = self.tls.clone();
        let ip = |connection: &attributes::Connection| connection.peer.map(|peer| peer.ip());
        let Some(networks) = &options.proxy else {
            if self.slots.count(&mut slot, ip(&connection)) {
                spawn(tls, io, app, connection, settings, slot);
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
            if said && slots.count(&mut slot, ip(&connection)) {
                spawn(tls, io, app, connection, settings, slot);
            }
        });
    }
}

/// Serves a connection in a task of its own.
fn spawn<T, S>(
    tls: Option<Tls>,
    io: T,
    app: S,
    connection: attributes::Connection,
    settings: Arc<Settings>,
    slot: Slot,
) where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Application,
{
    match tls {
        None => tokio::spawn(Connection::new(io, app, connection, settings, Some(slot))),
        Some(tls) => tokio::spawn(tls.serve(io, app, connection, settings, Some(slot))),
    };
}
