//! Many connections at once, or one after the other.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep, sleep_until, timeout_at};

use super::Target;

/// How many connections are opened a second.
const OPENED: u32 = 3_000;

/// How long what they brought about at first may take.
const SETTLE: Duration = Duration::from_secs(1);

/// How many are opened and closed a second.
const CHURNED: u32 = 1_000;

/// From how many addresses.
const ADDRESSES: usize = 100;

/// Opens all connections, says `ready`, and holds each as `slowly` does until the end.
pub(super) async fn hold<F>(
    target: Target,
    buffer: Option<u32>,
    slowly: fn(TcpStream) -> F,
) -> io::Result<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    let open = Arc::new(AtomicUsize::new(0));
    let mut held = JoinSet::new();
    let mut pace = interval(Duration::from_secs(1) / OPENED);
    for number in 0..target.connections {
        pace.tick().await;
        let stream = connect(target.port, number, buffer).await?;
        let open = Arc::clone(&open);
        open.fetch_add(1, Ordering::Relaxed);
        held.spawn(async move {
            slowly(stream).await;
            open.fetch_sub(1, Ordering::Relaxed);
        });
    }
    sleep(SETTLE).await;
    say("ready");
    sleep_until(target.until).await;
    say(&format!("{} open at the end", open.load(Ordering::Relaxed)));
    Ok(())
}

/// Opens connections, half of them to ask for something, and closes them.
pub(super) async fn churn(target: Target) -> io::Result<()> {
    say("ready");
    let mut pace = interval(Duration::from_secs(1) / CHURNED);
    for number in 0.. {
        pace.tick().await;
        if Instant::now() > target.until {
            break;
        }
        let opened = timeout_at(target.until, connect(target.port, number, None)).await;
        let Ok(mut stream) = opened.map_err(io::Error::from).flatten() else {
            continue;
        };
        if number % 2 == 0 {
            let asked = stream.write_all(b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n");
            drop(asked.await);
        }
    }
    say("done");
    Ok(())
}

/// A connection from one of many addresses.
pub(super) async fn connect(
    port: u16,
    number: usize,
    buffer: Option<u32>,
) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    if let Some(bytes) = buffer {
        socket.set_recv_buffer_size(bytes)?;
    }
    let last = u8::try_from(number % ADDRESSES).unwrap_or(0) + 1;
    socket.bind(SocketAddr::from((Ipv4Addr::new(127, 0, 1, last), 0)))?;
    let stream = socket.connect((Ipv4Addr::LOCALHOST, port).into()).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

#[expect(clippy::print_stdout, reason = "who started this reads it")]
pub(super) fn say(line: &str) {
    println!("{line}");
}
