//! `bench layers` and `bench router`: a request without a socket.

use super::load::program;
use super::{build, count, ratio};
use crate::parts::{self, VALGRIND};
use crate::run::{self, Failed, command};

/// What layers cost: time, allocations and instructions.
pub(crate) fn layers() -> Result<(), Failed> {
    parts::need(&[VALGRIND])?;
    build()?;
    let said = run::output(quiet("bench-layers", &[]))?;
    print!("{said}");
    count("stack_instructions", instructions("gopuram")?);
    count("axum_stack_instructions", instructions("axum")?);
    let figure = |name: &str| -> Option<f64> {
        said.lines()
            .find_map(|l| l.strip_prefix(name))
            .and_then(|v| v.trim().parse().ok())
    };
    if let (Some(ours), Some(theirs)) = (figure("# stack ns"), figure("# axum stack ns")) {
        ratio("stack_vs_axum", theirs / ours);
    }
    Ok(())
}

/// What a lookup costs.
pub(crate) fn router() -> Result<(), Failed> {
    build()?;
    print!("{}", run::output(quiet("bench-router", &[]))?);
    Ok(())
}

/// Our program, pinned; what it prints is read.
fn quiet(name: &str, args: &[&str]) -> std::process::Command {
    let mut program = program(name, args);
    program.stdout(std::process::Stdio::piped());
    program
}

/// Instructions a request, by callgrind: two runs of different length, so
/// that starting up is not counted.
fn instructions(what: &str) -> Result<f64, Failed> {
    const SHORT: u32 = 500;
    const LONG: u32 = 2500;
    let run = |requests: u32| -> Result<f64, Failed> {
        let binary = run::target().join("release").join("bench-layers");
        let mut callgrind = command(
            "valgrind",
            &["--tool=callgrind", "--callgrind-out-file=/dev/null"],
        );
        callgrind
            .arg(binary)
            .args(["count", what, &requests.to_string()]);
        let output = callgrind.output().map_err(|e| format!("valgrind: {e}"))?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let total = said.lines().find_map(|l| l.split("Collected : ").nth(1));
        total
            .and_then(|t| t.trim().parse().ok())
            .ok_or_else(|| format!("valgrind counted nothing:\n{said}"))
    };
    Ok(((run(LONG)? - run(SHORT)?) / f64::from(LONG - SHORT)).round())
}
