//! Tasks of this workspace: `cargo xtask test`, `cargo xtask bench`.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a task says what it does"
)]

mod bench;
mod interpreters;
mod parts;
mod python;
mod run;
mod test;

use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "\
Tasks of this workspace.

cargo xtask test                       set up what the tests need, then run them all
cargo xtask test python                build the wheel and run its tests, and those of the rules by all versions of Python there are
cargo xtask test python --interpreter PATH   the same with this Python alone
cargo xtask conformance DATE           hold PEP 3333 over the wheel and its peers, and write python/CONFORMANCE.md
cargo xtask bench SECTION [--quick]    measure beside the peers, and print the ratios

Sections: layers, http, static, gzip, tls, gateways, router, memory, attacks, upgrades, workers, wsgi, build.
--quick takes fewer and shorter rounds: the ratios are rough.
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args.as_slice() {
        ["test"] => test::all(),
        ["test", "python"] => python::test(true),
        ["test", "python", "--interpreter", path] => python::test_by(Path::new(path)),
        ["conformance", date] => python::conformance(date),
        ["bench", section] => bench::section(section, false),
        ["bench", section, "--quick"] | ["bench", "--quick", section] => {
            bench::section(section, true)
        }
        [] | ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("xtask: {why}");
            ExitCode::FAILURE
        }
    }
}
