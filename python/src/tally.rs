//! What workers have counted, in memory that all have in common, so that each can tell of all.
//!
//! Of each there are two copies, numbered as they were written, and the older one is written over: who is killed while it writes
//! leaves the other. The number comes first and last, so that what is left of the copy before is not taken for a new one.

use std::os::unix::fs::FileExt as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gopuram::config::Counted;
use gopuram::middleware::metrics::{Refused, Snapshot};
use tokio::time::MissedTickBehavior;

use crate::share::{MOST, Share};

/// How old what others are told may be; collectors come by every ten seconds or so.
const EVERY: Duration = Duration::from_secs(1);

/// Behind how many connections each worker has.
const BEGIN: u64 = 4096;

/// The most that a copy of one worker's numbers may be: with the most routes that can be asked for. What is not written takes no memory.
const ROOM: u64 = 64 << 20;

/// How often to look again at what is just being written.
const TRIES: usize = 5;

/// The numbers of this worker among those of all.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    share: Arc<Share>,
    counted: Counted,
    /// The number of the copy that was written last.
    last: Arc<Mutex<u64>>,
}

impl Tally {
    /// Goes on where the worker that was in this place before has ended, and has pages tell of all: none of those for whom there is
    /// no room, who tell of themselves.
    pub(crate) fn begin(share: &Arc<Share>, counted: &Counted) -> Option<Self> {
        if share.place() >= MOST {
            return None;
        }
        let before = read(share, share.place());
        if let Some((_, numbers)) = &before {
            counted.metrics().restore(numbers);
        }
        let last = before.map_or(0, |(last, _)| last);
        let tally = Self {
            share: Arc::clone(share),
            counted: counted.clone(),
            last: Arc::new(Mutex::new(last)),
        };
        // Who was here before may have had requests in flight.
        tally.write();
        let asked = tally.clone();
        counted.peers(move || {
            // Whoever is asked next tells of no less.
            asked.write();
            others(&asked.share)
        });
        Some(tally)
    }

    /// Writes them for the others again and again.
    pub(crate) async fn go_on(&self) {
        let mut tick = tokio::time::interval(EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            self.write();
        }
    }

    /// Writes them for the others.
    pub(crate) fn write(&self) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let snapshot = self.counted.metrics().snapshot();
        let next = last.wrapping_add(1);
        let words = [next].into_iter().chain(snapshot.words().iter().copied());
        let words = words.chain([next]);
        let bytes: Vec<u8> = words.flat_map(u64::to_ne_bytes).collect();
        if bytes.len() as u64 > ROOM {
            return;
        }
        let file = self.share.file();
        let written = file.write_all_at(&bytes, at(self.share.place(), next));
        // If not, what is told is a little older, and no wrong number.
        if written.is_ok() {
            *last = next;
        }
    }
}

/// Where a copy of a worker's numbers is.
const fn at(place: usize, copy: u64) -> u64 {
    BEGIN + (place as u64 * 2 + copy % 2) * ROOM
}

/// What all others have counted.
fn others(share: &Share) -> Vec<Snapshot> {
    let length = share.file().metadata().map_or(0, |of| of.len());
    let written = length.saturating_sub(BEGIN).div_ceil(2 * ROOM);
    let written = usize::try_from(written).map_or(MOST, |places| places.min(MOST));
    let places = (0..written).filter(|place| *place != share.place());
    let told = places.filter_map(|place| {
        let (_, numbers) = read(share, place)?;
        // Nobody is there any more: what was in flight is gone, and what was counted was.
        Some(if share.is_taken(place) {
            numbers
        } else {
            numbers.at_rest()
        })
    });
    told.collect()
}

/// What the worker in a place has written last, and the number of that copy.
fn read(share: &Share, place: usize) -> Option<(u64, Snapshot)> {
    let mut found = None;
    for _ in 0..TRIES {
        let copies = [copy(share, place, 0), copy(share, place, 1)];
        let is_torn = copies.iter().any(Result::is_err);
        let whole = copies.into_iter().filter_map(Result::ok).flatten();
        found = whole.max_by_key(|(number, _)| *number);
        if !is_torn {
            break;
        }
    }
    // One that is torn for ever was its writer's last.
    found
}

/// A copy, if one was written there; an error if it is being written, or never was to its end.
fn copy(share: &Share, place: usize, copy: u64) -> Result<Option<(u64, Snapshot)>, Refused> {
    let at = at(place, copy);
    // Its number, the version and the length come first.
    let Some(&[_, _, length]) = words(share, at, 3).as_deref() else {
        return Ok(None);
    };
    if length == 0 || length >= ROOM / 8 - 1 {
        return Ok(None);
    }
    let words = words(share, at, length + 2).unwrap_or_default();
    let [number, words @ .., end] = words.as_slice() else {
        return Ok(None);
    };
    if number != end {
        return Err(Refused::Torn);
    }
    match Snapshot::read(words) {
        Err(Refused::Torn) => Err(Refused::Torn),
        read => Ok(read.ok().map(|read| (*number, read))),
    }
}

fn words(share: &Share, at: u64, count: u64) -> Option<Vec<u64>> {
    let mut bytes = vec![0; usize::try_from(count).ok()? * 8];
    share.file().read_exact_at(&mut bytes, at).ok()?;
    let (words, _) = bytes.as_chunks::<8>();
    Some(words.iter().map(|word| u64::from_ne_bytes(*word)).collect())
}
