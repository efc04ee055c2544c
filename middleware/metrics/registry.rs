//! All that is counted.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::StatusCode;

use super::histogram::{LENGTH_CELLS, LENGTHS, TIME_CELLS, TIMES, count};
use super::labels::{Key, METHODS, Route};
use super::snapshot::Snapshot;
use super::table::{Names, Striped, Table, stripes};
use crate::outcome::Outcome;

/// How many bytes of a route are kept: what is longer is cut.
pub(super) const ROUTE_LEN: usize = 128;

/// How many routes there may be at most: they have numbers of 16 bits.
const MOST_ROUTES: usize = 16_384;

/// What is counted of a request whatever becomes of it: the time to the head, the length of both bodies.
pub(super) const ASKED_CELLS: usize = TIME_CELLS + 2 * LENGTH_CELLS;

/// All that is counted.
pub(super) struct Registry {
    names: Names,
    /// Times to the end, by all labels.
    pub(super) answered: Table<TIME_CELLS>,
    /// What is counted by route and method alone.
    pub(super) asked: Table<ASKED_CELLS>,
    /// By method.
    in_flight: Striped<{ METHODS.len() }>,
    routes: usize,
}

/// A request that has ended.
pub(super) struct Ended {
    pub(super) asked: Key,
    pub(super) status: StatusCode,
    pub(super) outcome: Outcome,
    pub(super) elapsed: Duration,
    /// None if there was no response.
    pub(super) head: Option<Duration>,
    /// None if nobody knows.
    pub(super) received: Option<u64>,
    pub(super) sent: u64,
}

impl Registry {
    /// For up to so many routes.
    pub(super) fn new(routes: usize) -> Self {
        let routes = routes.min(MOST_ROUTES);
        let rest = Key::REST.pack();
        Self {
            names: Names::new(routes),
            answered: Table::new(routes * 8 + METHODS.len(), rest),
            asked: Table::new(routes * 4 + METHODS.len(), rest),
            in_flight: Striped::new(stripes()),
            routes,
        }
    }

    /// How many words a snapshot takes at most.
    pub(super) const fn most_words(&self) -> usize {
        Snapshot::HEAD
            + self.routes * (2 + ROUTE_LEN / 8)
            + self.answered.most() * (1 + TIME_CELLS)
            + self.asked.most() * (1 + ASKED_CELLS)
    }

    /// The number of a route.
    #[inline]
    pub(super) fn route(&self, route: Option<&str>) -> Route {
        let Some(route) = route.filter(|route| !route.is_empty()) else {
            return Route::NONE;
        };
        let route = route
            .get(..route.floor_char_boundary(ROUTE_LEN))
            .unwrap_or_default();
        let number = self.names.number(route, || Arc::from(route));
        // There are not as many names as numbers.
        let number = number.and_then(|number| u16::try_from(number).ok());
        number.map_or(Route::OTHER, |number| Route(number + Route::FIRST))
    }

    /// All routes with their numbers.
    pub(super) fn routes(&self) -> impl Iterator<Item = (Route, &str)> {
        self.names.all().filter_map(|(number, name)| {
            let number = u16::try_from(number).ok()?;
            Some((Route(number + Route::FIRST), name))
        })
    }

    #[inline]
    pub(super) fn begin(&self, method: u8) {
        if let Some(gauge) = self.in_flight.mine().get(usize::from(method)) {
            gauge.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[inline]
    pub(super) fn end(&self, ended: &Ended) {
        let method = usize::from(ended.asked.method);
        if let Some(gauge) = self.in_flight.mine().get(method) {
            gauge.fetch_sub(1, Ordering::Relaxed);
        }
        let key = ended.asked.answered(ended.status, ended.outcome);
        let answered = self.answered.get(key.pack()).mine();
        count(answered, &TIMES, nanos(ended.elapsed));
        let asked = self.asked.get(ended.asked.pack()).mine();
        let (head, lengths) = asked.split_at(TIME_CELLS);
        let (received, sent) = lengths.split_at(LENGTH_CELLS);
        if let Some(time) = ended.head {
            count(head, &TIMES, nanos(time));
        }
        if let Some(bytes) = ended.received {
            count(received, &LENGTHS, bytes);
        }
        count(sent, &LENGTHS, ended.sent);
    }

    pub(super) fn in_flight(&self) -> [u64; METHODS.len()] {
        self.in_flight.sum()
    }

    /// Counts what another has counted, but not what it had in flight.
    pub(super) fn restore(&self, snapshot: &Snapshot) {
        let mut routes: Vec<(Route, Route)> = Vec::new();
        for (theirs, name) in snapshot.routes() {
            routes.push((theirs, self.route(Some(&name))));
        }
        let ours = |key: Key| {
            let mut named = routes.iter().filter(|(theirs, _)| *theirs == key.route);
            // The two that have no name have the same number everywhere.
            let route = named.next().map_or(key.route, |(_, ours)| *ours);
            Key { route, ..key }.pack()
        };
        for (key, cells) in snapshot.answered() {
            add(self.answered.get(ours(key)), cells);
        }
        for (key, cells) in snapshot.asked() {
            add(self.asked.get(ours(key)), cells);
        }
    }
}

fn add<const N: usize>(to: &Striped<N>, cells: &[u64]) {
    for (cell, more) in to.mine().iter().zip(cells) {
        cell.fetch_add(*more, Ordering::Relaxed);
    }
}

/// In nanoseconds, of which 64 bits have room for five hundred years.
fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
