//! What a request costs in process: time and allocations, layer by layer and as a whole.
//!
//! `bench-layers` prints; `bench-layers count gopuram|axum N` sends N requests and
//! prints nothing, for callgrind to count the instructions of.

#![expect(clippy::print_stdout, reason = "it prints what it measured")]

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use gopuram::middleware::access_log::Log;
use gopuram::middleware::from_fn::Next;
use gopuram::middleware::{
    AccessLog, BodyLimit, CatchPanic, Compress, Cors, NormalizePath, RequestId, SecurityHeaders,
    Timeout, from_fn,
};
use gopuram::{Body, Stack};
use http::{Request, Response};
use tower::service_fn;

use gopuram_benches::measure::{self, Cost, in_process, many};
use gopuram_benches::noop::{Noop, eight, thirty_two};
use gopuram_benches::{peers, production};

fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    // Layers with deadlines want a clock, though none of them is reached.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let _guard = runtime.enter();
    match args.as_slice() {
        ["count", "gopuram", requests] => {
            many(&production::app()?, number(requests), measure::ours)
        }
        ["count", "axum", requests] => {
            many(&peers::axum_production(), number(requests), measure::axums);
        }
        _ => everything()?,
    }
    Ok(())
}

fn number(text: &str) -> usize {
    text.parse().unwrap_or(1000)
}

fn everything() -> io::Result<()> {
    let app = || {
        service_fn(async |_: Request<Body>| Ok::<_, Infallible>(Response::new(Body::from("hello"))))
    };
    let none = in_process(Stack::new().app(app()), measure::ours);
    let one = in_process(Stack::new().layer(Noop).app(app()), measure::ours);
    let eight = in_process(eight(Stack::new()).app(app()), measure::ours);
    let many = in_process(thirty_two(Stack::new()).app(app()), measure::ours);
    println!("{:<26} {:>8} {:>12}", "", "ns", "allocations");
    row("no layer", none);
    row("1 layer that does nothing", one);
    row("8", eight);
    row("32", many);

    let log = || Log::file(std::env::temp_dir().join("gopuram-bench.log"));
    println!(
        "\n{:<26} {:>8} {:>12}   over no layer",
        "one layer each", "ns", "allocations"
    );
    let each = [
        (
            "request_id",
            in_process(
                Stack::new().with(RequestId::default()).app(app()),
                measure::ours,
            ),
        ),
        (
            "access_log",
            in_process(
                Stack::new().with(AccessLog::combined(log()?)).app(app()),
                measure::ours,
            ),
        ),
        (
            "security_headers",
            in_process(
                Stack::new().with(SecurityHeaders::default()).app(app()),
                measure::ours,
            ),
        ),
        (
            "cors",
            in_process(
                Stack::new().with(Cors::any_origin()).app(app()),
                measure::ours,
            ),
        ),
        (
            "catch_panic",
            in_process(
                Stack::new().with(CatchPanic::default()).app(app()),
                measure::ours,
            ),
        ),
        (
            "timeout",
            in_process(
                Stack::new()
                    .with(Timeout::head(Duration::from_secs(30)))
                    .app(app()),
                measure::ours,
            ),
        ),
        (
            "body_limit",
            in_process(
                Stack::new().with(BodyLimit::new(2 << 20)).app(app()),
                measure::ours,
            ),
        ),
        (
            "normalize_path",
            in_process(
                Stack::new()
                    .with(NormalizePath::trim().rewrite())
                    .app(app()),
                measure::ours,
            ),
        ),
        (
            "compress",
            in_process(
                Stack::new().with(Compress::default()).app(app()),
                measure::ours,
            ),
        ),
        (
            "from_fn",
            in_process(
                Stack::new()
                    .layer(from_fn(async |req, next: Next| next.run(req).await))
                    .app(app()),
                measure::ours,
            ),
        ),
    ];
    for (name, cost) in each {
        row(
            name,
            Cost {
                ns: cost.ns - none.ns,
                allocations: cost.allocations - none.allocations,
            },
        );
    }

    println!(
        "\n{:<26} {:>8} {:>12}",
        "hello by a router", "ns", "allocations"
    );
    row("gopuram", in_process(production::hello(), measure::ours));
    row("axum", in_process(peers::axum_hello(), measure::axums));
    let ours = in_process(production::app()?, measure::ours);
    let theirs = in_process(peers::axum_production(), measure::axums);
    println!("\nand behind the production stack");
    row("gopuram", ours);
    row("axum with tower-http", theirs);

    println!("\n# stack ns {}", ours.ns);
    println!("# axum stack ns {}", theirs.ns);
    println!(
        "COUNT layer_allocations {}",
        (many.allocations - none.allocations) / 32.0
    );
    println!("COUNT layer_ns {:.1}", (many.ns - none.ns) / 32.0);
    println!("COUNT stack_allocations {}", ours.allocations);
    println!("COUNT axum_stack_allocations {}", theirs.allocations);
    Ok(())
}

fn row(name: &str, cost: Cost) {
    println!("{name:<26} {:>8.0} {:>12.1}", cost.ns, cost.allocations);
}
