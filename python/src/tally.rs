//! What workers have counted, in memory that all have in common, so that each can tell of all.

use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::time::Duration;

use gopuram::config::Counted;
use gopuram::middleware::metrics::{Refused, Snapshot};
use tokio::time::MissedTickBehavior;

use crate::share::{MOST, Share};

/// How old what others are told may be; collectors come by every ten seconds or so.
const EVERY: Duration = Duration::from_secs(1);

/// Behind how many connections each worker has.
const BEGIN: u64 = 4096;

/// The most that one worker's numbers may be: with the most routes that can be asked for. What is not written takes no memory.
const ROOM: u64 = 64 << 20;

/// How often to look again at what is just being written.
const TRIES: usize = 5;

/// The numbers of this worker among those of all.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    share: Arc<Share>,
    counted: Counted,
}

impl Tally {
    /// Goes on where the worker that was in this place before has ended, and has pages tell of all.
    pub(crate) fn begin(share: &Arc<Share>, counted: &Counted) -> Self {
        if let Some(before) = read(share, share.place()) {
            counted.metrics().restore(&before);
        }
        let tally = Self {
            share: Arc::clone(share),
            counted: counted.clone(),
        };
        let asked = tally.clone();
        counted.peers(move || {
            // Whoever is asked next tells of no less.
            asked.write();
            others(&asked.share)
        });
        tally
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
        let snapshot = self.counted.metrics().snapshot();
        let words = snapshot.words().iter();
        let bytes: Vec<u8> = words.flat_map(|word| word.to_ne_bytes()).collect();
        if bytes.len() as u64 <= ROOM {
            // What is told then is a little older, and no wrong number.
            drop(
                self.share
                    .file()
                    .write_all_at(&bytes, at(self.share.place())),
            );
        }
    }
}

/// Where the numbers of a worker are.
const fn at(place: usize) -> u64 {
    BEGIN + place as u64 * ROOM
}

/// What all others have counted.
fn others(share: &Share) -> Vec<Snapshot> {
    let places = (0..MOST).filter(|place| *place != share.place());
    let told = places.filter_map(|place| {
        let numbers = read(share, place)?;
        // Nobody is there any more: what was in flight is gone, and what was counted was.
        Some(if share.accepts(place) {
            numbers
        } else {
            numbers.at_rest()
        })
    });
    told.collect()
}

/// What the worker in a place has written last.
fn read(share: &Share, place: usize) -> Option<Snapshot> {
    if place >= MOST {
        return None;
    }
    (0..TRIES).find_map(|_| {
        // The version and the length come first.
        let head = words(share, place, 2)?;
        let length = *head.get(1)?;
        if length == 0 || length > ROOM / 8 {
            return None;
        }
        match Snapshot::read(&words(share, place, length)?) {
            Err(Refused::Torn) => None,
            read => Some(read.ok()),
        }
    })?
}

fn words(share: &Share, place: usize, count: u64) -> Option<Vec<u64>> {
    let mut bytes = vec![0; usize::try_from(count).ok()? * 8];
    share.file().read_exact_at(&mut bytes, at(place)).ok()?;
    let (words, _) = bytes.as_chunks::<8>();
    Some(words.iter().map(|word| u64::from_ne_bytes(*word)).collect())
}
