//! The standard error, to which a process that was forked can write whatever threads of its parent were doing.

use std::io;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::io::{retry_on_intr, write};
use rustix::stdio::stderr;

/// Whose turn it is: what is too long for one write is not torn by another thread.
static TURN: Mutex<()> = Mutex::new(());

/// The process whose threads take turns, or 0 as long as none has written.
static TAKES_TURNS: AtomicU32 = AtomicU32::new(0);

/// Writes in one piece; who cannot be told is not told.
///
/// It may wait for who reads, who may need the interpreter: to be called by threads that are not attached to it.
pub(crate) fn put(mut text: &[u8]) {
    let turn = turn();
    while let Ok(written @ 1..) = retry_on_intr(|| write(stderr(), text)) {
        text = text.get(written..).unwrap_or_default();
        if text.is_empty() {
            break;
        }
    }
    drop(turn);
}

/// Waits for it, but in a process that was forked: who had it then is not there to let go of it.
fn turn() -> Option<MutexGuard<'static, ()>> {
    let this = process::id();
    let first = TAKES_TURNS.compare_exchange(0, this, Ordering::Relaxed, Ordering::Relaxed);
    let takes_turns = first.map_or_else(|other| other == this, |_| true);
    takes_turns.then(|| TURN.lock().unwrap_or_else(PoisonError::into_inner))
}

/// The standard error for what is logged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stderr;

impl io::Write for Stderr {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        put(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
