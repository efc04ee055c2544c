//! Whether Redis answers: when it is left alone, and what is said of it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use redis::{ErrorKind, RedisError};
use tokio::time::Instant;

/// After how many failures in a row it is left alone. One may be an accident.
const PATIENCE: u32 = 3;

/// For how long it is left alone before it is tried again: each try that nothing comes of is a client that waits
/// for a second, and each miss that does not ask is one that Redis could have answered.
const ALONE: Duration = Duration::from_secs(2);

/// How often at most it is said that a command was refused.
const SAID: Duration = Duration::from_mins(1);

/// What is known of a Redis.
#[derive(Debug, Default)]
pub(super) struct Away(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// Failures since it answered last.
    failed: u32,
    /// Until when it is left alone.
    until: Option<Instant>,
    /// When it was last said that a command was refused.
    said: Option<Instant>,
}

impl Away {
    /// Whether it is asked now. While it is away one in a while is, to see whether it is back.
    pub(super) fn may_ask(&self) -> bool {
        let now = Instant::now();
        self.with(|known| match known.until {
            Some(until) if now < until => false,
            Some(_) => {
                known.until = Some(now + ALONE);
                true
            }
            None => true,
        })
    }

    /// It answered.
    pub(super) fn answered(&self) {
        let was_away = self.with(|known| {
            known.until = None;
            std::mem::take(&mut known.failed) > 0
        });
        if was_away {
            tracing::info!("redis is back");
        }
    }

    /// It did not do as it was told.
    pub(super) fn failed(&self, error: &RedisError) {
        if is_answer(error) {
            self.refused(error);
            return;
        }
        let now = Instant::now();
        let is_first = self.with(|known| {
            known.failed = known.failed.saturating_add(1);
            if known.failed >= PATIENCE {
                known.until = Some(now + ALONE);
            }
            known.failed == 1
        });
        if is_first {
            tracing::warn!(%error, "redis is away: what it keeps is not there");
        }
    }

    /// It answered, and said no: it is full, or may not do this.
    fn refused(&self, error: &RedisError) {
        self.answered();
        let now = Instant::now();
        let is_said = self.with(|known| {
            let is_due = known.said.is_none_or(|said| now >= said + SAID);
            if is_due {
                known.said = Some(now);
            }
            is_due
        });
        if is_said {
            tracing::warn!(%error, "redis refused a command");
        }
    }

    fn with<T>(&self, look: impl FnOnce(&mut Known) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whether an error is what Redis answered, so that it is there.
fn is_answer(error: &RedisError) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Server(_)
            | ErrorKind::Extension
            | ErrorKind::AuthenticationFailed
            | ErrorKind::UnexpectedReturnType
    )
}

#[cfg(test)]
mod tests {
    use redis::ServerErrorKind;

    use super::*;

    fn lost() -> RedisError {
        RedisError::from(std::io::Error::from(std::io::ErrorKind::TimedOut))
    }

    #[tokio::test(start_paused = true)]
    async fn after_some_failures_in_a_row_it_is_left_alone_and_one_in_a_while_tries() {
        let away = Away::default();
        for _ in 0..PATIENCE {
            assert!(away.may_ask());
            away.failed(&lost());
        }
        assert!(!away.may_ask());
        tokio::time::advance(ALONE).await;
        assert!(away.may_ask() && !away.may_ask(), "one tries");
        away.failed(&lost());
        assert!(!away.may_ask());
        tokio::time::advance(ALONE).await;
        assert!(away.may_ask());
        away.answered();
        assert!(away.may_ask() && away.may_ask());
        for _ in 1..PATIENCE {
            away.failed(&lost());
        }
        assert!(away.may_ask(), "they are counted anew");
    }

    #[tokio::test(start_paused = true)]
    async fn who_refuses_a_command_is_not_away() {
        let away = Away::default();
        let refused = RedisError::from((ErrorKind::Server(ServerErrorKind::ResponseError), "OOM"));
        for _ in 0..2 * PATIENCE {
            away.failed(&refused);
        }
        assert!(away.may_ask());
        assert_eq!(away.with(|known| known.failed), 0);
        let said = away.with(|known| known.said);
        tokio::time::advance(SAID / 2).await;
        away.failed(&refused);
        assert_eq!(away.with(|known| known.said), said, "said once");
        tokio::time::advance(SAID / 2).await;
        away.failed(&refused);
        assert_ne!(away.with(|known| known.said), said);
    }
}
