//! `bench http`: hello and the production stack over HTTP/1.1, hello over HTTP/2.

use super::load::{self, Contender, contest, h2load, wrk};
use super::{Effort, build, ratio};
use crate::parts::{self, H2LOAD, WRK};
use crate::run::Failed;

const HYPER_H2_PORT: u16 = 18_110;

const HYPER: usize = 0;
const AXUM: usize = 1;
const AXUM_STACK: usize = 2;
const HELLO: usize = 3;
const STACK: usize = 4;

/// Measures all five side by side.
pub(crate) fn bench(effort: Effort) -> Result<(), Failed> {
    parts::need(&[WRK, H2LOAD])?;
    build()?;
    let names = ["hyper", "axum", "axum-stack", "gopuram", "gopuram-stack"];
    let contenders: Vec<_> = names
        .into_iter()
        .zip(18_100..)
        .map(|(name, port)| Contender { name, port })
        .collect();
    let mut running = Vec::new();
    for contender in &contenders {
        let port = contender.port.to_string();
        let server = load::program("bench-server", &[contender.name, &port]);
        running.push(load::serve(server, contender.port)?);
    }
    // Bare hyper speaks one version a builder.
    let server = load::program("bench-server", &["hyper-h2", &HYPER_H2_PORT.to_string()]);
    running.push(load::serve(server, HYPER_H2_PORT)?);
    let h1 = contest(&contenders, effort, |c, s| wrk(c.port, "/hello", &[], s))?;
    let h2 = contest(&contenders, effort, |c, s| {
        let port = if c.name == "hyper" {
            HYPER_H2_PORT
        } else {
            c.port
        };
        h2load(port, "/hello", s)
    })?;
    let at = |figures: &[f64], i: usize| figures.get(i).copied().unwrap_or(f64::NAN);
    let over = |i: usize| at(&h1, i) / at(&h1, HYPER);
    let over_h2 = |i: usize| at(&h2, i) / at(&h2, HYPER);

    println!(
        "{:<14} {:>12} {:>7} {:>12} {:>7}",
        "", "HTTP/1.1 /s", "ratio", "HTTP/2 /s", "ratio"
    );
    for (i, contender) in contenders.iter().enumerate() {
        println!(
            "{:<14} {:>12.0} {:>7.2} {:>12.0} {:>7.2}",
            contender.name,
            at(&h1, i),
            over(i),
            at(&h2, i),
            over_h2(i),
        );
    }
    println!();
    ratio("hello_vs_hyper", over(HELLO));
    ratio("stack_vs_hyper", over(STACK));
    ratio("axum_vs_hyper", over(AXUM));
    ratio("axum_stack_vs_hyper", over(AXUM_STACK));
    ratio("h2_hello_vs_hyper", over_h2(HELLO));
    ratio("h2_stack_vs_hyper", over_h2(STACK));
    Ok(())
}
