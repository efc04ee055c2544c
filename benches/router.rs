//! What finding a route costs, beside matchit alone.

#![expect(clippy::print_stdout, reason = "it prints what it measured")]
#![expect(clippy::expect_used, reason = "the patterns do not conflict")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use gopuram::Body;
use gopuram::middleware::Router;
use gopuram::middleware::router::{Endpoint, Lookup};
use http::{Method, Request, StatusCode};

const ROUNDS: usize = 41;
const LOOKUPS: usize = 20_000;

fn main() {
    println!(
        "{:>8} {:>12} {:>12} {:>14} {:>12}",
        "routes", "matchit ns", "gopuram ns", "ratio", "allocations"
    );
    let mut worst: f64 = f64::INFINITY;
    let mut counts = Vec::new();
    let mut allocations = 0;
    for routes in [10, 1_000, 10_000] {
        let patterns: Vec<String> = (0..routes).map(pattern).collect();
        let paths: Vec<String> = (0..routes).map(path).collect();
        let mut matchit = matchit::Router::new();
        let mut ours = Router::new();
        for pattern in &patterns {
            matchit
                .insert(pattern.clone(), ())
                .expect("patterns that do not conflict");
            let answer = Endpoint::handler(async |_: Request<Body>| StatusCode::OK);
            ours.try_route(Some(Method::GET), pattern, answer)
                .expect("patterns that do not conflict");
        }
        let theirs = time(&paths, |path| black_box(matchit.at(path)).is_ok());
        let here = time(&paths, |path| found(&ours, path));
        allocations += allocation_counter::measure(|| {
            for path in &paths {
                assert!(found(&ours, path));
            }
        })
        .count_total;
        let ratio = theirs / here;
        worst = worst.min(ratio);
        println!("{routes:>8} {theirs:>12.1} {here:>12.1} {ratio:>14.2} {allocations:>12}");
        counts.push((routes, here));
    }
    println!();
    for (routes, ns) in counts {
        println!("COUNT router_{routes}_ns {ns:.0}");
    }
    println!("COUNT router_allocations {allocations}");
    println!("RATIO router_vs_matchit {worst:.2}");
}

/// Patterns as an API has them: half fixed, half with a parameter.
fn pattern(i: usize) -> String {
    if i.is_multiple_of(2) {
        format!("/api/v1/resource{i}/items")
    } else {
        format!("/api/v1/resource{i}/{{id}}")
    }
}

fn path(i: usize) -> String {
    if i.is_multiple_of(2) {
        format!("/api/v1/resource{i}/items")
    } else {
        format!("/api/v1/resource{i}/12345")
    }
}

fn found(router: &Router, path: &str) -> bool {
    matches!(
        black_box(router.lookup(&Method::GET, path)),
        Lookup::Found(_)
    )
}

/// Nanoseconds a lookup, the median of the rounds; the paths are asked for in a
/// fixed but scattered order.
#[expect(
    clippy::cast_precision_loss,
    reason = "twenty thousand is far from 2^52"
)]
fn time(paths: &[String], mut lookup: impl FnMut(&str) -> bool) -> f64 {
    let scattered: Vec<&str> = (0..LOOKUPS)
        .filter_map(|i| paths.get(i * 7919 % paths.len()))
        .map(String::as_str)
        .collect();
    let mut rounds: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            for path in &scattered {
                assert!(lookup(black_box(path)));
            }
            start.elapsed()
        })
        .collect();
    rounds.sort_unstable();
    let median = rounds.get(ROUNDS / 2).copied().unwrap_or_default();
    median.as_secs_f64() * 1e9 / LOOKUPS as f64
}
