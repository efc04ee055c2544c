//! The writer's thread: takes what is in the buffer, all at once, and writes it.

use std::io::{self, Write as _};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::log::{Notices, Shared, State, Thread};
use super::sink::Sink;

/// How long a sink that failed is left alone.
const RETRY: Duration = Duration::from_secs(1);

/// How much room a batch keeps when it is written.
const KEPT: usize = 256 << 10;

/// Lines taken out of the buffer, and how much of them is written.
#[derive(Default)]
struct Batch {
    lines: Vec<u8>,
    at: usize,
    /// The last line of it, counted from the first of the log.
    last: u64,
}

pub(super) fn run(shared: &Arc<Shared>) {
    // A sink that panics must not leave anybody waiting.
    let _ended = Ended(shared);
    let Some(mut sink) = shared.lock().sink.take() else {
        return;
    };
    let mut batch = Batch::default();
    loop {
        let asked = batch.fill(shared);
        if asked.reopen {
            batch.reopen(shared, &mut sink);
        }
        let done = batch.write(&mut sink);
        let mut state = shared.lock();
        match &done {
            Ok(()) => {
                state.written = batch.last;
                batch.clear();
            }
            Err(error) => state.fail(error),
        }
        if asked.reopen {
            state.requests.reopen = false;
        }
        shared.progress.notify_all();
        // Closing, one failure is enough: nobody is left to wait for a second try.
        if asked.close && (done.is_err() || state.lines.is_empty()) {
            return;
        }
    }
}

struct Ended<'a>(&'a Shared);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.lock().thread = Thread::Ended;
        self.0.progress.notify_all();
    }
}

/// What was asked of the writer when it took the batch.
struct Asked {
    close: bool,
    reopen: bool,
}

impl Batch {
    /// Waits for something to do, and takes it.
    fn fill(&mut self, shared: &Shared) -> Asked {
        let mut state = shared.lock();
        if self.lines.is_empty() {
            while state.is_idle() && !state.requests.close {
                state.thread = Thread::Asleep;
                let woken = shared.work.wait(state);
                state = woken.unwrap_or_else(PoisonError::into_inner);
            }
            state.thread = Thread::Awake;
            let linger = state.linger;
            let quiet = |state: &mut State| !state.is_urgent();
            let waited = shared.work.wait_timeout_while(state, linger, quiet);
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
            std::mem::swap(&mut self.lines, &mut state.lines);
            self.last = state.pushed;
            let lost = std::mem::take(&mut state.lost);
            if lost > 0 {
                self.note_lost(lost, state.notices);
            }
        } else {
            let asked = |state: &State| {
                state.requests.close || state.requests.reopen || state.requests.flush
            };
            let waited = shared.work.wait_timeout_while(state, RETRY, |s| !asked(s));
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
        state.requests.flush = false;
        Asked {
            close: state.requests.close,
            reopen: state.requests.reopen,
        }
    }

    /// The lines that were dropped came after those that filled the buffer.
    fn note_lost(&mut self, lost: u64, notices: Notices) {
        let noted = match notices {
            Notices::Comment => writeln!(self.lines, "# {lost} lines dropped"),
            Notices::Json => writeln!(self.lines, "{{\"dropped\":{lost}}}"),
        };
        // Writing to memory does not fail.
        drop(noted);
    }

    fn reopen(&mut self, shared: &Shared, sink: &mut Sink) {
        match sink.reopen() {
            // The beginning of a line that broke off is in the old file.
            Ok(()) => {
                let written = self.lines.get(..self.at).unwrap_or_default();
                let end = written.iter().rposition(|&b| b == b'\n');
                self.at = end.map_or(0, |end| end + 1);
            }
            Err(error) => {
                let mut state = shared.lock();
                state.fail(&error);
                let noted = match state.notices {
                    Notices::Comment => writeln!(self.lines, "# not reopened: {error}"),
                    Notices::Json => {
                        let kind = error.kind();
                        writeln!(self.lines, "{{\"not_reopened\":\"{kind}\"}}")
                    }
                };
                drop(noted);
            }
        }
    }

    fn write(&mut self, sink: &mut Sink) -> io::Result<()> {
        while let Some(rest @ [_, ..]) = self.lines.get(self.at..) {
            match sink.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => self.at += written,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        sink.flush()
    }

    fn clear(&mut self) {
        self.lines.clear();
        self.lines.shrink_to(KEPT);
        self.at = 0;
    }
}
