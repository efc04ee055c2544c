//! What the process does at signals, put back as it was when a server has ended in it.

use std::collections::BTreeMap;
use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::{Mutex, PoisonError};

/// The handlers of servers, which are set once in a process and would be missing the next time.
static SERVING: Mutex<BTreeMap<c_int, Handler>> = Mutex::new(BTreeMap::new());

/// What the process did before; put back when this is dropped.
#[derive(Debug)]
pub(crate) struct Before(Vec<(c_int, Handler)>);

impl Before {
    /// As it is now; those that a server before had set are set again.
    pub(crate) fn serving(signals: impl IntoIterator<Item = c_int>) -> Self {
        let signals = signals.into_iter();
        let before = Self(
            signals
                .filter_map(|sign| Some((sign, Handler::of(sign)?)))
                .collect(),
        );
        let serving = SERVING.lock().unwrap_or_else(PoisonError::into_inner);
        for (sign, _) in &before.0 {
            if let Some(handler) = serving.get(sign) {
                handler.set(*sign);
            }
        }
        before
    }
}

impl Drop for Before {
    fn drop(&mut self) {
        let mut serving = SERVING.lock().unwrap_or_else(PoisonError::into_inner);
        for (sign, before) in &self.0 {
            if let Some(handler) = Handler::of(*sign) {
                serving.insert(*sign, handler);
            }
            before.set(*sign);
        }
    }
}

/// What is done at a signal.
#[derive(Clone, Copy)]
struct Handler(libc::sigaction);

impl std::fmt::Debug for Handler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Handler").finish_non_exhaustive()
    }
}

impl Handler {
    fn of(sign: c_int) -> Option<Self> {
        let mut found = MaybeUninit::uninit();
        #[expect(unsafe_code, reason = "no crate at hand tells handlers")]
        // SAFETY: nothing is set, and if it succeeds what it was given is filled in.
        let found = unsafe {
            (libc::sigaction(sign, ptr::null(), found.as_mut_ptr()) == 0)
                .then(|| found.assume_init())
        };
        found.map(Self)
    }

    fn set(&self, sign: c_int) {
        #[expect(unsafe_code, reason = "no crate at hand puts handlers back")]
        // SAFETY: it is one that was in force in this process, of whom none is ever unloaded.
        unsafe {
            libc::sigaction(sign, &raw const self.0, ptr::null_mut());
        }
    }
}
