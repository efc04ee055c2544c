//! `bench http`: hello and the production stack over HTTP/1.1, hello over HTTP/2.

use super::load::{self, Contender, contest_by_cpu, h2load, wrk};
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
    let hyper_h2 = load::serve(server, HYPER_H2_PORT)?;
    let servers: Vec<_> = contenders.iter().zip(&running).collect();
    let h1 = contest_by_cpu(&servers, effort, |c, s| wrk(c.port, "/hello", &[], s))?;
    let bare = Contender {
        name: "hyper",
        port: HYPER_H2_PORT,
    };
    let mut servers = servers;
    if let Some(first) = servers.get_mut(HYPER) {
        *first = (&bare, &hyper_h2);
    }
    let h2 = contest_by_cpu(&servers, effort, |c, s| h2load(c.port, "/hello", s))?;
    let none = (f64::NAN, f64::NAN);
    let at = |figures: &[(f64, f64)], i: usize| figures.get(i).copied().unwrap_or(none);
    let over = |figures: &[(f64, f64)], i: usize| {
        let (ours, hyper) = (at(figures, i), at(figures, HYPER));
        (ours.0 / hyper.0, ours.1 / hyper.1)
    };

    println!(
        "{:<14} {:>12} {:>7} {:>7} {:>12} {:>7} {:>7}",
        "", "HTTP/1.1 /s", "ratio", "by cpu", "HTTP/2 /s", "ratio", "by cpu"
    );
    for (i, contender) in contenders.iter().enumerate() {
        let (first, second) = (over(&h1, i), over(&h2, i));
        println!(
            "{:<14} {:>12.0} {:>7.2} {:>7.2} {:>12.0} {:>7.2} {:>7.2}",
            contender.name,
            at(&h1, i).0,
            first.0,
            first.1,
            at(&h2, i).0,
            second.0,
            second.1,
        );
    }
    println!();
    for (name, figures, i) in [
        ("hello", &h1, HELLO),
        ("stack", &h1, STACK),
        ("axum", &h1, AXUM),
        ("axum_stack", &h1, AXUM_STACK),
        ("h2_hello", &h2, HELLO),
        ("h2_stack", &h2, STACK),
    ] {
        let (by_rate, by_cpu) = over(figures, i);
        ratio(&format!("{name}_vs_hyper"), by_rate);
        ratio(&format!("{name}_by_processor_vs_hyper"), by_cpu);
    }
    Ok(())
}
