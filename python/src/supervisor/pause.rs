//! Waiting ever longer before what has failed is tried again.

use std::time::{Duration, Instant};

/// How long to wait before a worker is started: after each that failed twice as long.
#[derive(Debug)]
pub(super) struct Pause {
    next: Duration,
    until: Option<Instant>,
}

impl Pause {
    const SHORTEST: Duration = Duration::from_millis(100);
    const LONGEST: Duration = Duration::from_secs(30);
    pub(super) const NONE: Self = Self {
        next: Self::SHORTEST,
        until: None,
    };

    /// A worker has failed.
    pub(super) fn lengthen(&mut self, now: Instant) -> Duration {
        let pause = self.next;
        self.until = Some(now + pause);
        self.next = (pause * 2).min(Self::LONGEST);
        pause
    }

    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| until <= now)
    }

    /// When it ends, if it has not.
    pub(super) fn end(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|until| *until > now)
    }
}
