//! A load that is measured and attacks that are not, each a process: `bench-attack KIND PORT SECONDS CONNECTIONS`.
//!
//! Attackers are bounded in rate, and give way to the load on the core that both have: what is measured is the
//! server, not this. Connections come from many addresses of 127.0.0.0/8, so that no limit by address stops them.

mod frames;
mod load;
mod many;
mod slow;
mod streams;

use std::io;
use std::time::Duration;

use tokio::time::Instant;

/// Where an attack goes, with how many connections and until when.
#[derive(Clone, Copy, Debug)]
struct Target {
    port: u16,
    connections: usize,
    until: Instant,
}

fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| {
        args.get(at)
            .and_then(|n| n.parse::<u32>().ok())
            .unwrap_or(0)
    };
    let port = u16::try_from(number(1)).unwrap_or(0);
    let seconds = Duration::from_secs(number(2).into());
    let connections = usize::try_from(number(3)).unwrap_or(0);
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(async {
            let target = Target {
                port,
                connections,
                until: Instant::now() + seconds,
            };
            match args.first().map_or("", String::as_str) {
                "load" => load::run(target).await,
                "slow-head" => many::hold(target, None, slow::head).await,
                "large-head" => many::hold(target, None, slow::large_head).await,
                "slow-body" => many::hold(target, None, slow::body).await,
                "slow-read" => many::hold(target, Some(4096), slow::read).await,
                "churn" => many::churn(target).await,
                "rapid-reset" => streams::flood(target, 10_000, streams::rapid_reset).await,
                "ping-flood" => streams::flood(target, 10_000, streams::ping).await,
                "settings-flood" => streams::flood(target, 5_000, streams::settings).await,
                "continuation-flood" => streams::flood(target, 2_000, streams::continuation).await,
                "empty-frames" => streams::flood(target, 10_000, streams::empty).await,
                "header-bombs" => streams::flood(target, 500, streams::bomb).await,
                other => Err(io::Error::other(format!("no attack `{other}`"))),
            }
        })
}
