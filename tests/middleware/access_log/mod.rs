//! `access_log` on the wire.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod directives;
mod failures;
mod log;
mod outcomes;
mod secrets;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use gopuram::middleware::AccessLog;
use gopuram::middleware::access_log::{Clock, Log};
use gopuram::middleware::attributes::{Attributes, Connection, Scheme};
use http::Request;

/// What was written, to look at.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Written {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An access log that can be looked at, with its clock.
struct Kept {
    layer: AccessLog,
    log: Log,
    written: Written,
    clock: Clock,
}

impl Kept {
    fn with(make: impl FnOnce(Log) -> AccessLog) -> Self {
        let written = Written::default();
        let log = Log::to(written.clone());
        // 2026-11-23 19:39:46.012345 UTC.
        let start = SystemTime::UNIX_EPOCH + Duration::from_micros(1_795_462_786_012_345);
        let clock = Clock::manual(start);
        Self {
            layer: make(log.clone()).clock(clock.clone()).utc(),
            log,
            written,
            clock,
        }
    }

    fn format(format: &str) -> Self {
        Self::with(|log| AccessLog::format(format, log).unwrap())
    }

    /// All lines so far.
    fn lines(&self) -> String {
        self.log.flush().unwrap();
        self.written.text()
    }
}

/// Says that the request came over a connection.
fn connected<B>(req: &mut Request<B>) -> &mut Attributes {
    let local: SocketAddr = "192.0.2.1:8080".parse().unwrap();
    let peer: SocketAddr = "[::ffff:198.51.100.77]:50000".parse().unwrap();
    let connection = Connection::new(Some(local), Some(peer), Scheme::Http);
    req.extensions_mut()
        .insert(Attributes::new(Arc::new(connection)));
    Attributes::of_mut(req)
}
