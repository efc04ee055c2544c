//! Requests for the same that are on their way: one of them asks, the others share what it gets.

use std::collections::HashMap;
use std::future::poll_fn;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::task::{Context, Poll};

use http::{HeaderMap, StatusCode};
use quick_cache::sync::Cache;

use super::driven::{Driven, Seat, lock};
use super::entry::Entry;
use super::key::Key;
use super::stream::Streaming;

/// The work of a request that asks.
type Course = Pin<Box<dyn Future<Output = Landed> + Send>>;

/// A request on its way inwards, driven by all who wait for its response.
pub(super) struct Flight {
    course: Driven<Course>,
    landed: OnceLock<Landed>,
}

/// What came of it, for those who wait.
#[derive(Clone)]
pub(super) enum Landed {
    /// A response that is stored, and whether an earlier one was confirmed.
    Stored(Entry, Confirmed),
    /// A response that will be stored when its body has come.
    Streaming(Arc<Streaming>),
    /// Nothing for others; a failure if others would get it, too.
    Nothing(Option<Failure>),
}

/// What a stored response may be better than.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Failure {
    /// A response that is an error.
    Answered(StatusCode),
    /// No response: an error of the application, or its panic.
    Unanswered,
}

impl Failure {
    /// The status that was answered with, if any was.
    pub(super) fn status(self) -> Option<u16> {
        match self {
            Self::Answered(status) => Some(status.as_u16()),
            Self::Unanswered => None,
        }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Confirmed {
    No,
    Yes,
}

impl Flight {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            course: Driven::new(None),
            landed: OnceLock::new(),
        })
    }

    pub(super) fn start(&self, course: impl Future<Output = Landed> + Send + 'static) {
        self.course.start(Box::pin(course));
    }

    /// Waits for what comes of it, and works for it.
    pub(super) async fn landed(&self) -> Landed {
        let seat = self.course.seat();
        poll_fn(|cx| self.poll(&seat, cx)).await
    }

    fn poll(&self, seat: &Seat, cx: &Context<'_>) -> Poll<Landed> {
        if self.landed.get().is_none() {
            let polled = self.course.poll(seat, cx, |course, cx| {
                course.as_mut().poll(cx).map(|landed| {
                    let _first = self.landed.set(landed);
                    ControlFlow::Break(())
                })
            });
            if polled.is_pending() && self.landed.get().is_none() {
                return Poll::Pending;
            }
        }
        // Over without a result: there was a panic, which whoever polled has.
        let landed = self.landed.get().cloned();
        Poll::Ready(landed.unwrap_or(Landed::Nothing(Some(Failure::Unanswered))))
    }

    /// Whether a request with these fields can wait for it.
    fn is_for(&self, fields: &HeaderMap) -> bool {
        match self.landed.get() {
            None => !self.course.is_over(),
            Some(Landed::Stored(entry, _)) => entry.selects(fields),
            Some(Landed::Streaming(stream)) => stream.is_for(fields),
            Some(Landed::Nothing(_)) => false,
        }
    }
}

/// All that are on their way, by URI.
pub(super) struct Flights {
    open: Mutex<HashMap<Box<str>, Vec<Slot>>>,
    /// Until when requests for what was not to be stored go on by themselves.
    /// What needs `Authorization` may be another response, and is remembered apart.
    passes: Cache<(Key, bool), u64>,
}

struct Slot {
    flight: Weak<Flight>,
    view: Option<Box<str>>,
    is_shared: bool,
}

/// What a request does that finds nothing stored.
pub(super) enum Join {
    Follow(Arc<Flight>),
    Lead(Arc<Flight>, Registration),
}

/// How many URIs are remembered whose responses are not to be stored.
const PASSES: usize = 4096;

impl Flights {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            open: Mutex::default(),
            passes: Cache::new(PASSES),
        })
    }

    /// Waits for a request for the same, or asks for others too.
    pub(super) fn join(self: &Arc<Self>, key: &Key, fields: &HeaderMap) -> Join {
        // Whoever holds the last of a flight ends it when it lets go, which takes the lock.
        let mut seen = Vec::new();
        let mut open = lock(&self.open);
        let slots = open.get(key.url()).into_iter().flatten();
        for slot in slots.filter(|slot| slot.is_shared && slot.view.as_deref() == key.view()) {
            let Some(flight) = slot.flight.upgrade() else {
                continue;
            };
            if flight.is_for(fields) {
                return Join::Follow(flight);
            }
            seen.push(flight);
        }
        let (flight, registration) = self.register(&mut open, key, true);
        Join::Lead(flight, registration)
    }

    /// Asks for others too, and follows nobody who asked before.
    pub(super) fn afresh(self: &Arc<Self>, key: &Key) -> (Arc<Flight>, Registration) {
        self.register(&mut lock(&self.open), key, true)
    }

    /// Asks for itself alone.
    pub(super) fn alone(self: &Arc<Self>, key: &Key) -> (Arc<Flight>, Registration) {
        self.register(&mut lock(&self.open), key, false)
    }

    fn register(
        self: &Arc<Self>,
        open: &mut HashMap<Box<str>, Vec<Slot>>,
        key: &Key,
        is_shared: bool,
    ) -> (Arc<Flight>, Registration) {
        let flight = Flight::new();
        let slot = Slot {
            flight: Arc::downgrade(&flight),
            view: key.view().map(Into::into),
            is_shared,
        };
        open.entry(key.url().into()).or_default().push(slot);
        let registration = Registration {
            flights: Arc::clone(self),
            flight: Arc::downgrade(&flight),
            url: key.url().into(),
        };
        (flight, registration)
    }

    /// Lets nothing be stored of what is on its way, nor waited for any longer.
    pub(super) fn forget(&self, url: Option<&str>) {
        let mut open = lock(&self.open);
        match url {
            Some(url) => drop(open.remove(url)),
            None => open.clear(),
        }
    }

    /// Remembers that a response was not to be stored.
    pub(super) fn pass(&self, key: &Key, authorized: bool, until: u64) {
        self.passes.insert((key.clone(), authorized), until);
    }

    /// Has requests wait for each other again.
    pub(super) fn unpass(&self, key: &Key, authorized: bool) {
        let _until = self.passes.remove(&(key.clone(), authorized));
    }

    pub(super) fn is_passed(&self, key: &Key, authorized: bool, now: u64) -> bool {
        let until = self.passes.get(&(key.clone(), authorized));
        until.is_some_and(|until| now < until)
    }
}

/// Keeps a flight among those that can be waited for, and its response welcome in the store. It does not
/// keep the flight, of whose work it is a part.
pub(super) struct Registration {
    flights: Arc<Flights>,
    flight: Weak<Flight>,
    url: Box<str>,
}

impl Registration {
    /// The flight, if somebody has it.
    pub(super) fn flight(&self) -> Option<Arc<Flight>> {
        self.flight.upgrade()
    }

    /// Calls `store` unless what it would store was invalidated since the flight began. None
    /// can be meanwhile.
    pub(super) fn if_welcome<T>(&self, store: impl FnOnce() -> T) -> Option<T> {
        let open = lock(&self.flights.open);
        let mut slots = open.get(&self.url).into_iter().flatten();
        let is_welcome = slots.any(|slot| slot.flight.ptr_eq(&self.flight));
        is_welcome.then(store)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut open = lock(&self.flights.open);
        let Some(slots) = open.get_mut(&self.url) else {
            return;
        };
        slots.retain(|slot| !slot.flight.ptr_eq(&self.flight));
        if slots.is_empty() {
            open.remove(&self.url);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(url: &str) -> Key {
        Key::from_parts(url, None)
    }

    #[test]
    fn one_leads_and_the_others_follow_until_it_lets_go() {
        let flights = Flights::new();
        let fields = HeaderMap::new();
        let Join::Lead(flight, registration) = flights.join(&key("a"), &fields) else {
            panic!("nobody leads");
        };
        let followed = flights.join(&key("a"), &fields);
        assert!(matches!(followed, Join::Follow(other) if Arc::ptr_eq(&other, &flight)));
        assert!(matches!(flights.join(&key("b"), &fields), Join::Lead(..)));
        drop(registration);
        assert!(lock(&flights.open).is_empty());
        assert!(matches!(flights.join(&key("a"), &fields), Join::Lead(..)));
    }

    #[test]
    fn nothing_is_stored_that_was_invalidated_on_its_way() {
        let flights = Flights::new();
        let (_one, own) = flights.alone(&key("a"));
        let (_two, other) = flights.alone(&key("b"));
        assert_eq!(own.if_welcome(|| 1), Some(1));
        flights.forget(Some("a"));
        assert_eq!(own.if_welcome(|| 1), None);
        assert_eq!(other.if_welcome(|| 1), Some(1));
        flights.forget(None);
        assert_eq!(other.if_welcome(|| 1), None);
    }
}
