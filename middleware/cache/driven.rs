//! Something that is polled by whoever waits for it.
//!
//! Of all who wait for a response one asks for it, but none of them must depend on another being
//! polled: a task may hold a future and not look at it for a while, or drop it. So what they wait
//! for is driven by each of them, one at a time, and a wake-up wakes all.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// What no panic leaves half done needs no poison.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Something that is polled by whoever waits for it.
pub(super) struct Driven<T> {
    slot: Mutex<Slot<T>>,
    fan: Arc<Fan>,
}

enum Slot<T> {
    /// Not there yet, or being polled: whoever has it wakes the others.
    Away,
    Here(T),
    Over,
}

impl<T> Driven<T> {
    pub(super) fn new(driven: Option<T>) -> Self {
        Self {
            slot: Mutex::new(driven.map_or(Slot::Away, Slot::Here)),
            fan: Arc::default(),
        }
    }

    /// A place among those who wait.
    pub(super) fn seat(&self) -> Seat {
        Seat::take(&self.fan)
    }

    /// Brings what those wait for who came before it.
    pub(super) fn start(&self, driven: T) {
        *lock(&self.slot) = Slot::Here(driven);
        self.fan.wake_all();
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(*lock(&self.slot), Slot::Over)
    }

    /// Polls with `poll`, unless somebody else does; ready if there is something new to see, or
    /// nothing more to come. A break is the end, and so is a panic.
    pub(super) fn poll(
        &self,
        seat: &Seat,
        cx: &Context<'_>,
        poll: impl FnOnce(&mut T, &mut Context<'_>) -> Poll<ControlFlow<()>>,
    ) -> Poll<()> {
        // Before the look, so that no wake-up falls between.
        seat.wait(cx.waker());
        let mut polling = match self.take() {
            Slot::Here(driven) => Polling {
                slot: &self.slot,
                fan: &self.fan,
                driven: Some(driven),
                is_over: true,
            },
            Slot::Away => return Poll::Pending,
            Slot::Over => return Poll::Ready(()),
        };
        let waker = Waker::from(Arc::clone(&self.fan));
        let mut cx = Context::from_waker(&waker);
        let polled = match &mut polling.driven {
            Some(driven) => poll(driven, &mut cx),
            None => Poll::Pending,
        };
        polling.is_over = polled == Poll::Ready(ControlFlow::Break(()));
        drop(polling);
        if polled.is_ready() {
            self.fan.wake_all();
        }
        polled.map(drop)
    }

    fn take(&self) -> Slot<T> {
        let mut slot = lock(&self.slot);
        match &*slot {
            Slot::Over => Slot::Over,
            Slot::Away => Slot::Away,
            Slot::Here(_) => {
                // Whatever woke before is seen by the poll that follows.
                self.fan.woken.store(false, Ordering::Release);
                std::mem::replace(&mut *slot, Slot::Away)
            }
        }
    }
}

/// Puts back what is polled, or ends it if the poll does not come back.
struct Polling<'a, T> {
    slot: &'a Mutex<Slot<T>>,
    fan: &'a Fan,
    driven: Option<T>,
    is_over: bool,
}

impl<T> Drop for Polling<'_, T> {
    fn drop(&mut self) {
        let driven = self.driven.take();
        let back = match driven {
            Some(driven) if !self.is_over => Slot::Here(driven),
            // Dropped only after the lock is free: a body may do much in its drop.
            over => {
                *lock(self.slot) = Slot::Over;
                self.fan.wake_all();
                drop(over);
                return;
            }
        };
        // Together with what is put back, so that whoever takes it next does not clear what this poll was told.
        let was_woken = {
            let mut slot = lock(self.slot);
            *slot = back;
            self.fan.woken.swap(false, Ordering::AcqRel)
        };
        // Who was woken meanwhile found it away.
        if was_woken {
            self.fan.wake_all();
        }
    }
}

/// Wakes all who wait.
#[derive(Default)]
struct Fan {
    seats: Mutex<Seats>,
    woken: AtomicBool,
}

#[derive(Default)]
struct Seats {
    wakers: Vec<Option<Waker>>,
    free: Vec<usize>,
}

impl Fan {
    fn wake_all(&self) {
        let wakers: Vec<_> = {
            let mut seats = lock(&self.seats);
            seats.wakers.iter_mut().filter_map(Option::take).collect()
        };
        for waker in wakers {
            waker.wake();
        }
    }
}

impl Wake for Fan {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.wake_all();
    }
}

/// A place among those who wait: one waker, however often it is polled.
pub(super) struct Seat {
    fan: Arc<Fan>,
    at: usize,
}

impl Seat {
    fn take(fan: &Arc<Fan>) -> Self {
        let mut seats = lock(&fan.seats);
        let at = seats.free.pop().unwrap_or_else(|| {
            seats.wakers.push(None);
            seats.wakers.len() - 1
        });
        drop(seats);
        let fan = Arc::clone(fan);
        Self { fan, at }
    }

    fn wait(&self, waker: &Waker) {
        if let Some(seat) = lock(&self.fan.seats).wakers.get_mut(self.at) {
            match seat {
                Some(own) => own.clone_from(waker),
                None => *seat = Some(waker.clone()),
            }
        }
    }
}

/// Whoever leaves wakes nobody: what woke it woke all who wait.
impl Drop for Seat {
    fn drop(&mut self) {
        let mut seats = lock(&self.fan.seats);
        let own = seats.wakers.get_mut(self.at).and_then(Option::take);
        seats.free.push(self.at);
        drop(seats);
        drop(own);
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    impl Count {
        fn new() -> (Arc<Self>, Waker) {
            let count = Arc::new(Self::default());
            (Arc::clone(&count), count.into())
        }

        fn get(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }

    #[test]
    fn a_wake_up_wakes_all_who_wait_and_each_has_one_waker() {
        let driven = Driven::new(Some(None::<Waker>));
        let seats = [driven.seat(), driven.seat()];
        let (first, waker) = Count::new();
        let (second, other) = Count::new();
        for _ in 0..3 {
            for (seat, waker) in seats.iter().zip([&waker, &other]) {
                let polled = driven.poll(seat, &Context::from_waker(waker), |kept, cx| {
                    *kept = Some(cx.waker().clone());
                    Poll::Pending
                });
                assert!(polled.is_pending());
            }
        }
        let kept = match &*lock(&driven.slot) {
            Slot::Here(Some(waker)) => waker.clone(),
            _ => panic!("it is put back"),
        };
        kept.wake();
        assert_eq!((first.get(), second.get()), (1, 1));
    }

    #[test]
    fn who_is_woken_while_another_polls_is_woken_again() {
        let driven = Driven::new(Some(()));
        let (seat, late) = (driven.seat(), driven.seat());
        let (count, waker) = Count::new();
        let cx = Context::from_waker(Waker::noop());
        let polled = driven.poll(&seat, &cx, |(), inner| {
            inner.waker().wake_by_ref();
            let other = Context::from_waker(&waker);
            let polled = driven.poll(&late, &other, |(), _| panic!("it is away"));
            assert!(polled.is_pending());
            Poll::Pending
        });
        assert!(polled.is_pending());
        assert_eq!(count.get(), 1);
    }

    #[test]
    fn who_leaves_wakes_nobody_and_leaves_a_free_seat() {
        let driven = Driven::new(Some(()));
        let (first, second) = (driven.seat(), driven.seat());
        let (count, waker) = Count::new();
        let polled = driven.poll(&second, &Context::from_waker(&waker), |(), _| Poll::Pending);
        assert!(polled.is_pending());
        drop(first);
        assert_eq!(count.get(), 0);
        assert_eq!(driven.seat().at, 0);
    }

    #[test]
    fn a_panic_ends_it_for_all() {
        let driven = Driven::new(Some(()));
        let seat = driven.seat();
        let cx = Context::from_waker(Waker::noop());
        let result = catch_unwind(AssertUnwindSafe(|| {
            driven.poll(&seat, &cx, |(), _| panic!("meant"))
        }));
        assert!(result.is_err() && driven.is_over());
        let polled = driven.poll(&seat, &cx, |(), _| panic!("it is over"));
        assert!(polled.is_ready());
    }
}
