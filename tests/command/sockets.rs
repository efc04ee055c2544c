//! Sockets that a service manager has bound.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use command_fds::{CommandFdExt as _, FdMapping};
use rustix::process::Signal;

use crate::process::{Directory, Server, full_pipe, proc, send, until};

/// The command as systemd starts it, with a socket that listens as descriptor 3; and where that listens.
fn activated(directory: &Directory, args: &[&str]) -> (Command, String) {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap().to_string();
    let mut command = Command::new("sh");
    // Whose number is known to the process alone.
    let script = r#"LISTEN_PID=$$ exec "$0" "$@""#;
    command
        .args(["-c", script, env!("CARGO_BIN_EXE_gopuram")])
        .args(args)
        .current_dir(directory.path())
        .env("LISTEN_FDS", "1")
        .fd_mappings(vec![FdMapping {
            parent_fd: socket.into(),
            child_fd: 3,
        }])
        .unwrap();
    (command, address)
}

#[test]
fn a_socket_of_systemd_is_served() {
    let directory = Directory::new();
    directory.write("public/index.html", "<h1>Hello</h1>");
    directory.write(
        "site.toml",
        "listen = \"systemd:\"\n[app]\nfiles = \"public\"\n",
    );
    let (mut command, address) = activated(&directory, &["serve", "site.toml"]);
    command.stderr(Stdio::piped()).stdout(Stdio::null());
    let mut process = command.spawn().unwrap();
    drop(command);
    let log = process.stderr.take().unwrap();
    let mut server = Server::started(process, log);
    server.address = address;
    assert!(server.get("/").ends_with("<h1>Hello</h1>"));
    server.signal(Signal::TERM);
    assert!(server.ends());
}

/// Whether it is closed in programs that this one starts: `O_CLOEXEC`.
fn is_taken_over(process: &Child) -> bool {
    let flags = proc(process, "fdinfo/3");
    let flags = flags.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok());
    flags.is_some_and(|flags| flags & 0o2_000_000 != 0)
}

/// To take them over changes the environment, which is not safe once there are other threads.
#[test]
fn sockets_are_taken_over_before_there_are_threads() {
    let directory = Directory::new();
    directory.write("site.toml", "");
    let is_alone = |process: &Child| proc(process, "status").contains("Threads:\t1\n");
    // It waits for who reads what it says, and starts no runtime before or after.
    let (said, full) = full_pipe();
    let (mut command, _) = activated(&directory, &["check", "site.toml"]);
    let mut process = command.stdout(full).spawn().unwrap();
    drop(command);
    until(|| is_taken_over(&process));
    assert!(is_alone(&process));
    send(&process, Signal::KILL);
    process.wait().unwrap();
    drop(said);
    // Its runtime is there before it listens, and before it waits for its log.
    let (log, full) = full_pipe();
    let (mut command, _) = activated(&directory, &["serve", "site.toml"]);
    let mut process = command.stderr(full).spawn().unwrap();
    drop(command);
    until(|| !proc(&process, "status").is_empty() && !is_alone(&process));
    assert!(is_taken_over(&process));
    send(&process, Signal::KILL);
    process.wait().unwrap();
    drop(log);
}
