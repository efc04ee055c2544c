//! What falls to the first process of a container: processes whose parents have ended become its children, and stay, ended as they
//! are, until it asks for them.

use std::io;
use std::mem::MaybeUninit;

use rustix::process::{Pid, WaitOptions, getpid, waitpid};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Who asks for them; the supervisor starts no processes but its own, which it knows.
#[derive(Debug)]
pub(super) struct Orphans {
    /// In no other process than the first.
    ended: Option<Signal>,
}

impl Orphans {
    pub(super) fn new() -> io::Result<Self> {
        let is_first = getpid().as_raw_pid() == 1;
        let ended = is_first.then(|| signal(SignalKind::child()));
        Ok(Self {
            ended: ended.transpose()?,
        })
    }

    /// When some process has ended.
    pub(super) async fn next(&mut self) {
        match &mut self.ended {
            Some(ended) => drop(ended.recv().await),
            None => std::future::pending().await,
        }
    }

    /// Lets go of those that have ended; a child that is ours is asked for elsewhere, and those behind it when it was.
    pub(super) fn bury(&self, is_ours: impl Fn(u32) -> bool) {
        if self.ended.is_none() {
            return;
        }
        while let Some(pid) = first().filter(|pid| !is_ours(pid.as_raw_pid().cast_unsigned()))
            && waitpid(Some(pid), WaitOptions::NOHANG).is_ok()
        {}
    }
}

/// A child that has ended, which it goes on to have.
fn first() -> Option<Pid> {
    let mut found = MaybeUninit::<libc::siginfo_t>::zeroed();
    #[expect(unsafe_code, reason = "rustix does not say which child it was")]
    // SAFETY: all bits zero are a `siginfo_t`, and it stays so if there is no such child; if there is one its number is set.
    let pid = unsafe {
        let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
        let done = libc::waitid(libc::P_ALL, 0, found.as_mut_ptr(), options);
        (done == 0).then(|| found.assume_init().si_pid())
    };
    pid.and_then(Pid::from_raw)
}
