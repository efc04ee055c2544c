//! The load whose latency is measured: few connections, kept alive and paced.

use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::Target;

const REQUEST: &[u8] = b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n";
const BODY: &[u8] = b"Hello, World!";

/// How often each connection asks.
const EVERY: Duration = Duration::from_millis(10);

/// After how long a request has failed.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is looked at together: of the 99th percentiles of these the median counts, or what else the machine does
/// in one of them would be taken for the server.
const WINDOW: Duration = Duration::from_millis(250);

#[derive(Default)]
struct Seen {
    /// The window, and the time in microseconds.
    answered: Vec<(u128, u64)>,
    failed: usize,
}

/// Asks from all connections and prints `P99 MAX REQUESTS FAILED`, times in microseconds.
pub(super) async fn run(target: Target) -> io::Result<()> {
    let start = Instant::now();
    let mut asking = JoinSet::new();
    for number in 0..target.connections {
        let offset = EVERY * u32::try_from(number).unwrap_or(0);
        let first = start + offset / u32::try_from(target.connections).unwrap_or(1);
        asking.spawn(ask(target, start, first));
    }
    let mut all = Seen::default();
    while let Some(seen) = asking.join_next().await {
        let seen = seen.map_err(io::Error::other)?;
        all.answered.extend(seen.answered);
        all.failed += seen.failed;
    }
    let mut windows = BTreeMap::<_, Vec<_>>::new();
    for &(window, micros) in &all.answered {
        windows.entry(window).or_default().push(micros);
    }
    let highest = windows.into_values().map(|window| percentile(window, 99));
    let p99 = percentile(highest.collect(), 50);
    let most = all.answered.iter().map(|(_, micros)| *micros).max();
    let most = most.unwrap_or_default();
    #[expect(clippy::print_stdout, reason = "who started this reads it")]
    {
        println!("{p99} {most} {} {}", all.answered.len(), all.failed);
    }
    Ok(())
}

fn percentile(mut values: Vec<u64>, hundredths: usize) -> u64 {
    values.sort_unstable();
    let place = values.len() * hundredths / 100;
    values.get(place).copied().unwrap_or_default()
}

async fn ask(target: Target, start: Instant, mut due: Instant) -> Seen {
    let mut seen = Seen::default();
    let mut stream = None;
    while due < target.until {
        // Whoever had to wait for the answer before sees how late it was here as well; that the timer is late is
        // nobody's fault.
        let is_late = Instant::now() > due;
        sleep_until(due).await;
        let begun = if is_late { due } else { Instant::now() };
        if let Ok(Ok(())) = timeout(PATIENCE, once(&mut stream, target.port)).await {
            let micros = begun.elapsed().as_micros();
            let window = (due - start).as_millis() / WINDOW.as_millis();
            let micros = u64::try_from(micros).unwrap_or(u64::MAX);
            seen.answered.push((window, micros));
        } else {
            seen.failed += 1;
            stream = None;
        }
        due += EVERY;
    }
    seen
}

/// One request over the connection that there is.
async fn once(kept: &mut Option<TcpStream>, port: u16) -> io::Result<()> {
    let stream = if let Some(stream) = kept {
        stream
    } else {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        stream.set_nodelay(true)?;
        kept.insert(stream)
    };
    stream.write_all(REQUEST).await?;
    let mut answer = Vec::with_capacity(256);
    while !answer.ends_with(BODY) {
        if stream.read_buf(&mut answer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    if answer.starts_with(b"HTTP/1.1 200 ") {
        Ok(())
    } else {
        Err(io::ErrorKind::InvalidData.into())
    }
}
