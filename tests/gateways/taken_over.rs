//! Listening sockets that came from elsewhere: from a service manager, and from the version before.

use std::convert::Infallible;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use command_fds::{CommandFdExt as _, FdMapping};
use gopuram::Body;
use http::{Request, Response};
use tower::util::service_fn;

use crate::front::{ALL, Answer, Said};

/// Set for the process that serves: its directory.
const SERVER: &str = "GOPURAM_TEST_TAKEN_OVER";

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a server and its test have in common, removed with the test.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let name = format!("gopuram-{}-{name}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        fs::create_dir(&directory).unwrap();
        Self(directory)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// This test once more in a process of its own.
fn server(test: &str, directory: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", test])
        .env(SERVER, directory)
        .stdout(Stdio::null());
    command
}

/// Serves at one address a protocol, in this process if it was started for that: with its number, and how long the body was.
async fn serve(address: &str) -> bool {
    let Some(directory) = std::env::var_os(SERVER).map(PathBuf::from) else {
        return false;
    };
    let begun = directory.join("begun");
    let app = service_fn(move |req: Request<Body>| {
        let mut file = fs::OpenOptions::new();
        let mut file = file.create(true).append(true).open(&begun).unwrap();
        file.write_all(b"x").unwrap();
        async move {
            let body = req.into_body().into_bytes(1000).await.unwrap();
            let said = format!("{} {}", std::process::id(), body.len());
            Ok::<_, Infallible>(Response::new(Body::from(said)))
        }
    });
    let mut serve = gopuram::serve(app).hand_over();
    for protocol in ALL {
        let place = address.replace("NAME", &format!("{protocol:?}"));
        serve = serve.bind(format!("{protocol}{place}"));
    }
    let server = serve.listen().await.unwrap();
    let sockets = server.addresses().iter().map(|address| {
        let socket = address.socket().unwrap();
        format!("{socket}\n")
    });
    fs::write(directory.join("sockets"), sockets.collect::<String>()).unwrap();
    server.run().await.unwrap();
    true
}

fn connect(socket: SocketAddr) -> TcpStream {
    let front = TcpStream::connect(socket).unwrap();
    front.set_read_timeout(Some(PATIENCE)).unwrap();
    front
}

fn kill(signal: &str, process: u32) {
    let process = process.to_string();
    let kill = Command::new("kill").args(["-s", signal, &process]).status();
    assert!(kill.unwrap().success());
}

fn ended(mut child: Child) {
    kill("TERM", child.id());
    assert!(child.wait().unwrap().success());
}

#[tokio::test]
async fn what_a_service_manager_passed_is_served_by_each_protocol() {
    if serve("systemd:NAME").await {
        return;
    }
    let directory = Directory::new("passed-fronts");
    let listeners = ALL.map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    let sockets = listeners.each_ref().map(|one| one.local_addr().unwrap());
    let mappings = (3..).zip(listeners).map(|(child_fd, listener)| FdMapping {
        parent_fd: OwnedFd::from(listener),
        child_fd,
    });
    let names = ALL.map(|protocol| format!("{protocol:?}")).join(":");
    let test = "taken_over::what_a_service_manager_passed_is_served_by_each_protocol";
    let child = server(test, &directory.0)
        .env("LISTEN_FDS", ALL.len().to_string())
        .env("LISTEN_FDNAMES", names)
        .fd_mappings(mappings.collect())
        .unwrap()
        .spawn()
        .unwrap();
    for (protocol, socket) in ALL.into_iter().zip(sockets) {
        let mut front = connect(socket);
        let bytes = Said::of("PUT", "/").send(protocol, b"abc");
        front.write_all(&bytes).unwrap();
        let mut answer = Vec::new();
        front.read_to_end(&mut answer).unwrap();
        let answer = Answer::of(protocol, &answer, false);
        assert_eq!(answer.body(), format!("{} 3", child.id()), "{protocol:?}");
        assert!(answer.whole);
    }
    ended(child);
}

#[tokio::test]
async fn a_new_version_takes_over_and_the_old_one_finishes_by_each_protocol() {
    if serve("127.0.0.1:0").await {
        return;
    }
    let directory = Directory::new("handed-fronts");
    let manager = UnixDatagram::bind(directory.0.join("manager")).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let told = || {
        let mut told = [0; 256];
        let length = manager.recv(&mut told).unwrap();
        String::from_utf8_lossy(&told[..length]).into_owned()
    };
    let test = "taken_over::a_new_version_takes_over_and_the_old_one_finishes_by_each_protocol";
    let mut old = server(test, &directory.0)
        .env("NOTIFY_SOCKET", directory.0.join("manager"))
        .spawn()
        .unwrap();
    assert!(told().starts_with("READY=1"));
    let sockets = fs::read_to_string(directory.0.join("sockets")).unwrap();
    let sockets: Vec<SocketAddr> = sockets.lines().map(|line| line.parse().unwrap()).collect();

    let bytes = ALL.map(|protocol| Said::of("PUT", "/").send(protocol, &[b'x'; 30]));
    let mut fronts: Vec<_> = sockets.iter().map(|&socket| connect(socket)).collect();
    for (front, bytes) in fronts.iter_mut().zip(&bytes) {
        let (most, _) = bytes.split_at(bytes.len() - 12);
        front.write_all(most).unwrap();
    }
    let since = Instant::now();
    while fs::read(directory.0.join("begun"))
        .unwrap_or_default()
        .len()
        < ALL.len()
    {
        assert!(since.elapsed() < PATIENCE);
        std::thread::yield_now();
    }
    kill("USR2", old.id());
    assert!(told().starts_with("READY=1"));
    let new = told();
    let new: u32 = new.strip_prefix("MAINPID=").unwrap().parse().unwrap();
    assert_ne!(new, old.id());

    let finish = |front: &mut TcpStream, bytes: &[u8], protocol| {
        front.write_all(bytes).unwrap();
        let mut answer = Vec::new();
        front.read_to_end(&mut answer).unwrap();
        let answer = Answer::of(protocol, &answer, false);
        assert!(answer.whole);
        answer.body().to_owned()
    };
    for ((front, bytes), protocol) in fronts.iter_mut().zip(&bytes).zip(ALL) {
        let (_, last) = bytes.split_at(bytes.len() - 12);
        let answer = finish(front, last, protocol);
        assert_eq!(answer, format!("{} 30", old.id()), "{protocol:?}");
    }
    assert!(old.wait().unwrap().success());
    for ((&socket, bytes), protocol) in sockets.iter().zip(&bytes).zip(ALL) {
        let answer = finish(&mut connect(socket), bytes, protocol);
        assert_eq!(answer, format!("{new} 30"), "{protocol:?}");
    }
    kill("TERM", new);
}
