//! A thread that can be waited for in vain: it asks for the interpreter, so that the loop of the connections need not.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use pyo3::prelude::*;

use crate::control::Link;
use crate::late::Late;
use crate::supervisor::word;

/// How long what is let go of may wait for a thread that has the interpreter anyway, before this one asks for it.
const SOON: Duration = Duration::from_millis(100);

/// The one that was started last: there is one interpreter to ask for.
static LAST: Mutex<Weak<Witness>> = Mutex::new(Weak::new());

/// Has objects freed soon that were let go of without the interpreter: they wait for the next thread that has it, and there may be none.
pub(crate) fn free() {
    let last = (LAST.lock().unwrap_or_else(PoisonError::into_inner)).upgrade();
    if let Some(witness) = last
        && !witness.freeing.swap(true, Ordering::AcqRel)
    {
        drop(witness.orders.send(Order::Free));
    }
}

/// The thread, and what it is asked for.
#[derive(Debug)]
pub(crate) struct Witness {
    orders: Sender<Order>,
    /// A sign of life is asked for and not given.
    beating: Arc<AtomicBool>,
    /// It is asked to free what was let go of, and has not begun.
    freeing: Arc<AtomicBool>,
}

#[derive(Debug)]
enum Order {
    Beat,
    Late(Late),
    Free,
    End,
}

impl Witness {
    /// Starts it; signs of life go over the link.
    pub(crate) fn start(link: Option<Link>) -> std::io::Result<(Arc<Self>, JoinHandle<()>)> {
        let (orders, receiver) = channel();
        let witness = Arc::new(Self {
            orders,
            beating: Arc::default(),
            freeing: Arc::default(),
        });
        let beating = Arc::clone(&witness.beating);
        let freeing = Arc::clone(&witness.freeing);
        let thread = std::thread::Builder::new()
            .name("witness".to_owned())
            .spawn(move || watch(&receiver, &beating, &freeing, link.as_ref()))?;
        *LAST.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&witness);
        Ok((witness, thread))
    }

    /// Gives the supervisor a sign of life, as soon as Python can run.
    pub(crate) fn beat(&self) {
        if !self.beating.swap(true, Ordering::AcqRel) {
            drop(self.orders.send(Order::Beat));
        }
    }

    /// Says what a thread does that takes too long.
    pub(crate) fn late(&self, late: Late) {
        drop(self.orders.send(Order::Late(late)));
    }

    /// Lets the thread end.
    pub(crate) fn end(&self) {
        drop(self.orders.send(Order::End));
    }
}

fn watch(
    orders: &Receiver<Order>,
    beating: &AtomicBool,
    freeing: &AtomicBool,
    link: Option<&Link>,
) {
    let mut free_at: Option<Instant> = None;
    loop {
        let next = match free_at {
            None => orders.recv().map_err(RecvTimeoutError::from),
            Some(at) => orders.recv_timeout(at.saturating_duration_since(Instant::now())),
        };
        match next {
            Ok(Order::Beat) => {
                let runs = Python::try_attach(|_| ()).is_some();
                beating.store(false, Ordering::Release);
                if let (true, Some(link)) = (runs, link) {
                    link.say(word::BEAT);
                }
            }
            Ok(Order::Late(late)) => drop(Python::try_attach(|py| late.tell(py))),
            Ok(Order::Free) => free_at = Some(Instant::now() + SOON),
            Err(RecvTimeoutError::Timeout) => {
                free_at = None;
                // What comes from here on may be too late for this time.
                freeing.store(false, Ordering::Release);
                Python::try_attach(|_| ());
            }
            Ok(Order::End) | Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}
