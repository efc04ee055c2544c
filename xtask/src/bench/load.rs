//! Servers on one core, load from the other.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{Effort, median};
use crate::run::{self, Background, Failed, command, target};

/// A server that is measured.
#[derive(Clone, Debug)]
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    pub(crate) port: u16,
}

/// One of our own programs, pinned to the first core.
pub(crate) fn program(name: &str, args: &[&str]) -> Command {
    let path = target().join("release").join(name);
    let mut pinned = command("taskset", &["-c", "0"]);
    pinned.arg(path).args(args).stdout(Stdio::null());
    pinned
}

/// Starts a server and waits until it accepts connections.
pub(crate) fn serve(command: Command, port: u16) -> Result<Background, Failed> {
    let running = Background::start(command)?;
    let deadline = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if Instant::now() > deadline {
            return Err(format!("nothing answers on port {port}"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(running)
}

/// Requests per second of each contender, in interleaved rounds, the median of each.
pub(crate) fn contest(
    contenders: &[Contender],
    effort: Effort,
    once: impl Fn(&Contender, u32) -> Result<f64, Failed>,
) -> Result<Vec<f64>, Failed> {
    let medians = interleaved(contenders, effort, |c, s| Ok([once(c, s)?]))?;
    Ok(medians.into_iter().map(|[rate]| rate).collect())
}

/// As [`contest`], with how many requests a second of each server's processor would have answered: what loads them may be
/// what ends first.
pub(crate) fn contest_by_cpu(
    contenders: &[(&Contender, &Background)],
    effort: Effort,
    once: impl Fn(&Contender, u32) -> Result<f64, Failed>,
) -> Result<Vec<(f64, f64)>, Failed> {
    let medians = interleaved(contenders, effort, |(contender, server), seconds| {
        let before = processor(server)?;
        let rate = once(contender, seconds)?;
        let worked = processor(server)? - before;
        Ok([rate, rate * f64::from(seconds) / worked])
    })?;
    let both = medians.into_iter().map(|[rate, by_cpu]| (rate, by_cpu));
    Ok(both.collect())
}

/// The medians of what is measured of each, in rounds, after one that counts for nothing.
fn interleaved<T, const N: usize>(
    contenders: &[T],
    effort: Effort,
    once: impl Fn(&T, u32) -> Result<[f64; N], Failed>,
) -> Result<Vec<[f64; N]>, Failed> {
    let mut measured: Vec<[Vec<f64>; N]> = Vec::new();
    for contender in contenders {
        once(contender, 1)?;
        measured.push([const { Vec::new() }; N]);
    }
    for _ in 0..effort.rounds {
        for (contender, measured) in contenders.iter().zip(&mut measured) {
            let figures = once(contender, effort.seconds)?;
            for (figure, all) in figures.into_iter().zip(measured) {
                all.push(figure);
            }
        }
    }
    let medians = measured.into_iter().map(|figures| figures.map(median));
    Ok(medians.collect())
}

/// How many seconds a process and those below it have worked (`proc(5)`; a tick is 10 ms on all that Rust knows).
fn processor(process: &Background) -> Result<f64, Failed> {
    let entries = fs::read_dir("/proc").map_err(|e| format!("/proc: {e}"))?;
    let mut all: Vec<(u32, u32, u32)> = entries
        .filter_map(|entry| worked(&entry.ok()?.path()))
        .collect();
    // Parents come before their children, but for numbers that are used again.
    all.sort_unstable();
    let mut family = vec![process.id()];
    let mut ticks = 0;
    for (id, parent, worked) in all {
        if family.contains(&id) || family.contains(&parent) {
            family.push(id);
            ticks += worked;
        }
    }
    Ok(f64::from(ticks) / 100.0)
}

/// The number of a process, its parent's, and how many ticks it has worked.
fn worked(path: &Path) -> Option<(u32, u32, u32)> {
    let id = path.file_name()?.to_str()?.parse().ok()?;
    let said = fs::read_to_string(path.join("stat")).ok()?;
    // The name before may have spaces in it.
    let (_, fields) = said.rsplit_once(')')?;
    let number = |i| fields.split_whitespace().nth(i)?.parse::<u32>().ok();
    Some((id, number(1)?, number(11)? + number(12)?))
}

/// Loads a server over HTTP/1.1 from the second core: `wrk`, 64 connections.
///
/// # Errors
///
/// If anything but successes (or, with `If-None-Match`, 304) came back.
pub(crate) fn wrk(port: u16, path: &str, fields: &[&str], seconds: u32) -> Result<f64, Failed> {
    let args: Vec<_> = fields.iter().flat_map(|field| ["-H", field]).collect();
    figure(
        &wrk_by("http", port, path, &args, seconds)?,
        "Requests/sec:",
    )
}

/// As [`wrk`], but how many bytes came a second: of large answers many are under way at the end.
pub(crate) fn wrk_bytes(port: u16, path: &str, seconds: u32) -> Result<f64, Failed> {
    let said = wrk_by("http", port, path, &[], seconds)?;
    let line = said.lines().find_map(|l| l.strip_prefix("Transfer/sec:"));
    let amount = line.map(str::trim).and_then(|amount| {
        let (number, unit) = amount.split_at(amount.find(|c: char| c.is_ascii_alphabetic())?);
        let power = "BKMGT".find(unit.chars().next()?)?;
        Some(number.parse::<f64>().ok()? * 1024_f64.powi(i32::try_from(power).ok()?))
    });
    amount.ok_or_else(|| format!("no `Transfer/sec:` in:\n{said}"))
}

/// As [`wrk`], of the root and with more arguments for `wrk` itself.
pub(crate) fn wrk_with(port: u16, args: &[&str], seconds: u32) -> Result<f64, Failed> {
    figure(&wrk_by("http", port, "/", args, seconds)?, "Requests/sec:")
}

/// As [`wrk`], over TLS.
pub(crate) fn wrk_tls(port: u16, path: &str, seconds: u32) -> Result<f64, Failed> {
    figure(&wrk_by("https", port, path, &[], seconds)?, "Requests/sec:")
}

/// What `wrk` says.
fn wrk_by(
    scheme: &str,
    port: u16,
    path: &str,
    args: &[&str],
    seconds: u32,
) -> Result<String, Failed> {
    let duration = format!("-d{seconds}s");
    let mut wrk = command(
        "taskset",
        &[
            "-c",
            "1",
            "wrk",
            "-t1",
            "-c64",
            "--timeout",
            "30s",
            &duration,
        ],
    );
    wrk.args(args);
    wrk.arg(format!("{scheme}://127.0.0.1:{port}{path}"));
    let said = run::output(wrk)?;
    if let Some(line) = said
        .lines()
        .find(|l| l.contains("Non-2xx") || l.contains("Socket errors"))
    {
        return Err(format!("port {port}{path}: {}", line.trim()));
    }
    Ok(said)
}

/// As [`wrk`], with `HEAD`: by `ab`, since `wrk` waits for the body that never comes.
pub(crate) fn ab_head(port: u16, path: &str, seconds: u32) -> Result<f64, Failed> {
    let seconds = seconds.to_string();
    let url = format!("http://127.0.0.1:{port}{path}");
    let args = [
        "-c",
        "1",
        "ab",
        "-q",
        "-k",
        "-i",
        "-c",
        "64",
        "-n",
        "100000000",
        "-t",
        &seconds,
        &url,
    ];
    let said = run::output(command("taskset", &args))?;
    if !said.contains("Failed requests:        0") || said.contains("Non-2xx") {
        return Err(format!("port {port}{path} with HEAD:\n{said}"));
    }
    let line = said
        .lines()
        .find_map(|line| line.strip_prefix("Requests per second:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .ok_or_else(|| format!("no figure in:\n{said}"))
}

/// Loads a server over HTTP/2 with prior knowledge: `h2load`, 16 connections of 32 streams.
pub(crate) fn h2load(port: u16, path: &str, seconds: u32) -> Result<f64, Failed> {
    let duration = format!("--duration={seconds}");
    let url = format!("http://127.0.0.1:{port}{path}");
    let args = [
        "-c",
        "1",
        "h2load",
        "-t1",
        "-c16",
        "-m32",
        &duration,
        "--warm-up-time=1",
        &url,
    ];
    let said = run::output(command("taskset", &args))?;
    if !said.contains(" 0 failed, 0 errored") {
        return Err(format!("port {port}{path} over HTTP/2:\n{said}"));
    }
    // "finished in 4.00s, 123456.00 req/s, 5.00MB/s"
    let line = said
        .lines()
        .find(|l| l.starts_with("finished in"))
        .unwrap_or_default();
    let figure = line
        .split(", ")
        .find_map(|part| part.strip_suffix(" req/s"));
    figure
        .and_then(|f| f.parse().ok())
        .ok_or_else(|| format!("no figure in:\n{said}"))
}

fn figure(said: &str, label: &str) -> Result<f64, Failed> {
    let line = said.lines().find_map(|l| l.strip_prefix(label));
    line.and_then(|l| l.trim().parse().ok())
        .ok_or_else(|| format!("no `{label}` in:\n{said}"))
}
