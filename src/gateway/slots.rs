//! Places among the open connections.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::warn;

use super::stats::Counters;
use crate::middleware::networks::mask;

/// The places of a server.
#[derive(Clone, Debug)]
pub(super) struct Slots {
    places: Arc<Semaphore>,
    clients: Option<Arc<Clients>>,
    counters: Arc<Counters>,
}

/// A place among the open connections, given back when this is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    counters: Arc<Counters>,
    /// Whether a connection has it, and not only one that is waited for.
    taken: bool,
    client: Option<Held>,
    _place: OwnedSemaphorePermit,
}

impl Slots {
    pub(super) fn new(
        connections: u32,
        per_client: Option<NonZeroU32>,
        counters: Arc<Counters>,
    ) -> Self {
        Self {
            places: Arc::new(Semaphore::new(connections as usize)),
            clients: per_client.map(|most| {
                Arc::new(Clients {
                    most,
                    open: Mutex::default(),
                })
            }),
            counters,
        }
    }

    fn slot(&self, place: OwnedSemaphorePermit) -> Slot {
        Slot {
            counters: Arc::clone(&self.counters),
            taken: false,
            client: None,
            _place: place,
        }
    }

    /// A place if there is one.
    pub(super) fn try_take(&self) -> Option<Slot> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        Some(self.slot(place))
    }

    /// A place, when there is one; says once that there is none.
    pub(super) async fn take(&self, full: &mut bool) -> Option<Slot> {
        if let Some(slot) = self.try_take() {
            *full = false;
            return Some(slot);
        }
        if !std::mem::replace(full, true) {
            self.counters.full.one();
            warn!("as many connections as allowed are open; more have to wait");
        }
        let place = Arc::clone(&self.places).acquire_owned().await.ok()?;
        Some(self.slot(place))
    }

    /// Waits until none of `connections` is open any more.
    pub(super) async fn all(&self, connections: u32) {
        drop(self.places.acquire_many(connections).await);
    }

    pub(super) fn free(&self) -> usize {
        self.places.available_permits()
    }

    pub(super) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Counts the connection for its client; false if that one has too many.
    ///
    /// A client on a Unix socket cannot be told from the others there, and is not counted.
    pub(super) fn count(&self, slot: &mut Slot, client: Option<IpAddr>) -> bool {
        let (Some(clients), Some(ip)) = (&self.clients, client) else {
            return true;
        };
        slot.client = clients.hold(ip);
        if slot.client.is_none() {
            self.counters.refused_per_client.one();
        }
        slot.client.is_some()
    }
}

impl Slot {
    /// A connection has come for it.
    pub(super) fn taken(&mut self) {
        self.taken = true;
        self.counters.accepted.one();
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if self.taken {
            self.counters.closed.one();
        }
    }
}

/// How many connections each client has open; looked at when one opens and when it closes.
#[derive(Debug)]
struct Clients {
    most: NonZeroU32,
    open: Mutex<HashMap<IpAddr, NonZeroU32>>,
}

/// One connection of a client.
#[derive(Debug)]
struct Held {
    client: IpAddr,
    clients: Arc<Clients>,
}

impl Clients {
    fn open(&self) -> MutexGuard<'_, HashMap<IpAddr, NonZeroU32>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hold(self: &Arc<Self>, ip: IpAddr) -> Option<Held> {
        let client = client(ip);
        match self.open().entry(client) {
            Entry::Occupied(count) if *count.get() >= self.most => return None,
            Entry::Occupied(mut count) => *count.get_mut() = count.get().saturating_add(1),
            Entry::Vacant(none) => drop(none.insert(NonZeroU32::MIN)),
        }
        Some(Held {
            client,
            clients: Arc::clone(self),
        })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut open = self.clients.open();
        if let Entry::Occupied(mut count) = open.entry(self.client) {
            match NonZeroU32::new(count.get().get() - 1) {
                Some(fewer) => *count.get_mut() = fewer,
                None => drop(count.remove()),
            }
        }
    }
}

/// What counts as one client: an address of IPv4, or 64 bits of one of IPv6, which is what a household has.
fn client(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6((ip.to_bits() & mask(64)).into()),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_has_so_many_and_gets_them_back() {
        let counters = Arc::new(Counters::default());
        let slots = Slots::new(9, NonZeroU32::new(2), Arc::clone(&counters));
        let open = |ip: &str| {
            let mut slot = slots.try_take().unwrap();
            slots
                .count(&mut slot, Some(ip.parse().unwrap()))
                .then_some(slot)
        };
        let first = open("2001:db8::1").unwrap();
        let _second = open("2001:db8::ffff:2").unwrap();
        assert!(open("2001:db8::3").is_none());
        assert!(open("2001:db8:0:1::1").is_some(), "another household");
        drop(first);
        let _third = open("2001:db8::3").unwrap();
        assert_eq!(counters.stats().refused_per_client, 1);
        let _v4 = [
            open("192.0.2.1").unwrap(),
            open("::ffff:192.0.2.1").unwrap(),
        ];
        assert!(open("192.0.2.1").is_none());
        assert_eq!(slots.clients.as_ref().unwrap().open().len(), 2);
    }

    #[test]
    fn without_a_limit_nobody_is_counted() {
        let slots = Slots::new(1, None, Arc::default());
        let mut slot = slots.try_take().unwrap();
        assert!(slots.count(&mut slot, Some(IpAddr::from([192, 0, 2, 1]))));
        assert!(slots.try_take().is_none());
        drop(slot);
        assert_eq!(slots.free(), 1);
    }
}
