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

/// Instructions a request, by callgrind, making the request not counted.
fn instructions(what: &str) -> Result<f64, Failed> {
    const REQUESTS: u32 = 2000;
    let binary = run::target().join("release").join("bench-layers");
    let args = [
        "--tool=callgrind",
        "--callgrind-out-file=/dev/null",
        "--collect-atstart=no",
        "--toggle-collect=*measure::once*",
    ];
    let mut callgrind = command("valgrind", &args);
    callgrind
        .arg(binary)
        .args(["count", what, &REQUESTS.to_string()]);
    let output = callgrind.output().map_err(|e| format!("valgrind: {e}"))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let total = said.lines().find_map(|l| l.split("Collected : ").nth(1));
    let total: f64 = total
        .and_then(|t| t.trim().parse().ok())
        .ok_or_else(|| format!("valgrind counted nothing:\n{said}"))?;
    Ok((total / f64::from(REQUESTS)).round())
}
