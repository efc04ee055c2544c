//! The part of the wheel `gopuram` that is Rust: WSGI applications as tower services, behind the gateways.
//!
//! ```text
//!   gateway ── stack ── Wsgi ──▶ queue ──▶ thread: app(environ, start_response)
//!                        ▲                           │
//!                        └──────── exchange ◀── blocks, write
//! ```
//!
//! That is a process alone, or a worker; with several there is a supervisor, which does nothing of it.

mod answer;
mod application;
mod bell;
mod body;
mod control;
mod errors;
mod exchange;
mod file_wrapper;
mod head;
mod input;
mod late;
mod memory;
mod pool;
mod run;
mod serve;
mod share;
mod start;
mod supervisor;
mod text;
mod witness;
mod wsgi;

/// What `gopuram` imports; not for others.
#[pyo3::pymodule(gil_used = true)]
mod _gopuram {
    #[pymodule_export]
    use super::control::{Control, worker};
    #[pymodule_export]
    use super::file_wrapper::FileWrapper;
    #[pymodule_export]
    use super::memory::keep_memory;
    #[pymodule_export]
    use super::serve::{log_to_stderr, serve};
    #[pymodule_export]
    use super::supervisor::supervise;
}
