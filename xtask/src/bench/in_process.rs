//! `bench layers` and `bench router`: a request without a socket.

use super::load::program;
use super::{build, count};
use crate::parts::{self, VALGRIND};
use crate::run::{self, Failed, command};

/// What layers cost: time, allocations and instructions.
pub(crate) fn layers() -> Result<(), Failed> {
    parts::need(&[VALGRIND])?;
    build()?;
    println!("{:<20} {:>12}", "", "instructions");
    let mut counted = Vec::new();
    for name in run::output(quiet("bench-layers", &["names"]))?.lines() {
        let instructions = instructions(name)?;
        println!("{name:<20} {instructions:>12}");
        counted.push((name.to_owned(), instructions));
    }
    println!();
    print!("{}", run::output(quiet("bench-layers", &[]))?);
    for (name, label) in [("stack", "stack"), ("axum-stack", "axum_stack")] {
        if let Some((_, value)) = counted.iter().find(|(n, _)| n == name) {
            count(&format!("{label}_instructions"), *value);
        }
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
