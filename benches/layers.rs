//! What a request costs in process: time and allocations, layer by layer and as a whole.
//!
//! `bench-layers` prints; `bench-layers count NAME N` sends N requests and prints nothing, for
//! callgrind to count the instructions of.

#![expect(clippy::print_stdout, reason = "it prints what it measured")]

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use gopuram::middleware::access_log::Log;
use gopuram::middleware::from_fn::Next;
use gopuram::middleware::{
    AccessLog, BodyLimit, CatchPanic, Compress, Cors, NormalizePath, RequestId, Timeout, from_fn,
};
use gopuram::{Body, Stack};
use http::{Request, Response};
use tower::service_fn;
use tower_service::Service;

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
        ["names"] => contenders(&mut Names)?,
        ["count", name, requests] => contenders(&mut Count {
            name,
            requests: requests.parse().map_err(io::Error::other)?,
        })?,
        _ => {
            let mut times = Times::default();
            contenders(&mut times)?;
            times.print();
        }
    }
    Ok(())
}

/// What is done with each stack that is measured.
trait Visit {
    fn visit<S, B>(&mut self, name: &'static str, stack: S, request: impl Fn() -> Request<B>)
    where
        S: Service<Request<B>> + Clone;
}

/// Every stack that is measured: nothing, nothing often, each layer alone, all of them.
fn contenders(visit: &mut impl Visit) -> io::Result<()> {
    let app = || {
        service_fn(async |_: Request<Body>| Ok::<_, Infallible>(Response::new(Body::from("hello"))))
    };
    let log = Log::file(std::env::temp_dir().join("gopuram-bench-layers.log"))?;
    let head = Timeout::head(Duration::from_secs(30));
    let pass = from_fn(async |req: Request<Body>, next: Next| next.run(req).await);

    let request = measure::ours;
    visit.visit("nothing", Stack::new().app(app()), request);
    visit.visit(
        "1 that does nothing",
        Stack::new().layer(Noop).app(app()),
        request,
    );
    visit.visit("8 of them", eight(Stack::new()).app(app()), request);
    visit.visit("32 of them", thirty_two(Stack::new()).app(app()), request);

    let with = Stack::new().with(RequestId::default());
    visit.visit("request_id", with.app(app()), request);
    let with = Stack::new().with(AccessLog::combined(log));
    visit.visit("access_log", with.app(app()), request);
    let with = Stack::new().with(production::five_fields());
    visit.visit("security_headers", with.app(app()), request);
    let with = Stack::new().with(Cors::any_origin());
    visit.visit("cors", with.app(app()), request);
    let with = Stack::new().with(CatchPanic::default());
    visit.visit("catch_panic", with.app(app()), request);
    visit.visit("timeout", Stack::new().with(head).app(app()), request);
    let with = Stack::new().with(BodyLimit::new(2 << 20));
    visit.visit("body_limit", with.app(app()), request);
    let with = Stack::new().with(NormalizePath::trim().rewrite());
    visit.visit("normalize_path", with.app(app()), request);
    let with = Stack::new().with(Compress::default());
    visit.visit("compress", with.app(app()), request);
    visit.visit("from_fn", Stack::new().layer(pass).app(app()), request);

    visit.visit("router", production::hello(), request);
    visit.visit("axum", peers::axum_hello(), measure::axums);
    visit.visit("stack", production::app()?, request);
    visit.visit("axum-stack", peers::axum_production(), measure::axums);
    Ok(())
}

/// Prints their names, for callgrind to be run on each.
struct Names;

impl Visit for Names {
    fn visit<S, B>(&mut self, name: &'static str, _: S, _: impl Fn() -> Request<B>)
    where
        S: Service<Request<B>> + Clone,
    {
        println!("{name}");
    }
}

/// Sends requests to one of them.
struct Count<'a> {
    name: &'a str,
    requests: usize,
}

impl Visit for Count<'_> {
    fn visit<S, B>(&mut self, name: &'static str, stack: S, request: impl Fn() -> Request<B>)
    where
        S: Service<Request<B>> + Clone,
    {
        if name == self.name {
            many(&stack, self.requests, request);
        }
    }
}

/// Times each of them.
#[derive(Default)]
struct Times(Vec<(&'static str, Cost)>);

impl Visit for Times {
    fn visit<S, B>(&mut self, name: &'static str, stack: S, request: impl Fn() -> Request<B>)
    where
        S: Service<Request<B>> + Clone,
    {
        self.0.push((name, in_process(&stack, request)));
    }
}

impl Times {
    fn print(&self) {
        println!("{:<20} {:>8} {:>12}", "", "ns", "allocations");
        for (name, cost) in &self.0 {
            println!("{name:<20} {:>8.0} {:>12.1}", cost.ns, cost.allocations);
        }
        let of = |name: &str| {
            self.0
                .iter()
                .find(|(n, _)| *n == name)
                .map(|(_, cost)| cost)
        };
        let (Some(none), Some(many)) = (of("nothing"), of("32 of them")) else {
            return;
        };
        let (Some(ours), Some(theirs)) = (of("stack"), of("axum-stack")) else {
            return;
        };
        println!();
        println!(
            "COUNT layer_allocations {}",
            (many.allocations - none.allocations) / 32.0
        );
        println!("COUNT layer_ns {:.1}", (many.ns - none.ns) / 32.0);
        println!("COUNT stack_allocations {}", ours.allocations);
        println!("COUNT axum_stack_allocations {}", theirs.allocations);
        println!("RATIO stack_vs_axum {:.2}", theirs.ns / ours.ns);
    }
}
