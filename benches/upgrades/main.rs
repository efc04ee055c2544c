//! A server that changes under a load, of which no request may fail and no byte be lost: `bench-upgrades`.
//!
//! Certificates are reloaded (`SIGHUP`), new versions take over (`SIGUSR2`), and the server is drained and started
//! again on sockets that somebody else holds, as systemd does. A request that fails counts as such; one on a
//! connection that is closed before the first byte of an answer is sent again, as RFC 9110, section 9.2.2 allows,
//! and counted apart, on connections that had been answered before and on new ones. A connection that is found closed before anything is sent
//! over it is neither.

mod load;
mod server;
mod world;

use std::io;
use std::time::Duration;

use load::Load;
use world::World;

fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match args
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .as_slice()
        {
            ["serve", dir, plain, secure] => server::serve(dir, plain, secure).await,
            ["quick"] => measure(5).await,
            _ => measure(20).await,
        }
    })
}

/// How long the load goes on when nothing happens any more.
const AFTER: Duration = Duration::from_secs(1);

async fn measure(times: usize) -> io::Result<()> {
    let mut world = World::new()?;
    world.start().await?;
    let load = Load::on(&world)?;
    for _ in 0..times {
        world.reload().await?;
    }
    load.end("reload", times, AFTER).await?;

    let load = Load::on(&world)?;
    for _ in 0..times {
        world.upgrade().await?;
    }
    load.end("upgrade", times, AFTER).await?;

    let load = Load::on(&world)?;
    for _ in 0..times {
        world.stop().await?;
        world.start().await?;
    }
    load.end("restart", times, AFTER).await?;
    world.stop().await
}
