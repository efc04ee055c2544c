//! The time of day, from the system or by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// Where a cache takes the time of day from: the system, or by hand in a test.
#[derive(Clone, Debug, Default)]
pub struct Clock(Option<Arc<AtomicU64>>);

impl Clock {
    /// The clock of the system.
    pub const fn system() -> Self {
        Self(None)
    }

    /// A clock that stands still at the second of `start` but for [`advance`](Self::advance).
    pub fn manual(start: SystemTime) -> Self {
        Self(Some(Arc::new(AtomicU64::new(seconds(start)))))
    }

    /// Puts a clock that was made by hand, and all its clones, forward by whole seconds; the
    /// system's stays as it is.
    pub fn advance(&self, by: Duration) {
        if let Self(Some(now)) = self {
            now.fetch_add(by.as_secs(), Ordering::Relaxed);
        }
    }

    /// Seconds since 1970: all arithmetic of RFC 9111 is in whole ones.
    #[inline]
    pub(super) fn now(&self) -> u64 {
        match &self.0 {
            None => seconds(SystemTime::now()),
            Some(now) => now.load(Ordering::Relaxed),
        }
    }
}

/// 0 for what is before 1970.
pub(super) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_by_hand_only() {
        let clock = Clock::manual(SystemTime::UNIX_EPOCH + Duration::from_secs(9));
        clock.clone().advance(Duration::from_secs(5));
        assert_eq!(clock.now(), 14);
        let system = Clock::system();
        let before = system.now();
        system.advance(Duration::from_hours(1));
        assert!(system.now() < before + 3600);
    }
}
