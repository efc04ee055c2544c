//! Behaviour on the wire: what the tests have in common, and all else is in the tests.

use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use http::HeaderMap;
use http::header::DATE;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Keeps what is logged, for one thread (`tracing::subscriber::set_default`).
#[derive(Debug)]
pub struct Log {
    level: Level,
    heard: Arc<Mutex<String>>,
}

impl Log {
    /// One that keeps what is of this level or worse, and what it has kept so far.
    pub fn new(level: Level) -> (Self, impl Fn() -> String) {
        let heard = Arc::new(Mutex::new(String::new()));
        let log = Self {
            level,
            heard: Arc::clone(&heard),
        };
        let said = move || heard.lock().unwrap_or_else(PoisonError::into_inner).clone();
        (log, said)
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.level
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        struct Fields<'a>(&'a mut String);

        impl Visit for Fields<'_> {
            fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
                // Writing to a `String` does not fail.
                writeln!(self.0, "{field}: {value:?}").ok();
            }
        }

        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        event.record(&mut Fields(&mut heard));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// Fields of which one may be another second's by now: a gateway gives each answer its own.
pub fn undated(fields: &HeaderMap) -> HeaderMap {
    let mut fields = fields.clone();
    fields.remove(DATE);
    fields
}
