//! `bench attacks`: what others notice of an attack, and what it costs in memory.
//!
//! A server of its own for each, on the first core, with the limits and deadlines that everybody gets. On the second
//! one, a load of eight connections of which each asks every 10 ms, first alone and then during the attack; and the
//! attacker, bounded in rate and behind the load in priority, so that it is the server that is measured. It has 100 addresses: a
//! limit of connections per client (`Limits::per_client`, none by default) divides what each of them can hold, so that the
//! crowd below would need as many more addresses.

use std::fs;
use std::io::{BufRead as _, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};

use super::build_two;
use super::load;
use crate::run::{self, Background, Failed, command, target};

const PORT: u16 = 18_500;

/// How many connections ask, at 100 requests a second each.
const LOAD: usize = 8;

/// Within which the 99th percentile has to stay, as a multiple of that without the attack.
const BAR: f64 = 2.0;

/// An attack, and with how many connections.
struct Attack {
    name: &'static str,
    connections: usize,
    /// Opened before the load is measured; else by and by.
    held: bool,
}

/// As many as there may be less what others need, of the 10,000 connections that a server has by default.
const CROWD: usize = 9_900;

const ATTACKS: [Attack; 11] = [
    Attack::held("slow-head", CROWD),
    Attack::held("large-head", 1_000),
    Attack::held("slow-body", 5_000),
    Attack::held("slow-read", 2_000),
    Attack::flood("churn", 1),
    Attack::flood("rapid-reset", 10),
    Attack::flood("ping-flood", 10),
    Attack::flood("settings-flood", 10),
    Attack::flood("continuation-flood", 10),
    Attack::flood("empty-frames", 10),
    Attack::flood("header-bombs", 10),
];

impl Attack {
    const fn held(name: &'static str, connections: usize) -> Self {
        Self {
            name,
            connections,
            held: true,
        }
    }

    const fn flood(name: &'static str, connections: usize) -> Self {
        Self {
            name,
            connections,
            held: false,
        }
    }
}

/// What was measured of one.
struct Figures {
    alone: Latency,
    during: Latency,
    growth: u64,
    connections: usize,
    said: String,
}

/// For how long the load asks: the slowest hundredth of a second's requests is a handful.
const SECONDS: u32 = 5;

/// What a load saw, in microseconds.
#[derive(Clone, Copy)]
struct Latency {
    p99: f64,
    most: f64,
    failed: usize,
}

/// Attacks in every way, and prints what came of it.
///
/// # Errors
///
/// If a request of the load failed.
pub(crate) fn bench() -> Result<(), Failed> {
    build_two("bench-server", "bench-attack")?;
    println!(
        "{:<20} {:>11} {:>9} {:>9} {:>6} {:>9} {:>10} {:>10}",
        "", "connections", "alone us", "during us", "ratio", "worst us", "RSS KiB", "bytes each"
    );
    let mut failed = Vec::new();
    let mut lines = Vec::new();
    for (attack, port) in ATTACKS.iter().zip(PORT..) {
        let figures = measure(attack, port)?;
        let ratio = figures.during.p99 / figures.alone.p99;
        let each = figures.growth / figures.connections.max(1) as u64;
        println!(
            "{:<20} {:>11} {:>9} {:>9} {:>6.2} {:>9} {:>10} {:>10}   {}",
            attack.name,
            figures.connections,
            figures.alone.p99,
            figures.during.p99,
            ratio,
            figures.during.most,
            figures.growth / 1024,
            each,
            figures.said,
        );
        let name = attack.name.replace('-', "_");
        let lost = figures.alone.failed + figures.during.failed;
        if lost > 0 {
            failed.push(format!("{lost} requests during {}", attack.name));
        }
        lines.push((name, ratio, each, lost));
    }
    println!("\nThe bar of the ratio is {BAR}; of failures, 0.");
    for (name, ratio, each, lost) in lines {
        super::ratio(&format!("{name}_p99"), ratio);
        println!("COUNT {name}_bytes_per_connection {each}");
        println!("COUNT {name}_failed {lost}");
    }
    if failed.is_empty() {
        Ok(())
    } else {
        Err(format!("failed: {}", failed.join(", ")))
    }
}

fn measure(attack: &Attack, port: u16) -> Result<Figures, Failed> {
    let mut server = program("bench-server", "0", Place::Before);
    server.args(["gopuram-attacked", &port.to_string()]);
    server.stdout(Stdio::null());
    let server = load::serve(server, port)?;
    // What is made at first use is not counted.
    load_of(port, 1)?;
    let alone = load_of(port, SECONDS)?;
    let before = resident(&server, "VmRSS:")?;
    let connections = attack.connections.min(files()?.saturating_sub(500));
    // Opened at 3,000 a second, and settled for one, then held while the load is measured.
    let opening = if attack.held {
        connections / 3_000 + 2
    } else {
        0
    };
    let mut attacker = program("bench-attack", "1", Place::With);
    attacker.args([attack.name, &port.to_string()]);
    attacker.args([
        (opening as u64 + u64::from(SECONDS) + 1).to_string(),
        connections.to_string(),
    ]);
    let mut attacker = Attacker::start(attacker)?;
    attacker.line()?;
    let during = load_of(port, SECONDS)?;
    let after = resident(&server, "VmHWM:")?;
    Ok(Figures {
        alone,
        during,
        growth: after.saturating_sub(before),
        connections,
        said: attacker.line()?,
    })
}

/// How a program stands to all others; without the right to a place before them it has the usual one.
#[derive(Clone, Copy)]
enum Place {
    Before,
    With,
}

/// One of our programs on a core, with as many files open as may be.
fn program(name: &str, core: &str, place: Place) -> Command {
    let nice = match place {
        Place::Before => "-10",
        Place::With => "0",
    };
    let script =
        format!("ulimit -n \"$(ulimit -Hn)\"; exec nice -n {nice} taskset -c {core} \"$0\" \"$@\"");
    let mut command = command("sh", &["-c", &script]);
    command.arg(target().join("release").join(name));
    command
}

/// How many files a process may have open.
fn files() -> Result<usize, Failed> {
    let said = run::output(command("sh", &["-c", "ulimit -Hn"]))?;
    Ok(said.trim().parse().unwrap_or(usize::MAX))
}

/// What the load sees in so many seconds.
fn load_of(port: u16, seconds: u32) -> Result<Latency, Failed> {
    let mut load = program("bench-attack", "1", Place::Before);
    load.args([
        "load",
        &port.to_string(),
        &seconds.to_string(),
        &LOAD.to_string(),
    ]);
    let said = run::output(load)?;
    let numbers: Vec<u32> = said
        .split_whitespace()
        .filter_map(|n| n.parse().ok())
        .collect();
    let [p99, most, requests, failed] = numbers.as_slice() else {
        return Err(format!("no figures in {said}"));
    };
    if *requests == 0 {
        return Err("the load was not answered".to_owned());
    }
    Ok(Latency {
        p99: (*p99).into(),
        most: (*most).into(),
        failed: *failed as usize,
    })
}

/// The memory of a server, in bytes.
fn resident(server: &Background, which: &str) -> Result<u64, Failed> {
    let path = format!("/proc/{}/status", server.id());
    let status = fs::read_to_string(&path).map_err(|e| format!("{path}: {e}"))?;
    status
        .lines()
        .find_map(|line| line.strip_prefix(which)?.trim().strip_suffix(" kB"))
        .and_then(|kib| kib.trim().parse::<u64>().ok())
        .map(|kib| kib * 1024)
        .ok_or_else(|| format!("no {which} in {path}"))
}

/// An attack that says a line when it has begun, and one at its end.
struct Attacker {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Attacker {
    fn start(mut command: Command) -> Result<Self, Failed> {
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|e| format!("bench-attack: {e}"))?;
        let out = child.stdout.take().ok_or("bench-attack has no output")?;
        let lines = BufReader::new(out).lines();
        Ok(Self { child, lines })
    }

    fn line(&mut self) -> Result<String, Failed> {
        let line = self.lines.next().ok_or("bench-attack ended early")?;
        line.map_err(|e| format!("bench-attack: {e}"))
    }
}

impl Drop for Attacker {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
