//! What the allocator does with memory that is free.

use pyo3::prelude::*;

/// Keeps some memory that is free, for the next request.
///
/// glibc gives the memory at the end of a thread's heap back at nearly every `free` of a body of 100 KiB, and the kernel hands it out
/// again page by page: that was half of the time of such a request. For processes that do nothing but serve.
#[pyfunction]
pub(crate) fn keep_memory() {
    keep();
}

#[cfg(target_env = "gnu")]
fn keep() {
    /// Up to so many bytes, for each thread that had use for them.
    const FREE: i32 = 8 * 1024 * 1024;
    /// Larger pieces come from the kernel each time.
    const PIECE: i32 = 1024 * 1024;
    #[expect(unsafe_code, reason = "there is no other way to tell the allocator")]
    // SAFETY: it may be called at any time, by any thread, and takes numbers only; one that it does not like it leaves alone.
    unsafe {
        libc::mallopt(libc::M_TRIM_THRESHOLD, FREE);
        libc::mallopt(libc::M_MMAP_THRESHOLD, PIECE);
    }
}

#[cfg(not(target_env = "gnu"))]
const fn keep() {}
