//! What becomes of a connection that was accepted.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tracing::{error, warn};

use super::address::{Options, Protocol};
use super::behind::{self, Wire};
use super::connection::Connection;
use super::listen::Admit;
use super::proxy_protocol;
use super::settings::Settings;
use super::slots::{Slot, Slots};
use super::tls::Tls;
use crate::Application;
use crate::environ::Mapping;
use crate::middleware::attributes;

/// Gives each connection a task and a clone of the application.
pub(super) struct Admission<S> {
    pub(super) app: S,
    pub(super) tls: Option<Tls>,
    pub(super) front: Option<Front>,
    pub(super) settings: Arc<Settings>,
    pub(super) slots: Slots,
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
pub(super) struct Front {
    protocol: Protocol,
    peers: behind::Peers,
    mapping: Arc<Mapping>,
    /// Whether it was said that somebody was refused.
    said: bool,
}

impl Front {
    pub(super) fn of(options: &Options) -> Option<Self> {
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
