//! Which of the interpreters of a process runs.

use pyo3::Python;
use pyo3::ffi::{PyInterpreterState_Get, PyInterpreterState_Main};

/// Whether it is the one that the process began with.
#[expect(unsafe_code, reason = "PyO3 has no safe name for it")]
pub(crate) fn is_main(_: Python<'_>) -> bool {
    // SAFETY: both only return pointers, which are compared and not followed; the first may be called by threads that are
    // attached, as this one is.
    unsafe { PyInterpreterState_Get() == PyInterpreterState_Main() }
}
