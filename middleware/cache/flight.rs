//! Requests for the same that are on their way: one of them asks, the others share what it gets.

use std::collections::HashMap;
use std::future::poll_fn;
use std::hash::{BuildHasher as _, RandomState};
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::task::{Context, Poll};

use http::{HeaderMap, StatusCode};
use quick_cache::sync::Cache;

use super::driven::{Driven, Seat, lock};
use super::entry::{Entry, Head};
use super::key::Key;
use super::stream::Streaming;
use super::vary::Vary;

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

    /// Whether a request with these fields can wait for it; `may_be` says so while nobody knows which variant
    /// it gets.
    fn is_for(&self, fields: &HeaderMap, may_be: impl FnOnce() -> bool) -> bool {
        match self.landed.get() {
            None => may_be() && !self.course.is_over(),
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
    /// What needs `Authorization` may be another response, and is remembered apart. Kept by hash, so that as many
    /// bytes are kept however long URIs are; of two with the same one only waits less than it could.
    passes: Cache<u64, u64>,
    hasher: RandomState,
}

struct Slot {
    flight: Weak<Flight>,
    view: Option<Box<str>>,
    is_shared: bool,
    /// What selects its response, if an earlier one said by which fields.
    selecting: Option<Vary>,
    /// Tags that were purged since it began: with one of them its response is not stored.
    purged: Vec<Box<str>>,
}

impl Slot {
    /// Whether it goes on after a purge of `tag`. `seen` keeps what is not to be let go of under the lock.
    fn outlives(&mut self, tag: &str, seen: &mut Vec<Arc<Flight>>) -> bool {
        let Some(flight) = self.flight.upgrade() else {
            return true;
        };
        let is_left = match flight.landed.get() {
            Some(Landed::Stored(entry, _)) => !entry.has_tag(tag),
            Some(Landed::Streaming(stream)) => !stream.head.has_tag(tag),
            Some(Landed::Nothing(_)) => true,
            None => {
                // What it gets may have the tag: it is not for who asks from now on.
                self.is_shared = false;
                self.purged.push(tag.into());
                self.purged.len() <= PURGED
            }
        };
        seen.push(flight);
        is_left
    }
}

/// What a request does that finds nothing stored.
pub(super) enum Join {
    Follow(Arc<Flight>),
    Lead(Arc<Flight>, Registration),
}

/// How many URIs are remembered whose responses are not to be stored.
const PASSES: usize = 4096;

/// After how many purges by tag while it is on its way a response is not stored whatever tags it has.
const PURGED: usize = 64;

impl Flights {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            open: Mutex::default(),
            passes: Cache::new(PASSES),
            hasher: RandomState::new(),
        })
    }

    /// Waits for a request for the same, or asks for others too. Who knows what is `selecting` its response
    /// waits for nobody of whom that is not known.
    pub(super) fn join(
        self: &Arc<Self>,
        key: &Key,
        fields: &HeaderMap,
        selecting: Option<&Vary>,
    ) -> Join {
        // Whoever holds the last of a flight ends it when it lets go, which takes the lock.
        let mut seen = Vec::new();
        let mut open = lock(&self.open);
        let slots = open.get(key.url()).into_iter().flatten();
        for slot in slots.filter(|slot| slot.is_shared && slot.view.as_deref() == key.view()) {
            let Some(flight) = slot.flight.upgrade() else {
                continue;
            };
            let may_be = || match &slot.selecting {
                Some(its) => its.selects(fields),
                None => selecting.is_none(),
            };
            if flight.is_for(fields, may_be) {
                return Join::Follow(flight);
            }
            seen.push(flight);
        }
        let (flight, registration) = self.register(&mut open, key, true, selecting.cloned());
        Join::Lead(flight, registration)
    }

    /// Asks for others too, and follows nobody who asked before.
    pub(super) fn afresh(self: &Arc<Self>, key: &Key) -> (Arc<Flight>, Registration) {
        self.register(&mut lock(&self.open), key, true, None)
    }

    /// Asks for itself alone.
    pub(super) fn alone(self: &Arc<Self>, key: &Key) -> (Arc<Flight>, Registration) {
        self.register(&mut lock(&self.open), key, false, None)
    }

    fn register(
        self: &Arc<Self>,
        open: &mut HashMap<Box<str>, Vec<Slot>>,
        key: &Key,
        is_shared: bool,
        selecting: Option<Vary>,
    ) -> (Arc<Flight>, Registration) {
        let flight = Flight::new();
        let slot = Slot {
            flight: Arc::downgrade(&flight),
            view: key.view().map(Into::into),
            is_shared,
            selecting,
            purged: Vec::new(),
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

    /// The same for what has a URI that starts so.
    pub(super) fn forget_prefix(&self, prefix: &str) {
        lock(&self.open).retain(|url, _| !url.starts_with(prefix));
    }

    /// The same for what carries a tag; what has not come yet may, and is stored if it turns out not to.
    pub(super) fn forget_tag(&self, tag: &str) {
        let mut seen = Vec::new();
        let mut open = lock(&self.open);
        open.retain(|_, slots| {
            slots.retain_mut(|slot| slot.outlives(tag, &mut seen));
            !slots.is_empty()
        });
        drop(open);
        drop(seen);
    }

    /// Remembers that a response was not to be stored.
    pub(super) fn pass(&self, key: &Key, authorized: bool, until: u64) {
        self.passes.insert(self.hash(key, authorized), until);
    }

    /// Has requests wait for each other again.
    pub(super) fn unpass(&self, key: &Key, authorized: bool) {
        let _until = self.passes.remove(&self.hash(key, authorized));
    }

    pub(super) fn is_passed(&self, key: &Key, authorized: bool, now: u64) -> bool {
        let until = self.passes.get(&self.hash(key, authorized));
        until.is_some_and(|until| now < until)
    }

    fn hash(&self, key: &Key, authorized: bool) -> u64 {
        self.hasher.hash_one((key, authorized))
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

    /// Calls `store` unless what it would store, which has this head, was invalidated since the flight began.
    /// None can be meanwhile.
    pub(super) fn if_welcome<T>(&self, head: &Head, store: impl FnOnce() -> T) -> Option<T> {
        let open = lock(&self.flights.open);
        let mut slots = open.get(&self.url).into_iter().flatten();
        let own = slots.find(|slot| slot.flight.ptr_eq(&self.flight));
        let is_welcome = own.is_some_and(|slot| !slot.purged.iter().any(|tag| head.has_tag(tag)));
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
    use crate::cache::wire::tests::entry;

    fn key(url: &str) -> Key {
        Key::from_parts(url, None)
    }

    #[test]
    fn one_leads_and_the_others_follow_until_it_lets_go() {
        let flights = Flights::new();
        let fields = HeaderMap::new();
        let Join::Lead(flight, registration) = flights.join(&key("a"), &fields, None) else {
            panic!("nobody leads");
        };
        let followed = flights.join(&key("a"), &fields, None);
        assert!(matches!(followed, Join::Follow(other) if Arc::ptr_eq(&other, &flight)));
        assert!(matches!(
            flights.join(&key("b"), &fields, None),
            Join::Lead(..)
        ));
        drop(registration);
        assert!(lock(&flights.open).is_empty());
        assert!(matches!(
            flights.join(&key("a"), &fields, None),
            Join::Lead(..)
        ));
    }

    #[test]
    fn nothing_is_stored_that_was_invalidated_on_its_way() {
        let flights = Flights::new();
        let head = entry(&[], b"x").head;
        let (_one, own) = flights.alone(&key("a"));
        let (_two, other) = flights.alone(&key("b"));
        assert_eq!(own.if_welcome(&head, || 1), Some(1));
        flights.forget(Some("a"));
        assert_eq!(own.if_welcome(&head, || 1), None);
        assert_eq!(other.if_welcome(&head, || 1), Some(1));
        flights.forget(None);
        assert_eq!(other.if_welcome(&head, || 1), None);
    }

    #[test]
    fn what_is_purged_by_its_beginning_or_a_tag_is_dropped_and_no_other() {
        let flights = Flights::new();
        let fields = HeaderMap::new();
        let head = entry(&[], b"x").head;
        let (_one, one) = flights.afresh(&key("a/1"));
        let (_two, two) = flights.afresh(&key("b/1"));
        flights.forget_prefix("a/");
        assert_eq!(one.if_welcome(&head, || 1), None);
        assert_eq!(two.if_welcome(&head, || 1), Some(1));
        flights.forget_tag("t");
        assert_eq!(two.if_welcome(&head, || 1), Some(1), "it has no such tag");
        let late = flights.join(&key("b/1"), &fields, None);
        assert!(matches!(late, Join::Lead(..)), "it might have had");
        for _ in 0..PURGED {
            flights.forget_tag("t");
        }
        assert_eq!(two.if_welcome(&head, || 1), None, "bounded");
    }

    #[test]
    fn urls_are_remembered_in_as_many_bytes_however_long_they_are() {
        let flights = Flights::new();
        let long = key(&"a".repeat(60_000));
        flights.pass(&long, false, 5);
        assert!(flights.is_passed(&long, false, 4));
        assert!(!flights.is_passed(&long, true, 4) && !flights.is_passed(&long, false, 5));
        flights.unpass(&long, false);
        assert!(!flights.is_passed(&long, false, 4));
        assert_eq!(size_of_val(&flights.hash(&long, false)), 8);
    }
}
