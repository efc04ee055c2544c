//! The store in memory: bounded in bytes, by recency and frequency of use.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use http::HeaderMap;
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

use super::entry::Entry;
use super::key::Key;
use super::store::{Promise, Purge, Store, StoreError};

/// Responses kept in memory, up to so many bytes in all.
///
/// What is asked for often stays (S3-FIFO, by `quick_cache`): a walk over many URIs does not push
/// out what all clients want. The bytes are those of bodies, fields and keys, and about what the
/// bookkeeping takes. Of one URI at most 32 responses are kept, the newest; together they are no more
/// than half of the memory, or 16 MiB where there is more than 32.
pub struct Memory {
    responses: Cache<Key, Arc<[Entry]>, Bytes>,
    most: u64,
    /// Held while the responses of a URI are changed, which is read first.
    changing: Mutex<()>,
    /// Whether anything was ever kept of a view, so that to forget a URI is to look at all.
    has_views: AtomicBool,
}

/// How many responses of one URI are kept.
const VARIANTS: usize = 32;

impl Memory {
    /// Keeps up to `bytes` in all.
    pub fn new(bytes: u64) -> Self {
        // A shard must have room for several of the largest responses.
        let shards = usize::try_from(bytes >> 25).unwrap_or(16).clamp(1, 16);
        let items = usize::try_from(bytes >> 14).unwrap_or(usize::MAX);
        let options = OptionsBuilder::new()
            .shards(shards)
            .estimated_items_capacity(items.clamp(16, 1 << 20))
            .weight_capacity(bytes)
            .build();
        let hasher = DefaultHashBuilder::default();
        let lifecycle = DefaultLifecycle::default();
        let responses = match options {
            Ok(options) => Cache::with_options(options, Bytes, hasher, lifecycle),
            Err(_) => Cache::with(16, bytes, Bytes, hasher, lifecycle),
        };
        Self {
            most: responses.shard_capacity().min(bytes) / 2,
            responses,
            changing: Mutex::default(),
            has_views: AtomicBool::new(false),
        }
    }

    /// Bytes that are taken.
    pub fn bytes(&self) -> u64 {
        self.responses.weight()
    }

    fn change(&self, key: &Key, entry: &Entry) {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.responses.peek(key);
        let before = before.as_deref().unwrap_or_default();
        let mut left = self.most.saturating_sub(entry.weight());
        if left == 0 {
            self.responses.remove(key);
            return;
        }
        let others = before.iter().filter(|other| !entry.replaces(other));
        let others = others.take(VARIANTS - 1).take_while(|other| {
            left = left.saturating_sub(other.weight());
            left > 0
        });
        let all: Arc<[Entry]> = std::iter::once(entry).chain(others).cloned().collect();
        self.responses.insert(key.clone(), all);
    }

    /// Forgets what is to be forgotten of these, and says how many. All are looked at, which takes a while: a lock
    /// is held for no longer than it takes to look at one, or to remove it.
    fn forget(&self, is_gone: impl Fn(&Key, &Entry) -> bool) -> u64 {
        let mut count: u64 = 0;
        for (key, entries) in self.responses.iter() {
            let is_any = |entries: &[Entry]| entries.iter().any(|entry| is_gone(&key, entry));
            if is_any(&entries) {
                // Who is just adding a variant would put the others back.
                let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
                let gone = self.responses.remove_if(&key, |entries| is_any(entries));
                count = count.saturating_add(gone.map_or(0, |(_, entries)| entries.len() as u64));
            }
        }
        count
    }
}

impl Store for Memory {
    #[inline]
    fn get(&self, key: &Key, fields: &HeaderMap) -> Promise<Option<Entry>> {
        let entries = self.responses.get(key);
        let mut entries = entries.iter().flat_map(|entries| entries.iter());
        Promise::Now(entries.find(|entry| entry.selects(fields)).cloned())
    }

    fn put(&self, key: &Key, entry: Entry) -> Promise<()> {
        if key.view().is_some() {
            self.has_views.store(true, Ordering::Relaxed);
        }
        self.change(key, &entry);
        Promise::Now(())
    }

    fn remove(&self, url: &str) -> Promise<()> {
        {
            // Who is just adding a variant would put the others back.
            let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
            let _gone = self.responses.remove(&Key::from_parts(url, None));
        }
        if self.has_views.load(Ordering::Relaxed) {
            self.forget(|key, _| key.url() == url);
        }
        Promise::Now(())
    }

    fn purge(&self, what: Purge) -> Promise<Result<u64, StoreError>> {
        Promise::Now(Ok(match what {
            Purge::All => self.forget(|_, _| true),
            Purge::Prefix(prefix) => self.forget(|key, _| key.url().starts_with(&prefix)),
            Purge::Tag(tag) => self.forget(|_, entry| entry.has_tag(&tag)),
            Purge::Url(url) => self.forget(|key, _| key.url() == url),
        }))
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory")
            .field("bytes", &self.bytes())
            .field("capacity", &self.responses.capacity())
            .finish_non_exhaustive()
    }
}

/// Weighs what is kept by the bytes that it takes.
#[derive(Clone)]
struct Bytes;

impl Weighter<Key, Arc<[Entry]>> for Bytes {
    fn weight(&self, key: &Key, val: &Arc<[Entry]>) -> u64 {
        let key = key.url().len() + key.view().map_or(0, str::len) + 128;
        let weights = val.iter().map(Entry::weight);
        weights.fold(key as u64, u64::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::wire::tests::entry;

    fn key(n: usize) -> Key {
        Key::from_parts(format!("http://h/{n}"), None)
    }

    fn get(memory: &Memory, key: &Key) -> Option<Entry> {
        match memory.get(key, &HeaderMap::new()) {
            Promise::Now(entry) => entry,
            Promise::Later(_) => panic!("memory answers at once"),
        }
    }

    #[test]
    fn memory_is_bounded() {
        let memory = Memory::new(256 << 10);
        for n in 0..1000 {
            let _done = memory.put(&key(n), entry(&[], &vec![b'a'; 10_000]));
            assert!(memory.bytes() <= 256 << 10, "{n}");
        }
        assert!(memory.bytes() > 128 << 10, "most of it is used");
        let _done = memory.put(&key(2), entry(&[], &vec![b'a'; 120 << 10]));
        assert!(
            get(&memory, &key(2)).is_some(),
            "half of it is not too much"
        );
        let _done = memory.put(&key(1), entry(&[], &vec![b'a'; 200 << 10]));
        assert!(get(&memory, &key(1)).is_none(), "too much for one");
    }

    #[test]
    fn variants_are_bounded_and_the_newest_stay() {
        let memory = Memory::new(64 << 20);
        for n in 0..100 {
            let value = n.to_string();
            let _done = memory.put(&key(0), entry(&[("a", &value)], b"x"));
        }
        let selected = |n: u8| {
            let value = n.to_string().parse().unwrap();
            let fields = HeaderMap::from_iter([("a".parse().unwrap(), value)]);
            matches!(memory.get(&key(0), &fields), Promise::Now(Some(_)))
        };
        assert_eq!((0..100).filter(|n| selected(*n)).count(), VARIANTS);
        assert!(selected(99) && !selected(0));
    }

    #[test]
    fn all_views_of_a_uri_are_forgotten_together() {
        let memory = Memory::new(1 << 20);
        let own = Key::from_parts("http://h/1", Some("ann".into()));
        for key in [&key(1), &own, &key(2)] {
            let _done = memory.put(key, entry(&[], b"x"));
        }
        let _done = memory.remove("http://h/1");
        assert!(get(&memory, &key(1)).is_none() && get(&memory, &own).is_none());
        assert!(get(&memory, &key(2)).is_some());
    }
}
