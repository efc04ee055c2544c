//! A runtime for each core, beside the one that the server is run in.

use std::convert::Infallible;
use std::{io, thread};

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;

use crate::Error;

/// The runtimes, each of one thread; they end when this is dropped.
pub(super) struct Cores(Vec<Core>);

struct Core {
    runtime: Handle,
    /// Dropped to end it.
    _stop: oneshot::Sender<Infallible>,
    /// Gone with its thread.
    gone: oneshot::Receiver<Infallible>,
}

/// How many threads all pools of blocking work have together, as the one of a runtime has by default, and each at least.
const BLOCKING: usize = 512;
const BLOCKING_OF_ONE: usize = 16;

impl Cores {
    pub(super) async fn start(count: u16) -> Result<Self, Error> {
        let blocking = BLOCKING / usize::from(count.max(1));
        let mut cores = Vec::with_capacity(count.into());
        for number in 0..count {
            let started = Core::start(number, blocking.max(BLOCKING_OF_ONE)).await;
            cores.push(started.map_err(Error::cores)?);
        }
        Ok(Self(cores))
    }

    pub(super) const fn count(&self) -> usize {
        self.0.len()
    }

    /// Where to serve what comes from the acceptor of this number.
    pub(super) fn runtime(&self, index: usize) -> Handle {
        let core = index.checked_rem(self.0.len()).and_then(|n| self.0.get(n));
        core.map_or_else(Handle::current, |core| core.runtime.clone())
    }

    /// Drops what their runtimes still have, and waits until they are gone.
    pub(super) async fn end(self) {
        let gone: Vec<_> = self.0.into_iter().map(|core| core.gone).collect();
        for gone in gone {
            drop(gone.await);
        }
    }
}

impl Core {
    async fn start(number: u16, blocking: usize) -> io::Result<Self> {
        let (tell, told) = oneshot::channel();
        let (stop, stopped) = oneshot::channel();
        let (leave, gone) = oneshot::channel();
        thread::Builder::new()
            .name(format!("core {number}"))
            .spawn(move || {
                let _leave: oneshot::Sender<Infallible> = leave;
                match build(number, blocking) {
                    Ok(runtime) => {
                        tell.send(Ok(runtime.handle().clone())).ok();
                        drop(runtime.block_on(stopped));
                        // Blocking work is not waited for: it may have no end.
                        runtime.shutdown_background();
                    }
                    Err(error) => drop(tell.send(Err(error))),
                }
            })?;
        Ok(Self {
            runtime: told.await.map_err(io::Error::other)??,
            _stop: stop,
            gone,
        })
    }
}

fn build(number: u16, blocking: usize) -> io::Result<Runtime> {
    Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(blocking)
        .thread_name(format!("blocking {number}"))
        .build()
}
