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
mod closing;
mod config;
mod control;
mod disconnected;
mod end;
mod errors;
mod exchange;
mod file_wrapper;
mod forked;
mod handlers;
mod head;
mod input;
mod interpreter;
mod late;
mod logs;
mod memory;
mod pid_file;
mod pool;
mod run;
mod serve;
mod share;
mod start;
mod stderr;
mod supervisor;
mod tally;
mod text;
mod turns;
mod wakeup;
mod witness;
mod wsgi;

/// What `gopuram` imports; not for others.
#[pyo3::pymodule(gil_used = true)]
mod _gopuram {
    use pyo3::exceptions::PyImportError;
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::config::{Config, explained};
    #[pymodule_export]
    use super::control::{Control, worker};
    #[pymodule_export]
    use super::disconnected::Disconnected;
    #[pymodule_export]
    use super::file_wrapper::FileWrapper;
    #[pymodule_export]
    use super::forked::forked;
    #[pymodule_export]
    use super::logs::check_log;
    #[pymodule_export]
    use super::memory::keep_memory;
    #[pymodule_export]
    use super::pid_file::check_pid_file;
    #[pymodule_export]
    use super::serve::{inherit, log_to_stderr, serve};
    #[pymodule_export]
    use super::supervisor::supervise;

    /// Refuses to be imported where objects that are kept for all of the process would be another interpreter's.
    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        if super::interpreter::is_main(module.py()) {
            return module.add("VERSION", env!("CARGO_PKG_VERSION"));
        }
        Err(PyImportError::new_err(
            "gopuram cannot be imported in a sub-interpreter: serve from the main one, \
            of which applications may start others",
        ))
    }
}
