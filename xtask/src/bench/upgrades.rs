//! `bench upgrades`: certificates, versions and restarts that nobody may notice.

use crate::run::{Failed, cargo, run};

/// Changes the server twenty times in each way, and prints what the load has seen.
///
/// Counts and no times, so that it is built as tests are.
///
/// # Errors
///
/// If a request failed, or a byte of an answer was lost.
pub(crate) fn bench(quick: bool) -> Result<(), Failed> {
    let program = ["run", "--quiet", "--package", "gopuram-benches"];
    let times = if quick { "quick" } else { "all" };
    run(cargo(
        &[&program[..], &["--bin", "bench-upgrades", "--", times]].concat(),
    ))
}
