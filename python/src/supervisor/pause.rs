//! Waiting ever longer before what has failed is tried again.

use std::time::{Duration, Instant};

/// How long to wait before workers are started: after each round in which some failed twice as long.
#[derive(Debug)]
pub(super) struct Pause {
    next: Duration,
    until: Option<Instant>,
    /// When the last round failed.
    since: Option<Instant>,
}

impl Pause {
    const SHORTEST: Duration = Duration::from_millis(100);
    const LONGEST: Duration = Duration::from_secs(30);
    pub(super) const NONE: Self = Self {
        next: Self::SHORTEST,
        until: None,
        since: None,
    };

    /// A worker has failed that was started then; how long to wait, unless others of its round have failed already.
    pub(super) fn lengthen(&mut self, started: Instant, now: Instant) -> Option<Duration> {
        if !self.is_before(started) {
            return None;
        }
        let pause = self.next;
        self.until = Some(now + pause);
        self.since = Some(now);
        self.next = (pause * 2).min(Self::LONGEST);
        Some(pause)
    }

    /// What has failed before says nothing any more.
    pub(super) const fn forget(&mut self) {
        *self = Self::NONE;
    }

    /// Whether nothing has failed since then.
    pub(super) fn is_before(&self, started: Instant) -> bool {
        self.since.is_none_or(|since| since < started)
    }

    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| until <= now)
    }

    /// When it ends, if it has not.
    pub(super) fn end(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|until| *until > now)
    }
}
