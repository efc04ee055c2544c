//! The time of day and the time that passes, from the system or by hand.

use std::cell::Cell;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;

/// Where an access log takes the time from: the system, or by hand in a test.
#[derive(Clone, Debug, Default)]
pub struct Clock(Option<Arc<Manual>>);

#[derive(Debug)]
struct Manual {
    base: Instant,
    start: Duration,
    passed: Mutex<Duration>,
}

impl Clock {
    /// The clock of the system.
    pub const fn system() -> Self {
        Self(None)
    }

    /// A clock that stands still at `start` but for [`advance`](Self::advance).
    pub fn manual(start: SystemTime) -> Self {
        Self(Some(Arc::new(Manual {
            base: Instant::now(),
            start: start
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap_or_default(),
            passed: Mutex::default(),
        })))
    }

    /// Puts a clock that was made by hand, and all its clones, forward; the system's stays as it is.
    pub fn advance(&self, by: Duration) {
        if let Self(Some(manual)) = self {
            *manual.passed.lock().unwrap_or_else(PoisonError::into_inner) += by;
        }
    }

    /// Now, to measure with.
    #[inline]
    pub(super) fn now(&self) -> Instant {
        match &self.0 {
            None => Instant::now(),
            Some(manual) => {
                manual.base + *manual.passed.lock().unwrap_or_else(PoisonError::into_inner)
            }
        }
    }

    /// The time of day at `instant`, since 1970 in UTC.
    #[inline]
    pub(super) fn time_of_day(&self, instant: Instant) -> Duration {
        match &self.0 {
            None => system_time_of_day(instant),
            Some(manual) => manual.start + instant.saturating_duration_since(manual.base),
        }
    }
}

thread_local! {
    /// An instant whose time of day is known.
    static ANCHOR: Cell<Option<(Instant, Duration)>> = const { Cell::new(None) };
}

/// Asks the system once a second for the time of day, not once a request.
#[inline]
fn system_time_of_day(instant: Instant) -> Duration {
    if let Some((anchor, time)) = ANCHOR.get() {
        match instant.checked_duration_since(anchor) {
            Some(passed) if passed < Duration::from_secs(1) => return time + passed,
            Some(_) => {}
            None => return time.saturating_sub(anchor.saturating_duration_since(instant)),
        }
    }
    let time = Duration::try_from(Timestamp::now().as_duration()).unwrap_or_default();
    let now = Instant::now();
    ANCHOR.set(Some((now, time)));
    time.saturating_sub(now.saturating_duration_since(instant))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: Duration = Duration::from_micros(1_795_462_786_012_345);

    #[test]
    fn a_manual_clock_moves_by_hand_only() {
        let clock = Clock::manual(SystemTime::UNIX_EPOCH + TIME);
        let start = clock.now();
        assert_eq!(clock.time_of_day(start), TIME);
        clock.clone().advance(Duration::from_millis(5));
        assert_eq!(clock.now() - start, Duration::from_millis(5));
        assert_eq!(
            clock.time_of_day(clock.now()),
            TIME + Duration::from_millis(5)
        );
    }

    #[test]
    fn the_time_of_day_may_be_of_an_instant_before_or_after_one_that_is_known() {
        let clock = Clock::system();
        let now = clock.now();
        let time = clock.time_of_day(now);
        let later = now + Duration::from_millis(300);
        let between = clock.time_of_day(later).checked_sub(time).unwrap();
        assert_eq!(between, Duration::from_millis(300));
    }
}
