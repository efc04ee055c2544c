//! The end of a process that has no supervisor: nothing that the application does holds it up for ever.
//!
//! A thread hears the signals as the server does, which with `--inline` may be held up itself, and is there when it has ended and
//! the interpreter waits for threads of the application.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::Instant;
use tracing::{error, warn};

use crate::supervisor::{AT_ONCE, GRACE, LAST_WORDS};

/// What becomes of the process when the server has ended.
#[derive(Clone, Copy, Debug)]
enum Word {
    /// It goes on, and hears signals itself.
    GoesOn,
    /// It ends, with this status.
    Ends(u8),
}

/// The thread that insists.
#[derive(Debug)]
pub(crate) struct End {
    words: UnboundedSender<Word>,
    thread: JoinHandle<()>,
    /// Told of the first signal, for a server that did not hear signals yet.
    pub(crate) asked: Arc<Notify>,
}

impl End {
    /// Starts it; requests may take so long to finish.
    pub(crate) fn watch(drain: Duration) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let context = runtime.enter();
        let terminate = signal(SignalKind::terminate())?;
        let interrupt = signal(SignalKind::interrupt())?;
        drop(context);
        let (words, heard) = unbounded_channel();
        let asked = Arc::new(Notify::new());
        let watching = watch(terminate, interrupt, heard, drain, Arc::clone(&asked));
        let thread = thread::Builder::new()
            .name("end".to_owned())
            .spawn(move || runtime.block_on(watching))?;
        Ok(Self {
            words,
            thread,
            asked,
        })
    }

    /// The server has ended and the process goes on: none of its signals are heard any more.
    pub(crate) fn leave(self, py: Python<'_>) {
        self.words.send(Word::GoesOn).ok();
        py.detach(|| drop(self.thread.join()));
    }

    /// The server has ended, and the process has to with this status.
    pub(crate) fn insist(self, status: u8) {
        self.words.send(Word::Ends(status)).ok();
    }
}

async fn watch(
    mut terminate: Signal,
    mut interrupt: Signal,
    mut words: UnboundedReceiver<Word>,
    drain: Duration,
    asked: Arc<Notify>,
) {
    let mut status = 0;
    let mut signals = 0_u32;
    let mut end: Option<Instant> = None;
    loop {
        tokio::select! {
            biased;
            Some(word) = words.recv() => match word {
                Word::GoesOn => return,
                Word::Ends(with) => {
                    status = with;
                    end.get_or_insert_with(|| Instant::now() + GRACE);
                    continue;
                }
            },
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = until(end) => break,
        }
        signals = signals.saturating_add(1);
        match signals {
            1 => {
                end = Some(Instant::now() + drain + GRACE);
                asked.notify_one();
            }
            2 => end = Some(Instant::now() + AT_ONCE),
            _ => {}
        }
    }
    if signals < 2 {
        tell();
    } else {
        warn!("ended before the application");
    }
    exit(status);
}

async fn until(end: Option<Instant>) {
    match end {
        Some(end) => tokio::time::sleep_until(end).await,
        None => std::future::pending().await,
    }
}

/// Says what all threads do.
fn tell() {
    error!("the process does not end by itself; ended, while its threads did this");
    let (told, hears) = channel();
    // It may wait for the interpreter for ever.
    let telling = thread::Builder::new().spawn(move || {
        let done = Python::try_attach(|py| {
            let options = PyDict::new(py);
            options.set_item("file", 2)?;
            options.set_item("all_threads", true)?;
            let faults = py.import("faulthandler")?;
            faults
                .call_method("dump_traceback", (), Some(&options))
                .map(drop)
        });
        told.send(done.is_some_and(|done| done.is_ok())).ok();
    });
    if telling.is_err() || hears.recv_timeout(LAST_WORDS) != Ok(true) {
        error!("one of them does not let go of the interpreter, which could say more");
    }
}

/// Ends the process, and nothing before: what is to be done at the end may be what holds it up.
pub(crate) fn exit(status: u8) -> ! {
    #[expect(unsafe_code, reason = "no crate at hand ends without handlers")]
    // SAFETY: it does not come back.
    unsafe {
        libc::_exit(status.into());
    }
}
