//! Coded variants of small answers that do not change, kept.
//!
//! What is kept is found by entity tag, and used only if the plain bytes are the very
//! ones it was made from: they are compared. So nothing hangs on the tag being right, on
//! the path, host or user: a variant is a function of the bytes and of nothing else, and no
//! answer can be taken for another. Comparing 64 KiB takes some microseconds, and none
//! if inner serves the same memory again.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Mutex;

use bytes::Bytes;
use http::HeaderValue;

use super::coding::lock;

/// A bounded store of coded variants; the one that went longest without use is dropped
/// first, nearly: each has a second chance.
pub(super) struct Kept {
    /// How many bytes are kept at most, plain and coded together.
    limit: usize,
    store: Mutex<Store>,
}

#[derive(Default)]
struct Store {
    variants: HashMap<Key, Variant>,
    /// The keys in the order in which they are looked at when there is no room.
    order: VecDeque<Key>,
    size: usize,
}

/// Which offer of the layer, and the tag of what it coded.
type Key = (usize, HeaderValue);

struct Variant {
    plain: Bytes,
    coded: Bytes,
    used: bool,
}

/// What the bookkeeping of one variant is taken to cost.
const OVERHEAD: usize = 256;

impl Variant {
    fn size(&self, key: &Key) -> usize {
        OVERHEAD + 2 * key.1.len() + self.plain.len() + self.coded.len()
    }
}

impl Kept {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            store: Mutex::default(),
        }
    }

    /// What `offer` made of `plain`.
    pub(super) fn get(&self, offer: usize, tag: &HeaderValue, plain: &Bytes) -> Option<Bytes> {
        // Comparing needs no lock.
        let (source, coded) = {
            let mut store = lock(&self.store);
            let variant = store.variants.get_mut(&(offer, tag.clone()))?;
            variant.used = true;
            (variant.plain.clone(), variant.coded.clone())
        };
        (source == plain).then_some(coded)
    }

    /// Keeps `coded`, in place of what was kept of this tag.
    pub(super) fn put(&self, offer: usize, tag: HeaderValue, plain: &Bytes, coded: Bytes) {
        let key = (offer, tag);
        // A copy, since `plain` may be a small part of a buffer that would be kept with it.
        let plain = Bytes::copy_from_slice(plain);
        let used = false;
        let variant = Variant { plain, coded, used };
        let size = variant.size(&key);
        if size > self.limit {
            return;
        }
        let mut store = lock(&self.store);
        match store.variants.insert(key.clone(), variant) {
            Some(before) => store.size -= before.size(&key),
            None => store.order.push_back(key),
        }
        store.size += size;
        while store.size > self.limit {
            let Some(key) = store.order.pop_front() else {
                break;
            };
            match store.variants.get_mut(&key) {
                Some(variant) if variant.used => {
                    variant.used = false;
                    store.order.push_back(key);
                }
                _ => {
                    let dropped = store.variants.remove(&key);
                    store.size -= dropped.map_or(0, |variant| variant.size(&key));
                }
            }
        }
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept")
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: HeaderValue = HeaderValue::from_static("\"a\"");
    const B: HeaderValue = HeaderValue::from_static("\"b\"");
    const C: HeaderValue = HeaderValue::from_static("\"c\"");

    fn bytes(byte: u8) -> Bytes {
        vec![byte; 1000].into()
    }

    #[test]
    fn a_variant_is_of_its_bytes_and_no_others() {
        let kept = Kept::new(10_000);
        kept.put(0, A, &bytes(1), bytes(2));
        assert_eq!(kept.get(0, &A, &bytes(1)), Some(bytes(2)));
        assert_eq!(kept.get(0, &A, &bytes(3)), None);
        assert_eq!(kept.get(0, &A, &bytes(1).slice(1..)), None);
        assert_eq!(kept.get(1, &A, &bytes(1)), None);
        assert_eq!(kept.get(0, &B, &bytes(1)), None);
    }

    #[test]
    fn a_tag_that_comes_with_other_bytes_is_kept_anew() {
        let kept = Kept::new(10_000);
        kept.put(0, A, &bytes(1), bytes(2));
        kept.put(0, A, &bytes(3), bytes(4));
        assert_eq!(kept.get(0, &A, &bytes(1)), None);
        assert_eq!(kept.get(0, &A, &bytes(3)), Some(bytes(4)));
        let store = lock(&kept.store);
        assert_eq!((store.order.len(), store.variants.len()), (1, 1));
        assert_eq!(store.size, 2000 + OVERHEAD + 6);
    }

    #[test]
    fn what_is_used_outlives_what_is_not_and_the_limit_holds() {
        let kept = Kept::new(5_000);
        kept.put(0, A, &bytes(1), bytes(2));
        kept.put(0, B, &bytes(3), bytes(4));
        assert!(kept.get(0, &A, &bytes(1)).is_some());
        kept.put(0, C, &bytes(5), bytes(6));
        assert!(kept.get(0, &A, &bytes(1)).is_some());
        assert!(kept.get(0, &B, &bytes(3)).is_none());
        assert!(kept.get(0, &C, &bytes(5)).is_some());
        assert!(lock(&kept.store).size <= 5_000);
    }

    #[test]
    fn a_part_of_a_large_buffer_does_not_keep_all_of_it() {
        let kept = Kept::new(4096);
        let large = Bytes::from(vec![b'x'; 1 << 20]);
        kept.put(0, A, &large.slice(..100), bytes(2));
        // Nobody else has it any more.
        assert!(large.try_into_mut().is_ok());
    }

    #[test]
    fn what_is_too_large_is_not_kept() {
        let kept = Kept::new(2_000);
        kept.put(0, A, &bytes(1), bytes(2));
        assert_eq!(lock(&kept.store).size, 0);
    }
}
