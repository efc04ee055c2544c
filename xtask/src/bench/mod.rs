//! `cargo xtask bench`: measured beside the peers, in the same run.

mod attacks;
mod build;
mod gateways;
mod gzip;
mod http;
mod in_process;
mod load;
mod memory;
mod nginx;
mod soak;
mod statics;
mod tls;
mod upgrades;
mod workers;
mod wsgi;

use crate::run::{Failed, cargo, run};

/// How long and how often is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// Interleaved rounds; the median counts.
    pub(crate) rounds: usize,
    /// Seconds of load a round.
    pub(crate) seconds: u32,
}

/// Measures one section and prints its figures.
///
/// # Errors
///
/// A section that does not exist, a part that is missing, or a peer that does not answer.
pub(crate) fn section(name: &str, quick: bool) -> Result<(), Failed> {
    let effort = if quick {
        Effort {
            rounds: 3,
            seconds: 1,
        }
    } else {
        Effort {
            rounds: 7,
            seconds: 4,
        }
    };
    match name {
        "layers" => in_process::layers(),
        "router" => in_process::router(),
        "http" => http::bench(effort),
        "static" => statics::bench(effort),
        "gzip" => gzip::bench(effort),
        "tls" => tls::bench(effort),
        "gateways" => gateways::bench(effort),
        "attacks" => attacks::bench(),
        "upgrades" => upgrades::bench(quick),
        "workers" => workers::bench(quick),
        "wsgi" => wsgi::bench(effort),
        "soak" => soak::bench(quick),
        "memory" => memory::bench(),
        "build" => build::bench(),
        other => Err(format!(
            "no section `{other}`: there are layers, http, static, gzip, tls, gateways, router, memory, attacks, upgrades, \
             workers, wsgi, soak and build"
        )),
    }
}

/// Builds the programs that are measured.
fn build() -> Result<(), Failed> {
    run(cargo(&[
        "build",
        "--quiet",
        "--profile",
        "bench",
        "--package",
        "gopuram-benches",
    ]))
}

/// Builds two of them alone.
fn build_two(one: &str, other: &str) -> Result<(), Failed> {
    let package = [
        "build",
        "--quiet",
        "--profile",
        "bench",
        "--package",
        "gopuram-benches",
    ];
    run(cargo(
        &[&package[..], &["--bin", one, "--bin", other]].concat(),
    ))
}

/// Prints a ratio, ours over the peer's: higher is better.
fn ratio(name: &str, value: f64) {
    println!("RATIO {name} {value:.2}");
}

/// Prints a count.
fn count(name: &str, value: f64) {
    println!("COUNT {name} {value}");
}

/// The middle one of some measurements.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
