//! What became of handshakes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::{debug, info, warn};

use super::handshake::is_by_stale_list;

/// What became of handshakes, counted since the start; a reload does not set it back.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// They succeeded.
    pub completed: u64,
    /// Of those, the ones that went on with an earlier session.
    pub resumed: u64,
    /// They were not over when their deadline was.
    pub timed_out: u64,
    /// The client spoke HTTP without TLS, and was answered 400.
    pub plain_http: u64,
    /// What the client spoke was neither.
    pub not_tls: u64,
    /// There was no version, cipher suite or protocol that both know.
    pub incompatible: u64,
    /// The client asked for a name that is not served here.
    pub unknown_name: u64,
    /// The client's certificate was missing, or not good enough, or the [list](super::Authorities::revoked) by which it could have
    /// been is too old.
    pub client_certificate: u64,
    /// The client would not go on, as when it does not trust the certificate.
    pub refused: u64,
    /// The client went away.
    pub gone: u64,
    /// Anything else, such as messages that are broken or come out of turn.
    pub broken: u64,
}

/// Why a handshake failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Cause {
    Broken,
    ClientCertificate,
    Gone,
    Incompatible,
    NotTls,
    PlainHttp,
    Refused,
    TimedOut,
    UnknownName,
}

/// How often failures are told of where more than debugging is logged.
const EVERY: Duration = Duration::from_mins(1);

type Told = Mutex<Option<Instant>>;

/// The counts, as they grow.
#[derive(Debug, Default)]
pub(super) struct Counters {
    completed: AtomicU64,
    resumed: AtomicU64,
    timed_out: AtomicU64,
    plain_http: AtomicU64,
    not_tls: AtomicU64,
    incompatible: AtomicU64,
    unknown_name: AtomicU64,
    client_certificate: AtomicU64,
    refused: AtomicU64,
    gone: AtomicU64,
    broken: AtomicU64,
    /// When failures were told of the last time.
    told: Told,
    /// When lists that are too old were.
    told_stale: Told,
}

impl Counters {
    pub(super) fn read(&self) -> Stats {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Stats {
            completed: read(&self.completed),
            resumed: read(&self.resumed),
            timed_out: read(&self.timed_out),
            plain_http: read(&self.plain_http),
            not_tls: read(&self.not_tls),
            incompatible: read(&self.incompatible),
            unknown_name: read(&self.unknown_name),
            client_certificate: read(&self.client_certificate),
            refused: read(&self.refused),
            gone: read(&self.gone),
            broken: read(&self.broken),
        }
    }

    pub(super) fn complete(&self, resumed: bool) {
        self.completed.fetch_add(1, Ordering::Relaxed);
        if resumed {
            self.resumed.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts a failure and tells of it: each one to who debugs, to others that there are some.
    pub(super) fn fail(&self, cause: Cause, error: Option<&std::io::Error>) {
        let count = match cause {
            Cause::Broken => &self.broken,
            Cause::ClientCertificate => &self.client_certificate,
            Cause::Gone => &self.gone,
            Cause::Incompatible => &self.incompatible,
            Cause::NotTls => &self.not_tls,
            Cause::PlainHttp => &self.plain_http,
            Cause::Refused => &self.refused,
            Cause::TimedOut => &self.timed_out,
            Cause::UnknownName => &self.unknown_name,
        };
        count.fetch_add(1, Ordering::Relaxed);
        let stale = error.is_some_and(is_by_stale_list);
        let error = error.map(|error| error as &(dyn std::error::Error + 'static));
        debug!(?cause, error, "a handshake failed");
        let now = Instant::now();
        if stale && is_due(&self.told_stale, now) {
            warn!(
                "a list of revoked certificates has become too old; all clients of its authority are refused; said once a minute"
            );
        }
        // A look into the kernel's queue, as load balancers take, is no failure to tell of.
        if cause != Cause::Gone && is_due(&self.told, now) {
            self.read().tell();
        }
    }
}

impl Stats {
    /// Says how many failed, and how, but for what never did.
    fn tell(self) {
        let some = |count: u64| (count > 0).then_some(count);
        info!(
            completed = self.completed,
            timed_out = some(self.timed_out),
            plain_http = some(self.plain_http),
            not_tls = some(self.not_tls),
            incompatible = some(self.incompatible),
            unknown_name = some(self.unknown_name),
            client_certificate = some(self.client_certificate),
            refused = some(self.refused),
            gone = some(self.gone),
            broken = some(self.broken),
            "handshakes fail; said once a minute, counted since the start"
        );
    }
}

fn is_due(told: &Told, now: Instant) -> bool {
    let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
    let due = told.is_none_or(|told| now.duration_since(told) >= EVERY);
    if due {
        *told = Some(now);
    }
    due
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_told_of_once_a_minute() {
        let told = Told::default();
        let now = Instant::now();
        assert!(is_due(&told, now));
        assert!(!is_due(&told, now + EVERY / 2));
        assert!(is_due(&told, now + EVERY));
    }
}
