//! `bench build`: how long people wait for the compiler.

use std::fs;
use std::time::Instant;

use super::count;
use crate::run::{Failed, cargo, run, target};

/// Builds the quickstart from nothing, then a stack of 32 layers on top.
pub(crate) fn bench() -> Result<(), Failed> {
    let dir = target().join("bench-build");
    if dir.exists() {
        fs::remove_dir_all(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    }
    let timed = |args: &[&str]| -> Result<f64, Failed> {
        let mut build = cargo(args);
        build.env("CARGO_TARGET_DIR", &dir);
        let start = Instant::now();
        run(build)?;
        Ok(start.elapsed().as_secs_f64().round())
    };
    run(cargo(&["fetch", "--quiet", "--locked"]))?;
    let clean = timed(&["build", "--quiet", "--release", "--example", "quickstart"])?;
    // The dependencies are there now; only the program with the stack is timed.
    timed(&[
        "build",
        "--quiet",
        "--release",
        "--package",
        "gopuram-benches",
        "--bin",
        "bench-router",
    ])?;
    let layers = timed(&[
        "build",
        "--quiet",
        "--release",
        "--package",
        "gopuram-benches",
        "--bin",
        "bench-32-layers",
    ])?;
    count("build_clean_seconds", clean);
    count("build_32_layers_seconds", layers);
    Ok(())
}
