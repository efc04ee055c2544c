//! Serving, and what signals change of it.

use std::fs;
use std::process::Stdio;

use rustix::process::Signal;

use crate::process::{Directory, Server, full_pipe, gopuram, proc, send, until};

const SITE: &str = r#"
listen = "127.0.0.1:0"

[app]
files = "public"

[[layer]]
name = "access_log"
file = "access.log"
format = "%U"
"#;

const STAMP: &str = r#"
[[layer]]
name = "set_header"
header = "x-version"
value = "2"
"#;

fn site() -> Directory {
    let directory = Directory::new();
    directory.write("public/index.html", "<h1>Hello</h1>");
    directory.write("public/long.txt", "all work and no play ".repeat(100));
    directory.write("site.toml", SITE);
    directory
}

#[test]
fn a_directory_is_served_without_a_file() {
    let directory = site();
    let args = ["serve", "--files", "public", "--bind", "127.0.0.1:0"];
    let server = Server::start(directory.path(), &args);
    assert!(server.get("/").ends_with("<h1>Hello</h1>"));
    let long = server.get("/long.txt").to_ascii_lowercase();
    assert!(long.contains("content-encoding: gzip"), "{long}");
    server.signal(Signal::TERM);
    assert!(server.ends());
}

#[test]
fn a_file_that_is_read_again_is_for_new_connections() {
    let directory = site();
    let mut server = Server::start(directory.path(), &["serve", "site.toml"]);
    let mut open = server.connect();
    assert!(!open.get("/").contains("x-version"));
    directory.write("site.toml", format!("{SITE}{STAMP}"));
    server.signal(Signal::HUP);
    server.says("the file was read again");
    assert!(!open.get("/").contains("x-version"));
    assert!(server.get("/").contains("x-version: 2"));
    // One that is wrong changes nothing.
    directory.write("site.toml", "listen = 1");
    server.signal(Signal::HUP);
    server.says("nothing changes");
    assert!(server.get("/").contains("x-version: 2"));
    // What cannot change while it runs is told.
    directory.write("site.toml", SITE.replace("127.0.0.1:0", "127.0.0.1:1"));
    server.signal(Signal::HUP);
    server.says("`listen` has changed");
    server.says("the file was read again");
    assert!(!server.get("/").contains("x-version"));
    server.signal(Signal::TERM);
    drop(open);
    assert!(server.ends());
    assert_eq!(directory.text("access.log").lines().count(), 5);
}

#[test]
fn signals_before_it_listens_are_heard() {
    let directory = site();
    let (log, full) = full_pipe();
    let mut command = gopuram(directory.path(), &["serve", "site.toml"]);
    let process = command.stderr(full).stdout(Stdio::null()).spawn().unwrap();
    // The writing end is its own alone.
    drop(command);
    // It waits for its log before it listens. By default each of the three would end it.
    let hears = [Signal::HUP, Signal::USR1, Signal::USR2];
    until(|| {
        let status = proc(&process, "status");
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let caught = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        let is_caught = |signal: &Signal| {
            let bit = 1 << (signal.as_raw() - 1);
            caught.is_some_and(|mask| mask & bit != 0)
        };
        hears.iter().all(is_caught)
    });
    directory.write("site.toml", format!("{SITE}{STAMP}"));
    // The third would start a successor.
    send(&process, Signal::HUP);
    send(&process, Signal::USR1);
    let mut server = Server::started(process, log);
    server.says("the file was read again");
    assert!(server.get("/").contains("x-version: 2"));
    server.signal(Signal::TERM);
    assert!(server.ends());
}

#[test]
fn logs_are_opened_anew() {
    let directory = site();
    let mut server = Server::start(directory.path(), &["serve", "site.toml"]);
    server.get("/before");
    let log = directory.path().join("access.log");
    while directory.text("access.log").is_empty() {
        std::thread::yield_now();
    }
    fs::rename(&log, directory.path().join("old.log")).unwrap();
    server.signal(Signal::USR1);
    server.says("reopening");
    while !log.exists() {
        std::thread::yield_now();
    }
    server.get("/after");
    server.signal(Signal::TERM);
    assert!(server.ends());
    assert_eq!(directory.text("old.log"), "/before\n");
    assert_eq!(directory.text("access.log"), "/after\n");
}

#[test]
fn each_core_serves_where_that_is_said() {
    let directory = site();
    directory.write("site.toml", format!("{SITE}[workers]\ncount = 2\n"));
    let server = Server::start(directory.path(), &["serve", "site.toml"]);
    assert!(server.get("/").ends_with("<h1>Hello</h1>"));
    server.signal(Signal::INT);
    assert!(server.ends());
}
