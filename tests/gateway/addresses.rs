//! Addresses of every kind, and what is said of those that cannot be bound.

use std::fs;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt, symlink};
use std::os::unix::net::{SocketAddr as UnixAddr, UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use command_fds::{CommandFdExt as _, FdMapping};
use gopuram::gateway::{Address, Server};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::support::{App, Counter, read_until};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

/// A directory that no other test has, removed with its test.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let name = format!("gopuram-{}-{name}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        fs::create_dir(&directory).unwrap();
        Self(directory)
    }

    fn socket(&self) -> PathBuf {
        self.0.join("socket")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

async fn listen(address: impl Into<Address>) -> Result<Server<App>, String> {
    let serve = gopuram::serve(Counter::default().app()).bind(address);
    serve.listen().await.map_err(|error| error.to_string())
}

async fn mistake(address: impl Into<Address>) -> String {
    listen(address).await.unwrap_err()
}

#[tokio::test]
async fn all_addresses_are_those_of_both_families() {
    for text in ["[::]:0", "*:0"] {
        let server = listen(text).await.unwrap();
        let port = server.socket().unwrap().port();
        tokio::spawn(server.run());
        for host in ["127.0.0.1", "::1"] {
            let mut client = TcpStream::connect((host, port)).await.unwrap();
            client.write_all(GET).await.unwrap();
            read_until(&mut client, "hello").await;
        }
    }
    let server = listen("[::]:0?v6only").await.unwrap();
    let port = server.socket().unwrap().port();
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err());
    assert!(TcpStream::connect(("::1", port)).await.is_ok());
}

#[tokio::test]
async fn several_sockets_accept_at_one_address() {
    let server = listen("127.0.0.1:0?acceptors=4").await.unwrap();
    assert_eq!(server.addresses().len(), 1);
    let address = server.socket().unwrap();
    let handle = server.handle();
    let running = tokio::spawn(server.run());
    for _ in 0..20 {
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(GET).await.unwrap();
        read_until(&mut client, "hello").await;
    }
    assert_eq!(handle.stats().accepted, 20);
    handle.stop();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn an_abstract_name_has_no_file() {
    let name = format!("gopuram-{}-abstract", std::process::id());
    let server = listen(format!("unix:@{name}")).await.unwrap();
    assert_eq!(server.addresses()[0].to_string(), format!("unix:@{name}"));
    let place = UnixAddr::from_abstract_name(&name).unwrap();
    assert!(UnixStream::connect_addr(&place).is_ok());
    let error = mistake(format!("unix:@{name}")).await;
    assert!(error.contains("in use"), "{error}");
}

#[tokio::test]
async fn a_socket_file_has_the_mode_and_the_owners_it_was_given() {
    let directory = Directory::new("owners");
    let path = directory.socket();
    let group = fs::metadata("/proc/self").unwrap().gid();
    let text = format!("unix:{}?mode=660&group={group}", path.display());
    let server = listen(text).await.unwrap();
    let file = fs::symlink_metadata(&path).unwrap();
    assert_eq!(file.permissions().mode() & 0o777, 0o660);
    assert_eq!(file.gid(), group);
    drop(server);
    let error = mistake(Address::unix(&path).owner("nobody of that name")).await;
    assert!(error.contains("no such user"), "{error}");
    assert!(!path.exists());
}

#[tokio::test]
async fn a_link_is_neither_followed_nor_replaced() {
    let directory = Directory::new("link");
    let path = directory.socket();
    let precious = path.with_file_name("precious");
    fs::write(&precious, "precious").unwrap();
    fs::set_permissions(&precious, PermissionsExt::from_mode(0o600)).unwrap();
    symlink(&precious, &path).unwrap();
    let error = mistake(Address::unix(&path).mode(0o666)).await;
    assert!(error.contains("not a socket"), "{error}");
    // Nor a stale socket through one.
    let stale = path.with_file_name("stale");
    drop(UnixListener::bind(&stale).unwrap());
    fs::remove_file(&path).unwrap();
    symlink(&stale, &path).unwrap();
    mistake(Address::unix(&path)).await;
    assert!(fs::symlink_metadata(&path).unwrap().is_symlink() && stale.exists());
    assert_eq!(fs::metadata(&precious).unwrap().mode() & 0o777, 0o600);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_that_replace_a_stale_socket_one_has_it() {
    let directory = Directory::new("race");
    let path = directory.socket();
    for _ in 0..20 {
        drop(UnixListener::bind(&path).unwrap());
        let tries: Vec<_> = (0..8)
            .map(|_| tokio::spawn(listen(Address::unix(&path).mode(0o600))))
            .collect();
        let mut bound = Vec::new();
        for each in tries {
            bound.extend(each.await.unwrap());
        }
        assert_eq!(bound.len(), 1);
        assert!(UnixStream::connect(&path).is_ok());
        drop(bound);
        assert!(!path.exists());
    }
}

#[tokio::test]
async fn mistakes_are_told_with_what_to_write_instead() {
    for (text, instead) in [
        ("/tmp/x.sock", "`unix:/path`"),
        ("unix:", "there is no path"),
        ("::1:8000", "in brackets"),
        ("http://localhost:8000", "this is a URL"),
        ("127.0.0.1:0?moed=600", "options are"),
        ("127.0.0.1:0?proxy", "`proxy` takes the networks"),
        ("fd:99", "fd:99"),
        ("systemd:web", "no socket was passed to this process"),
    ] {
        let error = mistake(text).await;
        assert!(error.contains(text) && error.contains(instead), "{error}");
    }
    let wrong = Address::from("127.0.0.1:0").proxy_protocol("everybody");
    assert!(mistake(wrong).await.contains("everybody"));
}

/// Set for the process that serves what it inherits.
const INHERITED: &str = "GOPURAM_TEST_INHERITED";

/// This test once more in a process of its own, with these descriptors from 3 on.
fn server(address: &str, fds: Vec<OwnedFd>, names: &str) -> Child {
    let count = fds.len().to_string();
    let mappings = (3..).zip(fds).map(|(child_fd, parent_fd)| FdMapping {
        parent_fd,
        child_fd,
    });
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--nocapture", "--exact"])
        .arg("addresses::what_was_passed_is_served")
        .env(INHERITED, address)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .fd_mappings(mappings.collect())
        .unwrap();
    if names != "-" {
        command
            .env("LISTEN_FDS", count)
            .env("LISTEN_FDNAMES", names);
    }
    command.spawn().unwrap()
}

/// Ends a server, which is this process's.
fn end(mut server: Child) {
    server.kill().unwrap();
    server.wait().unwrap();
}

fn ask(mut client: impl std::io::Read + std::io::Write) {
    client.write_all(GET).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("hello"), "{answer}");
}

#[tokio::test]
async fn what_was_passed_is_served() {
    if let Ok(address) = std::env::var(INHERITED) {
        let serve = gopuram::serve(Counter::default().app());
        let addresses = address.split(' ');
        let serve = addresses.fold(serve, gopuram::gateway::Serve::bind);
        serve.await.unwrap();
        return;
    }
    let directory = Directory::new("passed");
    let path = directory.socket();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let socket = tcp.local_addr().unwrap();
    let unix = UnixListener::bind(&path).unwrap();
    let fds = || {
        vec![
            tcp.try_clone().unwrap().into(),
            unix.try_clone().unwrap().into(),
        ]
    };
    for (address, names) in [
        ("systemd:file systemd:web", "web:file"),
        ("systemd: systemd:", ""),
        ("fd:4 fd:3", "web:file"),
        // Without a word about it: the kernel is asked.
        ("fd:3 fd:4", "-"),
    ] {
        let server = server(address, fds(), names);
        ask(std::net::TcpStream::connect(socket).unwrap());
        ask(UnixStream::connect(&path).unwrap());
        end(server);
        assert!(path.exists(), "the file is the manager's");
    }
}

#[tokio::test]
async fn what_does_not_listen_is_told_so() {
    let (one, _other) = UnixStream::pair().unwrap();
    let server = server("fd:3", vec![one.into()], "");
    let output = server.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(said.contains("does not listen"), "{said}");
}
