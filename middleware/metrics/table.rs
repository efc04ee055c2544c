//! Counters by label set: a bounded number of them, found without a lock.

use std::hash::{BuildHasher as _, RandomState};
use std::iter::repeat_with;
use std::num::NonZero;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// In how many places a counter is at most, so that threads do not contend for it.
const MOST_STRIPES: usize = 16;

/// How many places there are for each counter: as many as cores, up to a bound; a power of two.
pub(super) fn stripes() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    cores.next_power_of_two().min(MOST_STRIPES)
}

/// Where this thread counts, of `stripes` places.
#[inline]
pub(super) fn stripe(stripes: usize) -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static MINE: usize = NEXT.fetch_add(1, Ordering::Relaxed);
    }
    // While a thread ends it may still count.
    MINE.try_with(|mine| *mine).unwrap_or_default() & (stripes - 1)
}

/// Counters that one thread counts in, with cache lines of their own.
#[repr(align(128))]
pub(super) struct Stripe<const N: usize>([AtomicU64; N]);

impl<const N: usize> Stripe<N> {
    pub(super) const fn cells(&self) -> &[AtomicU64; N] {
        &self.0
    }
}

impl<const N: usize> Default for Stripe<N> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

/// The same counters in several places.
pub(super) struct Striped<const N: usize>(Box<[Stripe<N>]>);

impl<const N: usize> Striped<N> {
    pub(super) fn new(stripes: usize) -> Self {
        Self(repeat_with(Stripe::default).take(stripes).collect())
    }

    /// Where this thread counts.
    #[inline]
    pub(super) fn mine(&self) -> &[AtomicU64; N] {
        #[expect(clippy::indexing_slicing, reason = "the stripe is below their number")]
        self.0[stripe(self.0.len())].cells()
    }

    /// All places together. Gauges go below zero in one place for what went up in another, so that sums wrap.
    pub(super) fn sum(&self) -> [u64; N] {
        let mut sums = [0_u64; N];
        for stripe in &self.0 {
            for (sum, cell) in sums.iter_mut().zip(stripe.cells()) {
                *sum = sum.wrapping_add(cell.load(Ordering::Relaxed));
            }
        }
        sums
    }
}

/// Counters by a key that is not zero, of as many keys as there may be and no more.
///
/// An open table of fixed size, at most half full: a key stays where it was put, by one exchange.
pub(super) struct Table<const N: usize> {
    slots: Box<[Slot<N>]>,
    taken: AtomicUsize,
    limit: usize,
    stripes: usize,
    /// All keys for which there is no slot.
    rest: Striped<N>,
    rest_key: u64,
}

#[derive(Default)]
struct Slot<const N: usize> {
    key: AtomicU64,
    /// Made when it is first counted in.
    cells: OnceLock<Striped<N>>,
}

impl<const N: usize> Table<N> {
    /// For up to `limit` keys; all others together are told as `rest_key`.
    pub(super) fn new(limit: usize, rest_key: u64) -> Self {
        let slots = limit.max(1).next_power_of_two() * 2;
        let stripes = stripes();
        Self {
            slots: repeat_with(Slot::default).take(slots).collect(),
            taken: AtomicUsize::new(0),
            limit,
            stripes,
            rest: Striped::new(stripes),
            rest_key,
        }
    }

    /// How many sets of counters [`all`](Self::all) tells at most.
    pub(super) const fn most(&self) -> usize {
        self.limit + 1
    }

    /// The counters of `key`.
    #[inline]
    pub(super) fn get(&self, key: u64) -> &Striped<N> {
        let mask = self.slots.len() - 1;
        // The high half of a product depends on all bits below.
        let mut at = (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize & mask;
        // Half of the slots are free: this ends.
        while let Some(slot) = self.slots.get(at) {
            match slot.key.load(Ordering::Relaxed) {
                found if found == key => return slot.cells(self.stripes),
                0 if self.take(slot, key) => return slot.cells(self.stripes),
                0 if self.is_full() && slot.key.load(Ordering::Relaxed) == 0 => break,
                // Another thread took it meanwhile, perhaps for this key: looked at again.
                0 => {}
                _ => at = (at + 1) & mask,
            }
        }
        &self.rest
    }

    fn is_full(&self) -> bool {
        self.taken.load(Ordering::Relaxed) >= self.limit
    }

    /// Takes a free slot, if there may be one more.
    #[cold]
    fn take(&self, slot: &Slot<N>, key: u64) -> bool {
        if self.is_full() {
            return false;
        }
        if self.taken.fetch_add(1, Ordering::Relaxed) < self.limit {
            let relaxed = Ordering::Relaxed;
            if slot.key.compare_exchange(0, key, relaxed, relaxed).is_ok() {
                return true;
            }
        }
        self.taken.fetch_sub(1, Ordering::Relaxed);
        false
    }

    /// All that was counted.
    pub(super) fn all(&self) -> impl Iterator<Item = (u64, [u64; N])> {
        let slots = self.slots.iter().filter_map(|slot| {
            let cells = slot.cells.get()?;
            Some((slot.key.load(Ordering::Relaxed), cells.sum()))
        });
        let rest = self.rest.sum();
        let any = rest.iter().any(|n| *n != 0);
        slots.chain(any.then_some((self.rest_key, rest)))
    }
}

impl<const N: usize> Slot<N> {
    #[inline]
    fn cells(&self, stripes: usize) -> &Striped<N> {
        self.cells.get_or_init(|| Striped::new(stripes))
    }
}

/// Names by number, of as many names as there may be and no more.
pub(super) struct Names {
    slots: Box<[OnceLock<Arc<str>>]>,
    taken: AtomicUsize,
    limit: usize,
    hasher: RandomState,
}

impl Names {
    pub(super) fn new(limit: usize) -> Self {
        let slots = limit.max(1).next_power_of_two() * 2;
        Self {
            slots: repeat_with(OnceLock::new).take(slots).collect(),
            taken: AtomicUsize::new(0),
            limit,
            hasher: RandomState::new(),
        }
    }

    /// The number of `name`, if there may be one; `own` is called when it is new.
    #[inline]
    pub(super) fn number(&self, name: &str, own: impl Fn() -> Arc<str>) -> Option<usize> {
        let mask = self.slots.len() - 1;
        let [a, b, c, d, ..] = self.hasher.hash_one(name).to_ne_bytes();
        let mut at = u32::from_ne_bytes([a, b, c, d]) as usize & mask;
        while let Some(slot) = self.slots.get(at) {
            match slot.get() {
                Some(found) if **found == *name => return Some(at),
                None if self.put(slot, &own) => return Some(at),
                None if self.is_full() && slot.get().is_none() => return None,
                // Another thread took it meanwhile: looked at again.
                None => {}
                Some(_) => at = (at + 1) & mask,
            }
        }
        None
    }

    /// Puts a name in a free slot, if there may be one more; only then it is made.
    #[cold]
    fn put(&self, slot: &OnceLock<Arc<str>>, own: impl Fn() -> Arc<str>) -> bool {
        if self.is_full() {
            return false;
        }
        if self.taken.fetch_add(1, Ordering::Relaxed) < self.limit && slot.set(own()).is_ok() {
            return true;
        }
        self.taken.fetch_sub(1, Ordering::Relaxed);
        false
    }

    fn is_full(&self) -> bool {
        self.taken.load(Ordering::Relaxed) >= self.limit
    }

    /// All names with their numbers.
    pub(super) fn all(&self) -> impl Iterator<Item = (usize, &str)> {
        let slots = self.slots.iter().enumerate();
        slots.filter_map(|(at, slot)| Some((at, &**slot.get()?)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::thread;

    use super::*;

    /// What a table of so many keys says when threads have counted each of 50 keys a hundred times at once.
    fn counted(limit: usize) -> BTreeMap<u64, u64> {
        const REST: u64 = u64::MAX;
        let table = Table::<2>::new(limit, REST);
        thread::scope(|scope| {
            for thread in 0..4 {
                let table = &table;
                scope.spawn(move || {
                    for n in 0..5_000 {
                        let key = 1 + (n + thread * 7) % 50;
                        let cells = table.get(key).mine();
                        cells[0].fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        let mut sums = BTreeMap::new();
        for (key, [count, _]) in table.all() {
            assert_eq!(sums.insert(key, count), None, "{key} is there twice");
        }
        sums
    }

    #[test]
    fn nothing_is_lost_however_many_count_at_once() {
        let sums = counted(50);
        assert_eq!(sums.len(), 50);
        assert!(sums.values().all(|count| *count == 400), "{sums:?}");
    }

    #[test]
    fn keys_beyond_the_limit_are_one() {
        for limit in [0, 1, 20, 49] {
            let sums = counted(limit);
            assert!(sums.len() <= limit + 1 && sums.contains_key(&u64::MAX));
            assert_eq!(sums.values().sum::<u64>(), 20_000, "{limit}");
        }
    }

    #[test]
    fn names_have_one_number_each_and_an_end() {
        let names = Names::new(20);
        let number = |n: usize| {
            let name = n.to_string();
            names.number(&name, || Arc::from(name.as_str()))
        };
        let all = thread::scope(|scope| {
            let count = || (0..50).map(number).collect::<Vec<_>>();
            let threads = [scope.spawn(count), scope.spawn(count), scope.spawn(count)];
            threads.map(|thread| thread.join().unwrap())
        });
        let again: Vec<_> = (0..50).map(number).collect();
        assert_eq!(names.all().count(), 20);
        assert_eq!(again.iter().flatten().count(), 20);
        for (n, number) in again.iter().enumerate() {
            let text = n.to_string();
            let is_there = |at: usize| names.all().any(|entry| entry == (at, text.as_str()));
            assert!(number.is_none_or(is_there));
            // While it was made, a name may have found no place that another gave back.
            assert!(all.iter().all(|all| all[n].is_none() || all[n] == *number));
        }
    }
}
