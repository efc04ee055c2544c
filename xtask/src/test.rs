//! `cargo xtask test`: set up, then run everything.

use crate::parts::{
    self, APACHE, CHROMIUM, CURL, HAPROXY, LIGHTTPD, NGINX, NGINX_STREAM, OPENSSL,
    PROMETHEUS_CLIENT, PROMTOOL, REDIS, SSLSCAN,
};
use crate::python;
use crate::run::{self, Failed, cargo, run};

/// The features of the catalogue, each checked alone.
const FEATURES: &[&str] = &[
    "br", "cache", "dates", "digest", "etag", "files", "gzip", "health", "log", "nonce", "router",
    "timer", "uuid", "zstd",
];

/// Sets up what the tests need and runs them all.
///
/// # Errors
///
/// The first command that failed; under `CI`, also a part that is missing.
pub(crate) fn all() -> Result<(), Failed> {
    let strict = std::env::var_os("CI").is_some();
    let wanted = [
        APACHE,
        CHROMIUM,
        CURL,
        HAPROXY,
        LIGHTTPD,
        NGINX,
        NGINX_STREAM,
        OPENSSL,
        PROMETHEUS_CLIENT,
        PROMTOOL,
        REDIS,
        SSLSCAN,
    ];
    if let Err(missing) = parts::need(&wanted) {
        if strict {
            return Err(missing);
        }
        eprintln!("{missing}\nthe tests that need it will be SKIPPED");
    }
    suite(&[])?;
    // The same tests of layers once more, over real sockets.
    suite(&[("GOPURAM_TEST_OVER", "socket")])?;
    run(cargo(&[
        "test",
        "--quiet",
        "--workspace",
        "--doc",
        "--all-features",
    ]))?;
    // Fuzzing needs more than there is here, but its targets have to build.
    let mut fuzz = cargo(&["check", "--quiet", "--manifest-path", "fuzz/Cargo.toml"]);
    fuzz.env("CARGO_TARGET_DIR", run::target().join("fuzz"));
    // As cargo-fuzz sets it: the way in to private code is there for nobody else.
    fuzz.env("RUSTFLAGS", "--cfg fuzzing");
    run(fuzz)?;
    for feature in FEATURES {
        run(alone(&["--features", feature]))?;
    }
    run(alone(&[]))?;
    // Files without TLS.
    let mut config = cargo(&["check", "--quiet", "--package", "gopuram"]);
    config.args(["--no-default-features", "--features", "config"]);
    run(config)?;
    python::test(strict)
}

/// The whole suite: by nextest where it is installed, else by cargo's own runner.
fn suite(vars: &[(&str, &str)]) -> Result<(), Failed> {
    let mut suite = if run::output(cargo(&["nextest", "--version"])).is_ok() {
        cargo(&["nextest", "run", "--workspace", "--all-features"])
    } else {
        cargo(&[
            "test",
            "--workspace",
            "--all-features",
            "--lib",
            "--bins",
            "--tests",
        ])
    };
    suite.envs(vars.iter().copied());
    run(suite)
}

/// The catalogue checked with these features and no others.
fn alone(features: &[&str]) -> std::process::Command {
    let mut check = cargo(&[
        "check",
        "--quiet",
        "--package",
        "gopuram-middleware",
        "--no-default-features",
    ]);
    check.args(features);
    check
}
