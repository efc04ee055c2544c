//! What requests are counted by, in one word.

use http::{Method, StatusCode};

use crate::outcome::Outcome;

/// What stands for all values that have no label of their own, as OpenTelemetry has it.
pub(super) const OTHER: &str = "_OTHER";

/// The methods that have a label; others can be made up without end. That of the query draft is among them.
pub(super) const METHODS: [&str; 11] = [
    OTHER, "CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE",
];

const OUTCOMES: [Outcome; 5] = [
    Outcome::Complete,
    Outcome::ClientGone,
    Outcome::Error,
    Outcome::Panic,
    Outcome::Timeout,
];

/// A method by its number.
#[inline]
pub(super) fn method(method: &Method) -> u8 {
    // What comes most is compared first.
    if *method == Method::GET {
        return 3;
    }
    let known = METHODS.iter().skip(1).zip(1..);
    let mut known = known.filter(|(name, _)| **name == method.as_str());
    known.next().map_or(0, |(_, number)| number)
}

/// The number of a route: none, one that has no number of its own, or one of those that have.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Route(pub(super) u16);

impl Route {
    pub(super) const NONE: Self = Self(0);
    pub(super) const OTHER: Self = Self(1);
    /// The first of those with a name.
    pub(super) const FIRST: u16 = 2;
}

/// What an answer is counted by, or a request where the rest is left out; never zero.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Key {
    pub(super) route: Route,
    /// By its number.
    pub(super) method: u8,
    /// 0 if it is left out.
    pub(super) status: u16,
    /// By its number: it is [complete](Outcome::Complete) if it is left out.
    pub(super) outcome: u8,
}

/// So that no key is zero.
const MARK: u64 = 1 << 63;

impl Key {
    /// All that have no label of their own.
    pub(super) const REST: Self = Self::asked(Route::OTHER, 0);

    /// What a request is counted by.
    pub(super) const fn asked(route: Route, method: u8) -> Self {
        Self {
            route,
            method,
            status: 0,
            outcome: 0,
        }
    }

    /// What its answer is counted by.
    pub(super) fn answered(self, status: StatusCode, outcome: Outcome) -> Self {
        let numbered = OUTCOMES.iter().zip(0..);
        let mut numbered = numbered.filter(|(one, _)| **one == outcome);
        Self {
            status: status.as_u16(),
            outcome: numbered.next().map_or(0, |(_, number)| number),
            ..self
        }
    }

    pub(super) fn pack(self) -> u64 {
        let (route, status) = (u64::from(self.route.0), u64::from(self.status));
        MARK | route << 32 | status << 16 | u64::from(self.method) << 8 | u64::from(self.outcome)
    }

    /// None if it is no word of such.
    pub(super) fn unpack(word: u64) -> Option<Self> {
        let [_, _, route_1, route_0, status_1, status_0, method, outcome] = word.to_be_bytes();
        let key = Self {
            route: Route(u16::from_be_bytes([route_1, route_0])),
            method,
            status: u16::from_be_bytes([status_1, status_0]),
            outcome,
        };
        let known = key.pack() == word
            && METHODS.len() > method.into()
            && OUTCOMES.len() > outcome.into()
            && key.status < 1000;
        known.then_some(key)
    }

    /// The label of its method.
    pub(super) fn method(self) -> &'static str {
        METHODS
            .get(usize::from(self.method))
            .copied()
            .unwrap_or(OTHER)
    }

    /// How it ended.
    pub(super) fn ending(self) -> Outcome {
        let outcome = OUTCOMES.get(usize::from(self.outcome));
        outcome.copied().unwrap_or(Outcome::Complete)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_that_are_made_up_are_one() {
        let number = |name: &str| method(&Method::from_bytes(name.as_bytes()).unwrap());
        assert_eq!(METHODS[usize::from(number("GET"))], "GET");
        for (at, name) in METHODS.iter().enumerate().skip(1) {
            assert_eq!(usize::from(number(name)), at);
        }
        for name in ["get", "BREW", "_OTHER", "GETT"] {
            assert_eq!(number(name), 0, "{name}");
        }
    }

    #[test]
    fn a_key_is_what_it_was() {
        let key = Key::asked(Route(7), 3).answered(StatusCode::NOT_FOUND, Outcome::Timeout);
        assert_eq!(Key::unpack(key.pack()), Some(key));
        assert_eq!(key.ending(), Outcome::Timeout);
        assert_ne!(Key::asked(Route::NONE, 0).pack(), 0);
        for word in [0, 1, u64::MAX, MARK | 5, MARK | 11 << 8, MARK | 1000 << 16] {
            assert_eq!(Key::unpack(word), None, "{word:x}");
        }
    }
}
