//! All numbers of a moment in a row of words, for other processes of the same machine.

use std::error::Error as StdError;
use std::fmt;

use super::histogram::TIME_CELLS;
use super::labels::{Key, METHODS, Route};
use super::registry::{ASKED_CELLS, ROUTE_LEN, Registry};

/// All numbers of a moment, in a row of words that other processes of the same machine can [read](Self::read).
///
/// For worker processes that are scraped as one: each writes its snapshot into a slot of shared memory from time to
/// time, and whoever is scraped [adds up](super::Metrics::peers) what it reads there. A slot needs
/// [`snapshot_len`](super::Metrics::snapshot_len) words. No lock is needed: a snapshot that was being written while it
/// was read is refused.
///
/// The words are in the machine's order of bytes. Whatever they are, they are read as what was written or
/// [refused](Refused): they have a version, which changes with what is counted, and a sum that tells a
/// torn one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Snapshot {
    words: Vec<u64>,
    parts: Parts,
}

/// Where its parts begin.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Parts {
    answered: usize,
    asked: usize,
}

/// `gopuram` and the version of what follows; the histograms' bounds belong to it.
const VERSION: u64 = u64::from_be_bytes(*b"gopuram\x01");

const ANSWERED: usize = 1 + TIME_CELLS;
const ASKED: usize = 1 + ASKED_CELLS;

impl Snapshot {
    /// The version, the length, the sum, how many entries of each kind there are, and what is in flight.
    pub(super) const HEAD: usize = 6 + METHODS.len();

    pub(super) fn of(registry: &Registry) -> Self {
        let mut words = vec![0; Self::HEAD];
        let answered: Vec<_> = registry.answered.all().collect();
        let asked: Vec<_> = registry.asked.all().collect();
        // Names are made before they are counted by: none is missing.
        let mut routes = 0;
        for (route, name) in registry.routes() {
            routes += 1;
            words.push(route.0.into());
            words.push(name.len() as u64);
            words.extend(name.as_bytes().chunks(8).map(|chunk| {
                let mut bytes = [0; 8];
                for (byte, of) in bytes.iter_mut().zip(chunk) {
                    *byte = *of;
                }
                u64::from_ne_bytes(bytes)
            }));
        }
        let parts = Parts {
            answered: words.len(),
            asked: words.len() + answered.len() * ANSWERED,
        };
        let counts = [routes, answered.len() as u64, asked.len() as u64];
        for (key, cells) in answered {
            words.push(key);
            words.extend(cells);
        }
        for (key, cells) in asked {
            words.push(key);
            words.extend(cells);
        }
        let length = words.len() as u64;
        let head = counts.into_iter().chain(registry.in_flight());
        for (word, of) in words.iter_mut().skip(3).zip(head) {
            *word = of;
        }
        let sum = sum(words.get(3..).unwrap_or_default());
        for (word, of) in words.iter_mut().zip([VERSION, length, sum]) {
            *word = of;
        }
        Self { words, parts }
    }

    /// The words, to be written somewhere.
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// Reads what was written; what follows it is left alone.
    ///
    /// # Errors
    ///
    /// If nothing was written yet, if it is of another version, or if it is not what was written.
    pub fn read(words: &[u64]) -> Result<Self, Refused> {
        let [version, length, told, ..] = *words else {
            return Err(Refused::Torn);
        };
        match version {
            VERSION => {}
            0 => return Err(Refused::Empty),
            _ => return Err(Refused::Version),
        }
        let length = usize::try_from(length).map_err(|_| Refused::Torn)?;
        let words = words.get(..length).ok_or(Refused::Torn)?;
        if sum(words.get(3..).unwrap_or_default()) != told {
            return Err(Refused::Torn);
        }
        let parts = parts(words).ok_or(Refused::Torn)?;
        let words = words.to_vec();
        Ok(Self { words, parts })
    }

    /// The same with nothing in flight: what is left of a process that is gone.
    #[must_use]
    pub fn at_rest(mut self) -> Self {
        let in_flight = self.words.get_mut(6..Self::HEAD);
        in_flight.unwrap_or_default().fill(0);
        let told = sum(self.words.get(3..).unwrap_or_default());
        if let Some(word) = self.words.get_mut(2) {
            *word = told;
        }
        self
    }

    /// What is in flight, by method.
    pub(super) fn in_flight(&self) -> &[u64] {
        self.words.get(6..Self::HEAD).unwrap_or_default()
    }

    pub(super) fn routes(&self) -> impl Iterator<Item = (Route, String)> {
        let words = self.words.get(..self.parts.answered);
        Routes(
            words
                .and_then(|words| words.get(Self::HEAD..))
                .unwrap_or_default(),
        )
    }

    pub(super) fn answered(&self) -> impl Iterator<Item = (Key, &[u64])> {
        entries(
            self.words.get(self.parts.answered..self.parts.asked),
            ANSWERED,
        )
    }

    pub(super) fn asked(&self) -> impl Iterator<Item = (Key, &[u64])> {
        entries(self.words.get(self.parts.asked..), ASKED)
    }
}

fn entries(words: Option<&[u64]>, len: usize) -> impl Iterator<Item = (Key, &[u64])> {
    let entries = words.unwrap_or_default().chunks_exact(len);
    entries.filter_map(|entry| {
        let (key, cells) = entry.split_first()?;
        Some((Key::unpack(*key)?, cells))
    })
}

/// Where the parts begin, if all is as it was written: the sum of other words may be the same by chance.
fn parts(words: &[u64]) -> Option<Parts> {
    let [routes, answered, asked] = *words.get(3..6)?.first_chunk::<3>()?;
    let count = |count: u64| usize::try_from(count).ok();
    let mut named = Routes(words.get(Snapshot::HEAD..)?);
    let numbers: Vec<_> = named.by_ref().take(count(routes)?).collect();
    if numbers.len() != count(routes)? {
        return None;
    }
    let parts = Parts {
        answered: words.len() - named.0.len(),
        asked: words.len().checked_sub(count(asked)?.checked_mul(ASKED)?)?,
    };
    let between = parts.asked.checked_sub(parts.answered)?;
    if between != count(answered)?.checked_mul(ANSWERED)? {
        return None;
    }
    let is_known = |word: &u64| {
        let route = Key::unpack(*word).map(|key| key.route);
        let mut named = numbers.iter().map(|(number, _)| *number);
        route.is_some_and(|route| route.0 < Route::FIRST || named.any(|one| one == route))
    };
    let answered = words.get(parts.answered..parts.asked)?;
    let asked = words.get(parts.asked..)?;
    let keys = answered.iter().step_by(ANSWERED);
    let all = keys.chain(asked.iter().step_by(ASKED)).all(is_known);
    all.then_some(parts)
}

/// Routes as they are written, as long as they are such.
struct Routes<'a>(&'a [u64]);

impl Iterator for Routes<'_> {
    type Item = (Route, String);

    fn next(&mut self) -> Option<Self::Item> {
        let [number, length, rest @ ..] = self.0 else {
            return None;
        };
        let length = usize::try_from(*length)
            .ok()
            .filter(|len| *len <= ROUTE_LEN)?;
        let (name, rest) = rest.split_at_checked(length.div_ceil(8))?;
        let mut bytes: Vec<u8> = name.iter().flat_map(|word| word.to_ne_bytes()).collect();
        bytes.truncate(length);
        let name = String::from_utf8(bytes).ok()?;
        let number = u16::try_from(*number).ok()?;
        self.0 = rest;
        (number >= Route::FIRST).then_some((Route(number), name))
    }
}

/// Tells words that were not written together, in their order.
fn sum(words: &[u64]) -> u64 {
    words.iter().fold(0xcbf2_9ce4_8422_2325, |sum, word| {
        let mixed = (sum ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^ (mixed >> 29)
    })
}

/// Why words are no [`Snapshot`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Refused {
    /// Nothing was written there yet.
    Empty,
    /// They are not what was written: only a part of it, or two at once.
    Torn,
    /// They are of another version of this crate.
    Version,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "there is no snapshot yet",
            Self::Torn => "the snapshot is not whole",
            Self::Version => "the snapshot is of another version",
        })
    }
}

impl StdError for Refused {}
