//! Dependencies point one way, and the middleware crate has few.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::collections::BTreeSet;
use std::process::Command;

/// The lines that `cargo tree` prints for the middleware crate.
fn tree(args: &[&str]) -> Vec<String> {
    tree_of("gopuram-middleware", args)
}

fn tree_of(package: &str, args: &[&str]) -> Vec<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--package", package, "--edges", "normal"])
        .args(["--offline", "--prefix", "none"])
        .args(args)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo tree: {said}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn names(lines: &[String]) -> BTreeSet<&str> {
    let names = lines.iter().filter_map(|line| line.split(' ').next());
    names.collect()
}

#[test]
fn without_features_there_are_six() {
    let lines = tree(&["--no-default-features", "--depth", "1"]);
    let expected = BTreeSet::from([
        "bytes",
        "gopuram-middleware",
        "http",
        "http-body",
        "pin-project-lite",
        "tower-layer",
        "tower-service",
    ]);
    assert_eq!(names(&lines), expected);
}

#[test]
fn with_all_features_there_is_no_gateway() {
    let lines = tree(&["--all-features"]);
    let names = names(&lines);
    for gateway in [
        "gopuram",
        "hyper",
        "hyper-util",
        "mio",
        "socket2",
        "axum",
        "tower-http",
    ] {
        assert!(
            !names.contains(gateway),
            "the middleware crate pulls {gateway}"
        );
    }
    // Tokio is there for clocks and files, without its sockets.
    assert!(names.contains("tokio"));
    let features = tree(&["--all-features", "--format", "{p} {f}"]);
    let tokio = features
        .iter()
        .find(|line| line.starts_with("tokio v"))
        .unwrap();
    let features: Vec<_> = tokio.rsplit(' ').next().unwrap().split(',').collect();
    for net in ["net", "full", "process", "signal"] {
        assert!(!features.contains(&net), "tokio with `{net}`: {tokio}");
    }
}

#[test]
fn who_reads_no_files_has_no_parser_of_them() {
    let lines = tree_of("gopuram", &[]);
    let all = names(&lines);
    for of_files in ["clap", "serde", "toml", "tracing-subscriber"] {
        assert!(
            !all.contains(of_files),
            "the default features pull {of_files}"
        );
    }
    let lines = tree_of(
        "gopuram",
        &["--no-default-features", "--features", "config"],
    );
    let all = names(&lines);
    assert!(all.contains("toml"));
    for of_the_command in ["clap", "rustls", "serde", "tracing-subscriber"] {
        assert!(
            !all.contains(of_the_command),
            "`config` pulls {of_the_command}"
        );
    }
}
