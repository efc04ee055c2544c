//! The servers that are measured over sockets: `bench-server KIND PORT [ROOT]`.

use std::io;

use gopuram_benches::{peers, production};

fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let mut args = args.iter().map(String::as_str);
    let kind = args.next().unwrap_or_default();
    let port = args.next().and_then(|port| port.parse().ok()).unwrap_or(0);
    let rest: Vec<_> = args.collect();
    let root = rest.first().copied().unwrap_or(".");
    // Each has one core to itself, so one thread serves best.
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(async {
            match kind {
                "hyper" => peers::hyper(port).await,
                "hyper-h2" => peers::hyper_h2(port).await,
                "axum" => peers::axum(port, peers::axum_hello()).await,
                "axum-stack" => peers::axum(port, peers::axum_production()).await,
                "gopuram" => production::serve(port, production::hello()).await,
                "gopuram-attacked" => production::serve(port, production::attacked()).await,
                "gopuram-stack" => production::serve(port, production::app()?).await,
                "gopuram-gateways" => {
                    production::serve_behind(port, &rest, production::any()).await
                }
                "gopuram-tls" => production::serve_tls(port, production::hello(), root).await,
                "gopuram-static" => production::serve(port, production::files(root)?).await,
                "gopuram-gzip" => production::serve(port, production::coded(root, 0)?).await,
                "gopuram-gzip-kept" => {
                    production::serve(port, production::coded(root, 8 << 20)?).await
                }
                other => Err(io::Error::other(format!("no server `{other}`"))),
            }
        })
}
