//! The life of a program behind a front server: its sockets, its successor, its logs, its end.

use std::fs;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use command_fds::{CommandFdExt as _, FdMapping};
use gopuram::gateway::Protocol;

use crate::front::{ALL, Answer, Said};

/// A directory that is removed at the end, and a service manager that is told things there.
struct World {
    path: PathBuf,
    manager: UnixDatagram,
}

impl World {
    fn new(name: &str) -> Self {
        let name = format!("gopuram-life-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        let manager = UnixDatagram::bind(path.join("manager")).unwrap();
        // Nothing here takes as long: who is not heard of fails the test.
        let patience = Some(Duration::from_mins(1));
        manager.set_read_timeout(patience).unwrap();
        Self { path, manager }
    }

    fn socket(&self, protocol: Protocol) -> PathBuf {
        let protocol = protocol.to_string();
        self.path.join(protocol.trim_end_matches(':'))
    }

    /// The program, not started yet.
    fn program(&self, addresses: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gopuram-test-program"));
        command
            .env_clear()
            .env("NOTIFY_SOCKET", self.path.join("manager"))
            .env("GOPURAM_TEST_BIND", addresses)
            .env("GOPURAM_TEST_LOG", self.path.join("log"))
            .stdin(Stdio::null());
        command
    }

    /// Waits until the service manager is told something that begins so; the rest of it.
    fn is_told(&self, what: &str) -> String {
        loop {
            let mut bytes = [0; 1024];
            let count = self.manager.recv(&mut bytes).unwrap();
            let told = String::from_utf8_lossy(&bytes[..count]).into_owned();
            if let Some(rest) = told.strip_prefix(what) {
                return rest.to_owned();
            }
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.path).ok();
    }
}

/// Has a signal sent.
fn signal(signal: &str, pid: &str) {
    let sent = Command::new("kill").args([signal, pid]).status();
    assert!(sent.unwrap().success());
}

/// A request whose answer has begun, and whose body has not ended.
struct UnderWay {
    protocol: Protocol,
    front: UnixStream,
    answer: Vec<u8>,
    rest: Vec<u8>,
}

impl UnderWay {
    fn at(path: &Path, protocol: Protocol) -> Self {
        let mut front = UnixStream::connect(path).unwrap();
        front
            .set_read_timeout(Some(Duration::from_mins(1)))
            .unwrap();
        let bytes = Said::of("PUT", "/mirror").send(protocol, b"abcdef");
        // In FastCGI the end of the stream is behind it.
        let end = match protocol {
            Protocol::FastCgi => 13,
            _ => 3,
        };
        let (first, rest) = bytes.split_at(bytes.len() - end);
        front.write_all(first).unwrap();
        let mut answer = Vec::new();
        while !answer.windows(4).any(|piece| piece == b"\r\n\r\n") {
            let mut bytes = [0; 1024];
            let count = front.read(&mut bytes).unwrap();
            assert!(count > 0, "{protocol:?}");
            answer.extend(&bytes[..count]);
        }
        Self {
            protocol,
            front,
            answer,
            rest: rest.to_vec(),
        }
    }

    /// Ends it; who has answered it.
    fn end(mut self) -> String {
        self.front.write_all(&self.rest).unwrap();
        self.front.read_to_end(&mut self.answer).unwrap();
        let answer = Answer::of(self.protocol, &self.answer, false);
        assert!(answer.whole);
        assert_eq!(answer.body(), "abcdef");
        answer.header("pid").unwrap().to_owned()
    }
}

/// Has a program replaced, and its successor ended, while requests are answered.
fn replaced_and_ended(world: &World, mut old: Child) {
    world.is_told("READY=1");
    let begin = || ALL.map(|protocol| UnderWay::at(&world.socket(protocol), protocol));
    let under_way = begin();
    signal("-USR2", &old.id().to_string());
    let successor = world.is_told("MAINPID=");
    assert_ne!(successor, old.id().to_string());
    for request in under_way {
        assert_eq!(request.end(), old.id().to_string());
    }
    assert!(old.wait().unwrap().success());
    let under_way = begin();
    signal("-TERM", &successor);
    world.is_told("STOPPING=1");
    for request in under_way {
        assert_eq!(request.end(), successor);
    }
}

#[test]
fn what_was_bound_is_handed_over_and_drained() {
    let world = World::new("bound");
    let addresses = ALL.map(|protocol| {
        let path = world.socket(protocol);
        format!("{protocol}unix:{}", path.display())
    });
    let old = world.program(&addresses.join(" ")).spawn().unwrap();
    replaced_and_ended(&world, old);
}

#[test]
fn what_a_service_manager_passed_is_handed_over_and_drained() {
    let world = World::new("passed");
    let addresses = ALL.map(|protocol| format!("{protocol}systemd:for-{protocol:?}"));
    // In another order than they are bound in.
    let passed = || ALL.into_iter().rev().enumerate();
    let names: Vec<_> = passed()
        .map(|(_, protocol)| format!("for-{protocol:?}"))
        .collect();
    let mappings = passed().map(|(number, protocol)| FdMapping {
        parent_fd: UnixListener::bind(world.socket(protocol)).unwrap().into(),
        child_fd: 3 + i32::try_from(number).unwrap(),
    });
    let mut command = world.program(&addresses.join(" "));
    command
        .env("LISTEN_FDS", ALL.len().to_string())
        .env("LISTEN_FDNAMES", names.join(":"))
        .fd_mappings(mappings.collect())
        .unwrap();
    replaced_and_ended(&world, command.spawn().unwrap());
    for protocol in ALL {
        // It is the manager's.
        assert!(world.socket(protocol).exists());
    }
}

#[test]
fn logs_are_opened_anew_by_who_was_started_with_its_socket() {
    let world = World::new("log");
    let path = world.socket(Protocol::FastCgi);
    let listener = UnixListener::bind(&path).unwrap();
    let mut child = world
        .program("")
        .stdin(OwnedFd::from(listener))
        .spawn()
        .unwrap();
    let ask = |target: &str| {
        let mut front = UnixStream::connect(&path).unwrap();
        let bytes = Said::get(target).send(Protocol::FastCgi, b"");
        front.write_all(&bytes).unwrap();
        let mut answer = Vec::new();
        front.read_to_end(&mut answer).unwrap();
        assert!(Answer::of(Protocol::FastCgi, &answer, false).whole);
    };
    world.is_told("READY=1");
    ask("/before");
    let (log, moved) = (world.path.join("log"), world.path.join("log.1"));
    // It is written by a thread of its own.
    while !fs::read_to_string(&log).unwrap().contains("/before") {
        std::thread::yield_now();
    }
    fs::rename(&log, &moved).unwrap();
    signal("-USR1", &child.id().to_string());
    while !log.exists() {
        std::thread::yield_now();
    }
    ask("/after");
    signal("-TERM", &child.id().to_string());
    assert!(child.wait().unwrap().success());
    let (log, moved) = (fs::read_to_string(log), fs::read_to_string(moved));
    let (log, moved) = (log.unwrap(), moved.unwrap());
    assert!(log.contains("/after") && !log.contains("/before"), "{log}");
    assert!(moved.contains("/before"), "{moved}");
}
