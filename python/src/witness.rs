//! A thread that can be waited for in vain: it asks for the interpreter, so that the loop of the connections need not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use pyo3::prelude::*;

use crate::control::Link;
use crate::late::Late;
use crate::supervisor::word;

/// The thread, and what it is asked for.
#[derive(Debug)]
pub(crate) struct Witness {
    orders: Sender<Order>,
    /// A sign of life is asked for and not given.
    beating: Arc<AtomicBool>,
}

#[derive(Debug)]
enum Order {
    Beat,
    Late(Late),
    End,
}

impl Witness {
    /// Starts it; signs of life go over the link.
    pub(crate) fn start(link: Option<Link>) -> std::io::Result<(Arc<Self>, JoinHandle<()>)> {
        let (orders, receiver) = channel();
        let beating = Arc::new(AtomicBool::new(false));
        let shared = Arc::clone(&beating);
        let thread = std::thread::Builder::new()
            .name("witness".to_owned())
            .spawn(move || watch(&receiver, &shared, link.as_ref()))?;
        Ok((Arc::new(Self { orders, beating }), thread))
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

fn watch(orders: &Receiver<Order>, beating: &AtomicBool, link: Option<&Link>) {
    while let Ok(order) = orders.recv() {
        match order {
            Order::Beat => {
                let runs = Python::try_attach(|_| ()).is_some();
                beating.store(false, Ordering::Release);
                if let (true, Some(link)) = (runs, link) {
                    link.say(word::BEAT);
                }
            }
            Order::Late(late) => drop(Python::try_attach(|py| late.tell(py))),
            Order::End => return,
        }
    }
}
