//! Small files that are asked for often, kept in memory with their header fields ready.

use std::collections::hash_map::{Entry, RandomState};
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::hash::{BuildHasher as _, BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::config::HotCache;
use super::load::Loaded;

/// So many locks, so that threads seldom meet at one.
const SHARDS: usize = 8;

/// Files up to here are read as a whole whether they can be kept or not.
const SMALL: u64 = 64 << 10;

/// What is kept, by the path that is asked for: decoded, a slash at the end of a directory's.
///
/// Each shard throws out by second chance: what was asked for since it was last looked at
/// stays for another round. A walk over many files once does not push out
/// those that are asked for all the time.
pub(super) struct Hot {
    shards: [RwLock<Shard>; SHARDS],
    hasher: RandomState,
    limits: HotCache,
    epoch: Instant,
}

#[derive(Default)]
struct Shard {
    /// By the hash of the path, which is computed once.
    slots: HashMap<u64, Slot, BuildHasherDefault<Hashed>>,
    /// In the order in which they are looked at next.
    queue: VecDeque<u64>,
    weight: usize,
}

struct Slot {
    path: Box<[u8]>,
    loaded: Arc<Loaded>,
    weight: usize,
    used: AtomicBool,
    /// Milliseconds since the epoch of the cache.
    checked: AtomicU64,
}

/// What is known of a path.
#[derive(Debug)]
pub(super) enum Known {
    /// Looked at lately.
    Fresh(Arc<Loaded>),
    /// Nothing.
    No,
    /// To be looked at again; the caller is the one to do so.
    Stale(Arc<Loaded>),
}

impl Hot {
    pub(super) fn new(limits: HotCache) -> Self {
        Self {
            shards: Default::default(),
            hasher: RandomState::new(),
            limits,
            epoch: Instant::now(),
        }
    }

    /// Whether anything is kept at all.
    pub(super) const fn is_on(&self) -> bool {
        self.limits.memory > 0
    }

    pub(super) fn get(&self, path: &[u8]) -> Known {
        if !self.is_on() {
            return Known::No;
        }
        let hash = self.hasher.hash_one(path);
        let shard = self.shard(hash).read();
        let shard = shard.unwrap_or_else(PoisonError::into_inner);
        let Some(slot) = shard.slots.get(&hash).filter(|slot| *slot.path == *path) else {
            return Known::No;
        };
        // Written only if it changes: a line of memory that all cores read stays with all.
        if !slot.used.load(Ordering::Relaxed) {
            slot.used.store(true, Ordering::Relaxed);
        }
        let loaded = Arc::clone(&slot.loaded);
        if self.is_due(&slot.checked) {
            Known::Stale(loaded)
        } else {
            Known::Fresh(loaded)
        }
    }

    /// How long a file may be to be kept for `path`: a small one always, a larger one if nothing
    /// must go for it.
    pub(super) fn most(&self, path: &[u8]) -> u64 {
        let file = self.limits.file;
        if !self.is_on() {
            return 0;
        }
        if file <= SMALL {
            return file;
        }
        let hash = self.hasher.hash_one(path);
        let shard = self.shard(hash).read();
        let shard = shard.unwrap_or_else(PoisonError::into_inner);
        if shard.slots.contains_key(&hash) {
            return file;
        }
        let room = self.limits.memory / SHARDS;
        let room = room.saturating_sub(shard.weight) as u64;
        file.min(room.max(SMALL))
    }

    /// Whether it is time to look again, and nobody else does.
    fn is_due(&self, checked: &AtomicU64) -> bool {
        if self.limits.every == Duration::ZERO {
            return true;
        }
        if self.limits.every == Duration::MAX {
            return false;
        }
        let (now, before) = (self.now(), checked.load(Ordering::Relaxed));
        u128::from(now.saturating_sub(before)) >= self.limits.every.as_millis()
            && checked
                .compare_exchange(before, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    /// Keeps what was loaded for `path`, or nothing of it if it is too much.
    pub(super) fn keep(&self, path: &[u8], loaded: &Loaded) {
        // A request that has a `%` in its path as it stands is malformed, or means another file.
        let may = self.is_on() && !path.contains(&b'%');
        let keep = may.then(|| loaded.to_keep()).flatten();
        let Some(loaded) = keep else {
            self.forget(path);
            return;
        };
        let hash = self.hasher.hash_one(path);
        let most = self.limits.memory / SHARDS;
        let slot = Slot {
            path: path.into(),
            weight: loaded.weight().saturating_add(2 * path.len()),
            loaded: Arc::new(loaded),
            used: AtomicBool::new(false),
            checked: AtomicU64::new(self.now()),
        };
        if slot.weight > most {
            self.forget(path);
            return;
        }
        let mut shard = self
            .shard(hash)
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        shard.put(hash, slot);
        shard.shrink(most);
    }

    /// Forgets what was kept for `path`.
    pub(super) fn forget(&self, path: &[u8]) {
        if !self.is_on() {
            return;
        }
        let hash = self.hasher.hash_one(path);
        let shard = self.shard(hash);
        let is_here = |shard: &Shard| {
            shard
                .slots
                .get(&hash)
                .is_some_and(|slot| *slot.path == *path)
        };
        // Nothing is kept for most of those that nothing is kept of, and readers need not wait.
        if !is_here(&shard.read().unwrap_or_else(PoisonError::into_inner)) {
            return;
        }
        let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
        if is_here(&shard)
            && let Some(slot) = shard.slots.remove(&hash)
        {
            shard.weight = shard.weight.saturating_sub(slot.weight);
            shard.queue.retain(|queued| *queued != hash);
        }
    }

    fn shard(&self, hash: u64) -> &RwLock<Shard> {
        let [first, rest @ ..] = &self.shards;
        // The upper bits: the map in the shard goes by the lower ones.
        let index = usize::try_from(hash >> 61).unwrap_or_default();
        index
            .checked_sub(1)
            .and_then(|index| rest.get(index))
            .unwrap_or(first)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    #[cfg(test)]
    fn weight(&self) -> usize {
        self.shards
            .iter()
            .map(|shard| shard.read().unwrap().weight)
            .sum()
    }
}

impl fmt::Debug for Hot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hot")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl Shard {
    fn put(&mut self, hash: u64, slot: Slot) {
        self.weight = self.weight.saturating_add(slot.weight);
        match self.slots.insert(hash, slot) {
            // It keeps its place in the queue.
            Some(before) => self.weight = self.weight.saturating_sub(before.weight),
            None => self.queue.push_back(hash),
        }
    }

    fn shrink(&mut self, most: usize) {
        while self.weight > most {
            let Some(hash) = self.queue.pop_front() else {
                return;
            };
            if let Entry::Occupied(slot) = self.slots.entry(hash) {
                if slot.get().used.swap(false, Ordering::Relaxed) {
                    self.queue.push_back(hash);
                } else {
                    let weight = slot.remove().weight;
                    self.weight = self.weight.saturating_sub(weight);
                }
            }
        }
    }
}

/// Takes a hash for what it is.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, i: u64) {
        self.0 = i;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::static_files::load::tests::of_bytes;

    const NEVER: HotCache = HotCache::memory(64 << 10).check_every(Duration::MAX);

    fn is_kept(hot: &Hot, path: &[u8]) -> bool {
        matches!(hot.get(path), Known::Fresh(_))
    }

    #[test]
    fn what_is_kept_is_found_and_what_is_forgotten_is_not() {
        let hot = Hot::new(NEVER);
        hot.keep(b"/a", &of_bytes(100));
        assert!(is_kept(&hot, b"/a") && !is_kept(&hot, b"/b"));
        hot.forget(b"/b");
        assert!(is_kept(&hot, b"/a"));
        hot.forget(b"/a");
        assert!(!is_kept(&hot, b"/a"));
        assert_eq!(hot.weight(), 0);
    }

    #[test]
    fn memory_is_bounded_and_what_is_asked_for_stays() {
        let hot = Hot::new(NEVER);
        hot.keep(b"/popular", &of_bytes(100));
        for n in 0..1000 {
            assert!(is_kept(&hot, b"/popular"), "{n}");
            hot.keep(format!("/{n}").as_bytes(), &of_bytes(100));
            assert!(hot.weight() <= 64 << 10);
        }
        let queued: usize = hot
            .shards
            .iter()
            .map(|s| s.read().unwrap().queue.len())
            .sum();
        let slots: usize = hot
            .shards
            .iter()
            .map(|s| s.read().unwrap().slots.len())
            .sum();
        assert_eq!(queued, slots);
    }

    #[test]
    fn one_that_is_kept_again_weighs_once() {
        let hot = Hot::new(NEVER);
        hot.keep(b"/a", &of_bytes(3000));
        hot.keep(b"/a", &of_bytes(1000));
        let weight = hot.weight();
        hot.forget(b"/a");
        hot.keep(b"/a", &of_bytes(1000));
        assert_eq!(hot.weight(), weight);
    }

    #[test]
    fn what_is_too_large_and_what_is_off_is_not_kept() {
        let hot = Hot::new(NEVER);
        hot.keep(b"/a", &of_bytes(100));
        hot.keep(b"/a", &of_bytes(10_000));
        assert!(!is_kept(&hot, b"/a"));
        let off = Hot::new(HotCache::off());
        off.keep(b"/a", &of_bytes(0));
        assert!(!is_kept(&off, b"/a"));
    }

    #[test]
    fn larger_files_are_kept_while_there_is_room() {
        let hot = Hot::new(HotCache::memory(8 << 20).check_every(Duration::MAX));
        assert_eq!(hot.most(b"/a"), 1 << 20);
        hot.keep(b"/a", &of_bytes(900 << 10));
        assert_eq!(hot.most(b"/a"), 1 << 20, "it is there already");
        let full = (0..100).map(|n| format!("/{n}"));
        let mosts: Vec<_> = full.map(|path| hot.most(path.as_bytes())).collect();
        assert!(mosts.contains(&(1 << 20)) && mosts.iter().any(|most| *most < 200 << 10));
        assert!(mosts.iter().all(|most| *most >= SMALL));
        assert_eq!(Hot::new(HotCache::default().file(10)).most(b"/a"), 10);
        assert_eq!(Hot::new(HotCache::off()).most(b"/a"), 0);
    }

    #[test]
    fn paths_with_a_percent_sign_are_not_kept() {
        let hot = Hot::new(NEVER);
        hot.keep(b"/100%25", &of_bytes(1));
        assert!(!is_kept(&hot, b"/100%25"));
    }

    #[test]
    fn of_all_who_find_it_stale_one_looks_again() {
        let hot = Hot::new(HotCache::default().check_every(Duration::from_nanos(1)));
        let due = AtomicU64::new(0);
        // Whole milliseconds are compared, and none need have passed.
        assert!(hot.is_due(&due));
        let hot = Hot::new(HotCache::default());
        assert!(!hot.is_due(&AtomicU64::new(hot.now())));
        let every = Hot::new(HotCache::default().check_every(Duration::ZERO));
        assert!(every.is_due(&AtomicU64::new(u64::MAX)));
        assert!(!Hot::new(NEVER).is_due(&due));
    }
}
